//! The span of one attempt to connect to a backend, and what the backend is told of it.

use http::HeaderMap;
use tracing::{Span, field};

use super::{Place, TARGET, TraceContext, ask};
use crate::dataplane::codec::Framing;
use crate::dataplane::handshake::Handshake;
use crate::dataplane::route::Route;
use crate::dataplane::upstream::Connection;
use crate::id::SessionId;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// One attempt, of kind client: from the dial to the backend's answer to the handshake or the plain request.
#[derive(Debug)]
pub struct ConnectSpan {
    span: Span,
    context: TraceContext,
}

/// What is attempted.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    /// The route's name.
    pub route: &'a str,
    /// Host and port that are dialled.
    pub authority: &'a str,
    /// What is spoken there.
    pub spoken: Spoken<'a>,
    /// The client's W3C headers.
    pub traceparent: Option<&'a str>,
    /// See `traceparent`.
    pub tracestate: Option<&'a str>,
    /// The session, unless it is a plain request.
    pub session: Option<SessionAttempt>,
}

/// What is spoken to a backend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spoken<'a> {
    /// A plain request, or a WebSocket handshake.
    Http {
        /// The request's.
        method: &'a str,
        /// `http` or `https`.
        scheme: &'static str,
        /// Put before the client's path.
        prefix: &'a str,
        /// The client's, without the query.
        path: &'a str,
    },
    /// Whatever the client speaks.
    Raw,
}

/// An attempt of a session's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionAttempt {
    /// The session's id.
    pub id: SessionId,
    /// As `Belay-Attempt` tells the backend.
    pub attempt: u32,
    /// As `Belay-Resumed` does: whether the session had an upstream before.
    pub resumed: bool,
}

impl<'a> Connect<'a> {
    /// For a session.
    pub fn of_session(route: &'a Route, handshake: &'a Handshake, attempt: u32, connection: Connection) -> Self {
        let resumed = connection == Connection::Resumed;
        Self {
            route: &route.name,
            authority: &route.backend.authority,
            spoken: match route.framing {
                Framing::WebSocket => Spoken::http("GET", route, handshake.path()),
                Framing::Raw(_) => Spoken::Raw,
            },
            traceparent: handshake.header(TRACEPARENT),
            tracestate: handshake.header(TRACESTATE),
            session: Some(SessionAttempt { id: handshake.session, attempt, resumed }),
        }
    }

    /// For a plain request.
    pub fn of_request<B>(route: &'a Route, request: &'a http::Request<B>) -> Self {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        Self {
            route: &route.name,
            authority: &route.backend.authority,
            spoken: Spoken::http(request.method().as_str(), route, request.uri().path()),
            traceparent: header(TRACEPARENT),
            tracestate: header(TRACESTATE),
            session: None,
        }
    }
}

impl<'a> Spoken<'a> {
    fn http(method: &'a str, route: &'a Route, path: &'a str) -> Self {
        let scheme = if route.backend.tls.is_some() { "https" } else { "http" };
        Self::Http { method, scheme, prefix: &route.backend.path_prefix, path }
    }
}

impl ConnectSpan {
    /// Under the handshake's context, or under the hold's while the session is held.
    pub fn start(parent: &TraceContext, connect: &Connect<'_>) -> Self {
        if parent.is_none() {
            return Self::none();
        }
        let (host, port) = split(connect.authority);
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "connect",
            otel.name = field::display(format_args!("connect {}", connect.route)),
            otel.kind = "client",
            otel.status_description = field::Empty,
            server.address = host,
            server.port = field::Empty,
            http.request.method = field::Empty,
            url.full = field::Empty,
            network.transport = "tcp",
            http.response.status_code = field::Empty,
            "error.type" = field::Empty,
            belay.session.id = field::Empty,
            belay.route = connect.route,
            belay.attempt = field::Empty,
            belay.resumed = field::Empty,
            belay.kept_for = field::Empty,
        );
        if let Some(port) = port {
            span.record("server.port", i64::from(port));
        }
        if let Spoken::Http { method, scheme, prefix, path } = connect.spoken {
            span.record("http.request.method", method);
            // Without the query, which may hold tokens.
            span.record("url.full", field::display(format_args!("{scheme}://{}{prefix}{path}", connect.authority)));
        }
        if let Some(SessionAttempt { id, attempt, resumed }) = connect.session {
            span.record("belay.session.id", field::display(id));
            span.record("belay.attempt", i64::from(attempt));
            span.record("belay.resumed", resumed);
        }
        let trace = parent.trace_id();
        let is_theirs = connect.traceparent.is_some_and(|theirs| names_trace(theirs.as_bytes(), trace));
        let place = Place::Under(parent, connect.tracestate.filter(|_| is_theirs));
        let context = ask(&span, |hook| {
            hook.place(&span, place);
            hook.context(&span)
        });
        Self { span, context: context.unwrap_or_default() }
    }

    /// For where nothing is traced.
    pub fn none() -> Self {
        Self { span: Span::none(), context: TraceContext::NONE }
    }

    /// Puts the W3C headers in place of the client's, so that what the backend does hangs under this attempt. `tracestate`
    /// and `baggage` stay as the client sent them, but for a `tracestate` whose `traceparent` named no trace (W3C Trace
    /// Context, section 3.3). When nothing is traced the client's headers stay as they are.
    pub fn inject(&self, headers: &mut HeaderMap) {
        let Some(traceparent) = self.context.traceparent() else { return };
        let theirs = headers.insert(TRACEPARENT, traceparent);
        let ours = self.context.trace_id();
        if !theirs.is_some_and(|value| names_trace(value.as_bytes(), ours)) {
            headers.remove(TRACESTATE);
        }
    }

    /// The backend answered with this status, 101 to a WebSocket handshake that it accepts. One that refuses a client
    /// (4xx) is no error of the connection's, yet by the semantic conventions it is one of a client's span.
    pub fn answered(self, status: u16) {
        self.span.record("http.response.status_code", i64::from(status));
        if status >= 400 {
            self.span.record("error.type", field::display(status));
            self.span.record("otel.status_description", field::display(format_args!("answered {status}")));
        }
    }

    /// There was no answer. `kind` is one of a few words, `detail` for whoever reads it.
    pub fn failed(self, kind: &str, detail: &dyn std::fmt::Display) {
        self.span.record("error.type", kind);
        self.span.record("otel.status_description", field::display(detail));
    }
}

/// Whether a `traceparent` was understood: then the trace is its.
fn names_trace(traceparent: &[u8], trace: [u8; 16]) -> bool {
    let id = format!("{:032x}", u128::from_be_bytes(trace));
    traceparent.get(3..35) == Some(id.as_bytes())
}

/// Host and port; brackets of an IPv6 address fall away.
fn split(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host.trim_matches(['[', ']']), port.parse().ok()),
        _ => (authority.trim_matches(['[', ']']), None),
    }
}
