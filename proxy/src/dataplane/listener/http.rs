//! One connection that speaks HTTP. If the first that it says is a WebSocket handshake it is answered by hand; everything else
//! is hyper's to read and to answer, a refused handshake's answer too. What a request means is [`serve`]'s.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::debug;

use super::opening::{self, Handshake, Opening};
use super::welcome::Doorman;
use super::{Arrival, Patience, Patient};
use crate::dataplane::head;
use crate::dataplane::rewound::Rewound;
use crate::dataplane::route::{Listener, ListenerLimits};
use crate::dataplane::serve::{self, Body, Door};
use crate::dataplane::worker::Worker;

/// Our 101 with the headers of one backend fits.
const ANSWER_BYTES: usize = 512;

/// The head must come within the handshake's time, and within its bounds; hyper answers 400 or 431 by itself.
pub(super) fn reader(limits: &ListenerLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.handshake_timeout)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max.max(8 * 1024))
        .max_headers(limits.headers_max);
    http
}

/// From its first byte to its last, or to its session.
pub(super) async fn connection(
    worker: Rc<Worker>,
    http: Rc<http1::Builder>,
    listener: Rc<Listener>,
    doorman: Rc<Doorman>,
    arrival: Arrival,
) {
    let Arrival { stream, peer, slot } = arrival;
    let Some((stream, tls)) = doorman.welcome(&listener, &worker.counters, stream, peer).await else { return };
    let patience = Patience::default();
    let mut stream = Patient::new(stream, patience.clone());
    let door = Door { listener, peer, tls, patience, slot: Rc::new(Cell::new(Some(slot))) };
    let limits = &door.listener.limits;
    let opening = opening::hear(&mut stream, limits, worker.departs());
    let opening = match tokio::time::timeout(limits.handshake_timeout, opening).await {
        Ok(Ok(opening)) => opening,
        Ok(Err(error)) => return debug!(%peer, %error, "a client left before its request"),
        Err(_) => return debug!(%peer, "a client's request did not come in time"),
    };
    // Boxed, both: kilobytes that would be moved with the connection wherever that goes before anything is asked.
    let rest = match opening {
        Opening { heard, handshake: None } => Rest { stream: Rewound::new(stream, heard), answer: None },
        Opening { heard, handshake: Some(handshake) } => {
            match Box::pin(shake_hands(&worker, &door, stream, heard, handshake)).await {
                Some(rest) => rest,
                None => return,
            }
        }
    };
    Box::pin(serve_requests(worker, &http, &doorman, door, rest)).await;
}

/// A connection that is left to hyper, and what it is to answer to the first request if that is known.
struct Rest {
    stream: Rewound<Patient>,
    answer: Option<Response<Body>>,
}

/// Nothing if the connection is a session's now, or no more.
async fn shake_hands(
    worker: &Rc<Worker>,
    door: &Door,
    mut stream: Patient,
    heard: Bytes,
    handshake: Handshake,
) -> Option<Rest> {
    let Handshake { request, length } = handshake;
    let mut early = BytesMut::from(&heard[length..]);
    let answered = tokio::select! {
        answered = serve::handshake(worker, request, door) => answered,
        () = leaves(&mut stream, &mut early) => {
            debug!(peer = %door.peer, "the client left during its handshake");
            return None;
        }
    };
    let (answer, newcomer) = match answered {
        (answer, Some(newcomer)) => (answer, newcomer),
        (answer, None) => {
            let heard = [&heard[..length], &early].concat();
            return Some(Rest { stream: Rewound::new(stream, heard.into()), answer: Some(answer) });
        }
    };
    let mut head = Vec::with_capacity(ANSWER_BYTES);
    head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    head::write_fields(&mut head, answer.headers());
    if let Err(error) = say(&mut stream, &head).await {
        debug!(peer = %door.peer, %error, "the client left during its handshake");
        return None;
    }
    newcomer.enter(worker, stream.into_inner(), early.freeze(), &door.slot);
    None
}

async fn say(stream: &mut Patient, head: &[u8]) -> io::Result<()> {
    stream.write_all(head).await?;
    stream.flush().await
}

/// Returns when the client is gone. It may speak on meanwhile, and is not listened to for long: what it says then waits for the
/// session in its socket.
async fn leaves(stream: &mut Patient, early: &mut BytesMut) {
    if early.is_empty() && !matches!(stream.read_buf(early).await, Ok(1..)) {
        return;
    }
    std::future::pending().await
}

async fn serve_requests(worker: Rc<Worker>, http: &http1::Builder, doorman: &Doorman, door: Door, rest: Rest) {
    let Rest { stream, answer } = rest;
    let answer = Cell::new(answer);
    let service = service_fn(|request| {
        let (worker, door, known) = (&worker, &door, answer.take());
        // Boxed: 5.5 KB that would be moved with the connection wherever that goes before anything is asked.
        Box::pin(async move {
            Ok::<_, Infallible>(match known {
                Some(answer) => answer,
                None => serve::request(worker, request, door).await,
            })
        })
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let outcome = tokio::select! {
        // First: what was heard is a request that is under way.
        biased;
        outcome = connection.as_mut() => outcome,
        // The request that is under way is answered, and no other.
        () = worker.departs() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    let peer = door.peer;
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
