//! The span of a client's request, from its head to our answer to it: the handshake of a session, or a plain HTTP request.

use std::net::SocketAddr;

use http::uri::Scheme;
use http::{HeaderMap, Request};
use tracing::{Span, field};

use super::{Place, TARGET, TraceContext, ask, keep};
use crate::id::SessionId;

/// A client's request, of kind server. Finish it with the answer's status; dropped before, it says that there was none.
#[derive(Debug)]
pub struct HandshakeSpan {
    /// Empty when finished.
    span: Span,
    method: Box<str>,
}

impl HandshakeSpan {
    /// The request's head was read. Its W3C headers say where it belongs. The query is left out: it may hold tokens.
    pub fn start<B>(request: &Request<B>, scheme: &Scheme, peer: SocketAddr) -> Self {
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "request",
            otel.name = request.method().as_str(),
            otel.kind = "server",
            otel.status_description = field::Empty,
            http.request.method = request.method().as_str(),
            http.response.status_code = field::Empty,
            url.scheme = scheme.as_str(),
            url.path = request.uri().path(),
            server.address = field::Empty,
            server.port = field::Empty,
            client.address = field::Empty,
            client.port = i64::from(peer.port()),
            network.peer.address = field::Empty,
            network.peer.port = i64::from(peer.port()),
            network.protocol.version = field::Empty,
            user_agent.original = field::Empty,
            "error.type" = field::Empty,
            belay.session.id = field::Empty,
            belay.route = field::Empty,
            belay.kept_for = field::Empty,
        );
        if span.is_disabled() {
            return Self { span, method: Box::default() };
        }
        ask(&span, |hook| hook.place(&span, Place::UnderClient(request.headers())));
        span.record("client.address", field::display(peer.ip()));
        span.record("network.peer.address", field::display(peer.ip()));
        if let Some(version) = version(request.version()) {
            span.record("network.protocol.version", version);
        }
        if let Some(agent) = request.headers().get(http::header::USER_AGENT).and_then(|value| value.to_str().ok()) {
            span.record("user_agent.original", agent);
        }
        if let Some(authority) = authority(request) {
            span.record("server.address", authority.host());
            if let Some(port) = authority.port_u16() {
                span.record("server.port", i64::from(port));
            }
        }
        Self { span, method: request.method().as_str().into() }
    }

    /// A raw TCP connection came. It says nothing of where it belongs: it is the root of a trace.
    pub fn of_connection(peer: SocketAddr) -> Self {
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "connection",
            otel.name = "TCP",
            otel.kind = "server",
            otel.status_description = field::Empty,
            network.transport = "tcp",
            client.address = field::Empty,
            client.port = i64::from(peer.port()),
            network.peer.address = field::Empty,
            network.peer.port = i64::from(peer.port()),
            "error.type" = field::Empty,
            belay.session.id = field::Empty,
            belay.route = field::Empty,
            belay.kept_for = field::Empty,
        );
        if span.is_disabled() {
            return Self { span, method: Box::default() };
        }
        ask(&span, |hook| hook.place(&span, Place::UnderClient(&HeaderMap::new())));
        span.record("client.address", field::display(peer.ip()));
        span.record("network.peer.address", field::display(peer.ip()));
        Self { span, method: "TCP".into() }
    }

    /// The route that was chosen. Before [`HandshakeSpan::context`], since it also names the span.
    pub fn route(&self, name: &str) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("otel.name", field::display(format_args!("{} {name}", self.method)));
        self.span.record("belay.route", name);
    }

    /// The session that it opens.
    pub fn session(&self, id: SessionId) {
        self.span.record("belay.session.id", field::display(id));
    }

    /// What the session keeps, and what connects are started under.
    pub fn context(&self) -> TraceContext {
        ask(&self.span, |hook| hook.context(&self.span)).unwrap_or_default()
    }

    /// A filter did not let the client in. The span is kept even if the session is not sampled.
    pub fn refused(&self) {
        keep(&self.span, "refusal");
    }

    /// The client was answered with this status.
    pub fn finish(mut self, status: u16) {
        let span = std::mem::replace(&mut self.span, Span::none());
        span.record("http.response.status_code", i64::from(status));
        // The semantic conventions for servers: the client's mistakes (4xx) are no errors of ours.
        if status >= 500 {
            span.record("error.type", field::display(status));
            span.record("otel.status_description", field::display(format_args!("answered {status}")));
        }
    }

    /// The raw connection became a session.
    pub fn let_in(mut self) {
        drop(std::mem::replace(&mut self.span, Span::none()));
    }

    /// The raw connection was closed, for what is one of a few words.
    pub fn turned_away(mut self, kind: &str) {
        let span = std::mem::replace(&mut self.span, Span::none());
        span.record("error.type", kind);
    }
}

impl Drop for HandshakeSpan {
    fn drop(&mut self) {
        self.span.record("error.type", "no_answer");
        self.span.record("otel.status_description", "the client left, or its time was up, before it was answered");
    }
}

fn version(version: http::Version) -> Option<&'static str> {
    match version {
        http::Version::HTTP_10 => Some("1.0"),
        http::Version::HTTP_11 => Some("1.1"),
        _ => None,
    }
}

/// Who the client thinks it talks to.
fn authority<B>(request: &Request<B>) -> Option<http::uri::Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    request.headers().get(http::header::HOST)?.to_str().ok()?.parse().ok()
}
