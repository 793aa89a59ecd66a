//! Accepts connections and reads their requests, within the listener's limits. Whether a connection may come in is
//! [`turnstile`]'s to say. What a request means is [`serve`]'s, and so is a connection without any. TLS comes first, in
//! [`welcome`].

mod patience;
mod refusal;
mod turnstile;
mod welcome;

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tracing::debug;

pub use self::patience::{Patience, Patient};
pub use self::refusal::Refused;
use self::refusal::{Manners, Refuser};
pub use self::turnstile::{ConnectionSlot, Turnstile};
use self::welcome::Doorman;
use super::route::{Listener, ListenerLimits, Protocol};
use super::serve::{self, Door, Entrance};
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
        Protocol::Http => Service::Http(Rc::new(http(&listener.limits))),
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
        Service::Http(http) => {
            tokio::task::spawn_local(serve_requests(worker, Rc::clone(http), listener, doorman, arrival));
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

/// The head must come within the handshake's time, and within its bounds; hyper answers 408 or 431 by itself.
fn http(limits: &ListenerLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.handshake_timeout)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max.max(8 * 1024))
        .max_headers(limits.headers_max);
    http
}

async fn serve_requests(
    worker: Rc<Worker>,
    http: Rc<http1::Builder>,
    listener: Rc<Listener>,
    doorman: Rc<Doorman>,
    arrival: Arrival,
) {
    let Arrival { stream, peer, slot } = arrival;
    let Some((stream, tls)) = doorman.welcome(&listener, &worker.counters, stream, peer).await else { return };
    let patience = Patience::default();
    let stream = TokioIo::new(Patient::new(stream, patience.clone()));
    let door = Door { listener, peer, tls, patience, slot: Rc::new(Cell::new(Some(slot))) };
    let service = service_fn(|request| {
        let (worker, door) = (Rc::clone(&worker), &door);
        // Boxed: 5.5 KB that would be moved with the connection wherever that goes before anything is asked.
        Box::pin(async move { Ok::<_, Infallible>(serve::request(worker, request, door).await) })
    });
    let mut connection = pin!(http.serve_connection(stream, service).with_upgrades());
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        // The request that is under way is answered, and no other.
        () = worker.departs() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        // A client's mistake or its leaving: hyper has answered it as far as it can be answered.
        debug!(%peer, %error, "a connection ended badly");
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        if cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut) {
            worker.counters.clients_misbehaved.add(1);
        }
        if error.is_parse() {
            doorman.tell_of_nonsense(&door.listener, peer);
        }
    }
}

fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}
