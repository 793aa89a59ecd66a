//! A connection of the session's own to its backend: one attempt to have it, whatever the backend speaks. When to dial is
//! the session's.

mod raw;
mod standing;
mod websocket;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tracing::warn;

use super::chain::Facts;
use super::codec::Framing;
use super::complaints::Complaints;
use super::handshake::Handshake;
use super::route::{Backend, Route};
use super::trace::{Connect, ConnectSpan, TraceContext};
use crate::dial;
use crate::tls::{self, HandshakeError, Stream};

pub use standing::{Backends, Reached, Standing};
pub use websocket::{accept_for, apply_facts, has_token};

/// A connection to a backend, ready for messages.
pub struct Dialled {
    /// After the handshake, if there is one.
    pub stream: Stream,
    /// What came with the end of the handshake.
    pub early: Bytes,
    /// The backend's answer to the handshake, if there is one.
    pub answer: Option<Response<()>>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody listens, the name is not known, the connection broke during the handshake.
    #[error("cannot reach {authority}: {cause}")]
    Unreachable {
        /// Who was dialled.
        authority: Box<str>,
        /// What the system said.
        cause: io::Error,
    },
    /// It is there, and TLS with it comes to nothing.
    #[error("{authority}: {cause}")]
    Tls {
        /// Who was dialled.
        authority: Box<str>,
        /// Says what to do.
        cause: HandshakeError,
    },
    /// The route's `connect_timeout` ran out.
    #[error("no connection and no answer to the handshake within {0:?}")]
    TimedOut(Duration),
    /// An HTTP answer other than 101.
    #[error("the backend answered {}", .0.status())]
    Refused(Box<Response<Incoming>>),
    /// A 101 that RFC 6455, section 4.1, tells a client to reject.
    #[error("the backend's 101 is not valid: {0}")]
    NotWebSocket(&'static str),
}

impl DialError {
    /// Whether there was somebody, all the same.
    pub fn reached(&self) -> Reached {
        match self {
            Self::Refused(_) => Reached::Yes,
            Self::Unreachable { .. } | Self::Tls { .. } | Self::TimedOut(_) | Self::NotWebSocket(_) => Reached::No,
        }
    }
}

/// Whether the session had a backend before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connection {
    /// It had none.
    First,
    /// It is held.
    Resumed,
}

/// One attempt of a session's to have a backend.
pub struct Attempt<'a> {
    /// The session's.
    pub route: &'a Arc<Route>,
    /// What the client asked for.
    pub handshake: &'a Handshake,
    /// What filters ask of the backend.
    pub facts: &'a Facts,
    /// Our own end of the client's connection.
    pub door: Option<SocketAddr>,
    /// From 1.
    pub number: u32,
    /// Whether it is for the first backend.
    pub connection: Connection,
}

/// What a backend is told before the first message.
enum Opening {
    WebSocket(Request<Empty<Bytes>>),
    Raw(Vec<u8>),
}

impl Attempt<'_> {
    /// Waits for its turn, then connects and shakes hands, bounded by the route's `connect_timeout`. Its span is under
    /// `parent`.
    pub fn start(
        &self,
        parent: &TraceContext,
        turns: &Rc<Semaphore>,
    ) -> impl Future<Output = Result<Dialled, DialError>> + use<> {
        let connect = Connect::of_session(self.route, self.handshake, self.number, self.connection);
        let span = ConnectSpan::start(parent, &connect);
        let opening = match self.route.framing {
            Framing::WebSocket => {
                let mut request = websocket::request(self);
                span.inject(request.headers_mut());
                Opening::WebSocket(request)
            }
            Framing::Raw(_) => Opening::Raw(raw::preface(self)),
        };
        let (route, turns) = (Arc::clone(self.route), Rc::clone(turns));
        async move {
            // The semaphore is never closed; if it were, dialling unbounded would still be right.
            let _permit = turns.acquire().await.ok();
            let timeout = route.backend.connect_timeout;
            let dial = async {
                match opening {
                    Opening::WebSocket(request) => websocket::dial(&route.backend, request).await,
                    Opening::Raw(preface) => raw::dial(&route.backend, &preface).await,
                }
            };
            let outcome = tokio::time::timeout(timeout, dial).await.unwrap_or(Err(DialError::TimedOut(timeout)));
            tell(span, &outcome);
            outcome
        }
    }
}

impl DialError {
    /// What waiting does not mend is said in the log.
    pub fn complain(&self, complaints: &Complaints) {
        if let Self::Tls { authority, cause } = self
            && complaints.is_due()
        {
            warn!(backend = &**authority, "{cause}");
        }
    }

    /// What a connection or its handshake broke with.
    fn unreachable(backend: &Backend, cause: io::Error) -> Self {
        let authority = backend.authority.clone();
        let tls = cause.get_ref().and_then(|held| held.downcast_ref::<HandshakeError>()).cloned();
        let refused = || Some(HandshakeError { name: authority.to_string(), explanation: tls::explain(&cause)? });
        match tls.or_else(refused) {
            Some(cause) => Self::Tls { authority, cause },
            None => Self::Unreachable { authority, cause },
        }
    }
}

async fn connect(backend: &Backend) -> Result<TcpStream, DialError> {
    let unreachable = |cause| DialError::unreachable(backend, cause);
    let stream = dial::connect(&*backend.authority).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}

/// With TLS, if the backend wants it.
async fn secure(backend: &Backend, stream: TcpStream) -> Result<Stream, DialError> {
    let Some(tls) = &backend.tls else { return Ok(Stream::Plain(stream)) };
    tls.connect(stream, backend.host()).await.map_err(|cause| DialError::unreachable(backend, cause))
}

/// What the attempt's span says of its end.
fn tell(span: ConnectSpan, outcome: &Result<Dialled, DialError>) {
    match outcome {
        Ok(Dialled { answer: Some(answer), .. }) => span.answered(answer.status().as_u16()),
        Ok(Dialled { answer: None, .. }) => drop(span),
        Err(DialError::Refused(response)) => span.answered(response.status().as_u16()),
        Err(error @ DialError::Unreachable { .. }) => span.failed("unreachable", error),
        Err(error @ DialError::Tls { .. }) => span.failed("tls", error),
        Err(error @ DialError::TimedOut(_)) => span.failed("timeout", error),
        Err(error @ DialError::NotWebSocket(_)) => span.failed("not_websocket", error),
    }
}
