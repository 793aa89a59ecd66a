//! Accepts connections. Whether one may come in is [`turnstile`]'s to say. TLS comes first, in [`welcome`]; then its requests
//! are read in [`mod@http`], within the listener's limits. What a request means is [`serve`]'s, and so is a connection without
//! any.

mod http;
mod opening;
mod patience;
mod refusal;
mod turnstile;
mod welcome;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tracing::debug;

pub use self::patience::{Patience, Patient};
pub use self::refusal::Refused;
use self::refusal::{Manners, Refuser};
pub use self::turnstile::{ConnectionSlot, Turnstile};
use self::welcome::Doorman;
use super::route::{Listener, Protocol};
use super::serve::{self, Entrance};
use super::worker::Worker;
use crate::time::Instant;

/// Connections that are accepted before whoever else has something to do gets a turn: of a flood, a millisecond or so.
const ACCEPTED_AT_ONCE: usize = 16;

/// What becomes of connections.
enum Service {
    Http(Rc<http1::Builder>),
    Raw,
}

/// Accepts for ever.
pub async fn run(worker: Rc<Worker>, socket: Rc<TcpListener>, listener: Listener, turnstile: Turnstile) {
    let listener = Rc::new(listener);
    let service = match listener.protocol {
        Protocol::Http => Service::Http(Rc::new(http::reader(&listener.limits))),
        Protocol::Tcp => Service::Raw,
    };
    let doorman = Rc::new(Doorman::default());
    let mut refuser = Refuser::new(match (&service, &listener.tls) {
        (Service::Http(_), None) => Manners::Answer,
        _ => Manners::Hang,
    });
    for count in 1_usize.. {
        match socket.accept().await {
            Ok((stream, peer)) => {
                worker.counters.connections_accepted.add(1);
                match turnstile.admit(peer.ip(), Instant::now()) {
                    Ok(slot) => serve(&service, &worker, &listener, &doorman, Arrival { stream, peer, slot }),
                    Err(why) => refuser.refuse(why, &worker.counters, stream),
                }
            }
            Err(error) if is_out_of_files(&error) => refuser.refuse_next(&worker.counters, &socket).await,
            // The client gave up between connecting and being accepted.
            Err(error) => debug!(%error, "cannot accept a connection"),
        }
        if count % ACCEPTED_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// A connection that was accepted.
struct Arrival {
    stream: TcpStream,
    peer: SocketAddr,
    slot: ConnectionSlot,
}

fn serve(service: &Service, worker: &Rc<Worker>, listener: &Rc<Listener>, doorman: &Rc<Doorman>, arrival: Arrival) {
    let (worker, listener, doorman) = (Rc::clone(worker), Rc::clone(listener), Rc::clone(doorman));
    match service {
        Service::Http(reader) => {
            tokio::task::spawn_local(http::connection(worker, Rc::clone(reader), listener, doorman, arrival));
        }
        Service::Raw => {
            tokio::task::spawn_local(serve_connection(worker, listener, doorman, arrival));
        }
    }
}

async fn serve_connection(worker: Rc<Worker>, listener: Rc<Listener>, doorman: Rc<Doorman>, arrival: Arrival) {
    let Arrival { stream, peer, slot } = arrival;
    let Some((stream, tls)) = doorman.welcome(&listener, &worker.counters, stream, peer).await else { return };
    let name = listener.name.as_deref().unwrap_or_default();
    let table = worker.table();
    let route = table.dataplane.routes.of_listener(name, tls.server_name.as_deref());
    let Some(route) = route.and_then(|route| table.route(route)).cloned() else {
        worker.counters.handshakes_refused.add(1);
        return debug!(%peer, "no route takes this connection");
    };
    serve::raw::connection(worker, route, stream, Entrance { peer, tls, slot }).await;
}

fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}
