//! Answers: the backend's as it streams, and our own to a request that the backend did not answer.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::client::legacy;

use super::Body;
use super::dial::Uses;
use super::upload::Watch;
use crate::dataplane::route::Route;

/// The body of a backend's answer. When it has ended, or nobody wants it any more, the request is over, whether or not the
/// client has sent all of it.
pub struct Streamed {
    body: Incoming,
    listener: Option<Listener>,
    _watch: Watch,
}

/// Is told how a body begins, as it passes.
type Listener = Box<dyn FnOnce(&[u8]) + Send>;

impl Streamed {
    pub(super) fn new(body: Incoming, watch: Watch) -> Self {
        Self { body, listener: None, _watch: watch }
    }

    /// Tells `listener` how the body begins: what comes first of it, whatever that is.
    pub fn overheard_by(mut self, listener: impl FnOnce(&[u8]) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
            && let Some(listener) = self.listener.take()
        {
            listener(data);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A short answer in plain text; a line feed is added.
pub fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut answer = Response::new(Either::Right(Full::new(format!("{text}\n").into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

/// Why a request has no answer of the backend's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the backend cannot be reached: {0}")]
    Unreachable(Box<str>),
    #[error("the backend did not accept a connection in time")]
    ConnectTimedOut,
    #[error("the backend went away before it answered: {0}")]
    Lost(Box<str>),
    /// On a connection that had been used before: it may be that only the connection was gone.
    #[error("the backend closed a connection that it had kept")]
    LostStale,
    #[error("the backend's answer is no valid HTTP: {0}")]
    Invalid(Box<str>),
    #[error("the backend's answer has a transfer coding other than chunked")]
    Coded,
    #[error("the request's body broke off, or is not valid")]
    ClientLost,
    #[error("the backend did not answer in time")]
    AnswerTimedOut,
    #[error("the backend did not take the request's body in time")]
    BackendStalled,
    #[error("the client did not send the request's body in time")]
    ClientStalled,
    #[error("the backend switched protocols unasked")]
    Switched,
    #[error("the request's target does not fit behind the backend's")]
    Target,
}

impl Failure {
    pub(super) fn of(error: &legacy::Error) -> Self {
        if error.is_connect() {
            return Self::Unreachable(innermost(error));
        }
        let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
        if cause.is_some_and(hyper::Error::is_user) {
            // The only thing of ours that can fail is the body, and that is the client's.
            return Self::ClientLost;
        }
        if cause.is_some_and(hyper::Error::is_parse) {
            return Self::Invalid(innermost(error));
        }
        let mut known = http::Extensions::new();
        if let Some(connection) = error.connect_info() {
            connection.get_extras(&mut known);
        }
        let reset = innermost_io(error).is_some_and(|cause| {
            matches!(cause, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected)
        });
        let closed = cause.is_some_and(|c| c.is_incomplete_message() || c.is_canceled() || c.is_closed());
        if (reset || closed) && known.get::<Uses>().is_some_and(Uses::any) {
            return Self::LostStale;
        }
        Self::Lost(innermost(error))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unreachable(_)
            | Self::Lost(_)
            | Self::LostStale
            | Self::Invalid(_)
            | Self::Coded
            | Self::Switched => StatusCode::BAD_GATEWAY,
            Self::ConnectTimedOut | Self::AnswerTimedOut | Self::BackendStalled => StatusCode::GATEWAY_TIMEOUT,
            Self::ClientStalled => StatusCode::REQUEST_TIMEOUT,
            Self::ClientLost | Self::Target => StatusCode::BAD_REQUEST,
        }
    }

    /// Tells the client what, and where, but not the backend's address.
    pub(super) fn answer(&self, route: &Route) -> Response<Body> {
        let what = match self {
            Self::Unreachable(_) => "the backend cannot be reached",
            Self::Lost(_) | Self::LostStale => "the backend went away before it answered",
            Self::Invalid(_) => "the backend's answer is no valid HTTP",
            Self::ConnectTimedOut
            | Self::Coded
            | Self::ClientLost
            | Self::AnswerTimedOut
            | Self::BackendStalled
            | Self::ClientStalled
            | Self::Switched
            | Self::Target => &self.to_string(),
        };
        plain(self.status(), &format!("belay: route {}: {what}", route.name))
    }

    pub(super) fn log(&self, route: &Route) {
        let (route, backend) = (&*route.name, &*route.backend.authority);
        match self {
            Self::ClientLost | Self::ClientStalled | Self::Target => tracing::debug!(route, backend, "{self}"),
            Self::Unreachable(_)
            | Self::ConnectTimedOut
            | Self::Lost(_)
            | Self::LostStale
            | Self::Invalid(_)
            | Self::Coded
            | Self::AnswerTimedOut
            | Self::BackendStalled
            | Self::Switched => tracing::warn!(route, backend, "{self}"),
        }
    }
}

fn innermost(error: &legacy::Error) -> Box<str> {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string().into()
}

fn innermost_io(error: &legacy::Error) -> Option<io::ErrorKind> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}
