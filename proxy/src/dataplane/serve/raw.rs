//! One raw TCP connection, from its first moment to a session of its own or to its end. There is nothing to read before the
//! backend is there: what happens then is the driver's.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tracing::debug;

use super::Entrance;
use super::guest::Guest;
use crate::dataplane::driver::{Driver, Early};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::route::Route;
use crate::dataplane::trace::HandshakeSpan;
use crate::dataplane::worker::{RouteState, Worker};
use crate::id::SessionId;
use crate::time::Instant;
use crate::tls::Stream;

/// The kernel's own count of keepalives without an answer after which a connection is dead (tcp(7), `tcp_keepalive_probes`).
const KEEPALIVES: u32 = 9;

/// Lets a client in, if the filters and the backend do. One that is not let in is closed without a word, as there is none
/// that every protocol knows.
pub async fn connection(worker: Rc<Worker>, route: Rc<RouteState>, stream: Stream, entrance: Entrance) {
    let Entrance { peer, tls, slot } = entrance;
    if let Err(error) = prepare(stream.tcp(), &route.route) {
        return debug!(%peer, %error, "the connection broke before its session");
    }
    let span = HandshakeSpan::of_connection(peer);
    span.route(&route.route.name);
    let mut handshake = Handshake::new(SessionId::random(), peer, "/", std::iter::empty());
    span.session(handshake.session);
    handshake.trace = span.context();
    let mut guest = Guest::new(&worker, &route, handshake, &tls, stream.tcp().local_addr().ok());
    if guest.ask_filters().await.is_err() {
        span.refused();
        span.turned_away("refused");
        return worker.counters.handshakes_refused.add(1);
    }
    let begun = Instant::now();
    match guest.dial().await {
        Ok(dialled) => {
            span.let_in();
            let session = guest.into_session(Instant::now() - begun);
            let early = Early { client: Bytes::new(), upstream: dialled.early };
            tokio::task::spawn_local(Driver::new(worker, session, stream, dialled.stream, early, slot));
        }
        Err(_) => span.turned_away("no_backend"),
    }
}

/// Where WebSocket clients are sent pings, the kernel asks these whether they are there, unless there is a message to ask by;
/// and what it has taken from us for them they must take in time, as nothing else proves that they live.
fn prepare(stream: &TcpStream, route: &Route) -> io::Result<()> {
    let (heartbeat, stall) = (&route.heartbeat, route.slow_client.stall_timeout);
    let socket = SockRef::from(stream);
    let Some(probe) = heartbeat.probe.as_ref().filter(|_| heartbeat.probe_message.is_none()) else {
        return socket.set_tcp_user_timeout(Some(stall));
    };
    let probe = probe.without_learning();
    // The kernel counts in whole seconds.
    let interval = (probe.timeout / KEEPALIVES).max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(probe.every.max(Duration::from_secs(1))).with_interval(interval);
    socket.set_tcp_keepalive(&keepalive)?;
    // It also says when keepalives without an answer are enough, and it is as strict with a client that lives and does not
    // read (tcp(7)): that one has its own time.
    socket.set_tcp_user_timeout(Some(stall.max(probe.every + probe.timeout)))
}
