//! A client, a forwarder on hyper's server, and a backend, each on a socket of its own. What the two ends write is written
//! here to the byte, so that what arrives can be read to the byte.

mod bodies;
mod failures;
mod helpers;
mod passing;
mod pool;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::dataplane::codec::Framing;
use crate::dataplane::heartbeat::HeartbeatPolicy;
use crate::dataplane::hold::HoldPolicy;
use crate::dataplane::route::{Backend, Match, MessageLimits, SlowClient};

/// Longer than anything here takes; shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(10);

fn route_to(backend: impl ToString) -> Route {
    Route {
        name: "shop".into(),
        matches: Match::default(),
        framing: Framing::WebSocket,
        backend: Backend::at(backend.to_string()),
        filters: vec![],
        heartbeat: HeartbeatPolicy::default(),
        hold: HoldPolicy::default(),
        messages: MessageLimits::default(),
        slow_client: SlowClient::default(),
    }
}

/// A backend's listening socket.
struct Listening(TcpListener);

impl Listening {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    fn route(&self) -> Route {
        route_to(self.address())
    }

    async fn accept(&self) -> End {
        let (stream, _) = tokio::time::timeout(PATIENCE, self.0.accept()).await.expect("in time").expect("accepted");
        End { stream, unread: Vec::new() }
    }
}

/// One end of a connection, in text.
struct End {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl End {
    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("written");
    }

    /// What arrives up to and with `end`.
    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end.as_bytes()) {
                let rest = self.unread.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.unread, rest)).expect("text");
            }
            assert!(self.read().await > 0, "ended before {end:?}, after {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// What arrives until the other end closes.
    async fn rest(&mut self) -> String {
        while self.read().await > 0 {}
        String::from_utf8(std::mem::take(&mut self.unread)).expect("text")
    }

    async fn read(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.unread);
        // A reset is an end too.
        tokio::time::timeout(PATIENCE, read).await.expect("in time").unwrap_or(0)
    }
}

/// A forwarder that sends everything to `route`, until the test's runtime ends.
async fn front(route: Route) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let shared = Arc::new((Forwarder::new(), route));
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let shared = shared.clone();
            let service = service_fn(move |mut request| {
                let shared = shared.clone();
                async move {
                    let (forwarder, route) = &*shared;
                    take_absolute_form(&mut request);
                    let answer = match refuse(&request) {
                        Some(refusal) => refusal,
                        None => forwarder.forward(route, request, peer, &Scheme::HTTP).await,
                    };
                    Ok::<_, std::convert::Infallible>(answer)
                }
            });
            let serving =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving);
        }
    });
    address
}

async fn connect(address: SocketAddr) -> End {
    End { stream: TcpStream::connect(address).await.expect("connected"), unread: Vec::new() }
}

/// A client of a forwarder to that route.
async fn client(route: Route) -> End {
    connect(front(route).await).await
}

const GET: &str = "GET / HTTP/1.1\r\nhost: shop\r\n\r\n";
