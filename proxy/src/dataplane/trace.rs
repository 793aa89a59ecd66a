//! What the data path tells of itself as it happens: spans for handshakes, filters, connects, holds and messages. It uses
//! `tracing` alone. What only OpenTelemetry knows (parents out of W3C headers, ids, links, sampling) is asked of a [`Hook`]
//! that the telemetry room puts into the subscriber; without one every span here is empty and every context is
//! [`TraceContext::NONE`]. Which span hangs where, and why, is in `docs/tracing.md`.
//!
//! A session keeps one [`TraceContext`], 32 bytes of plain data, and while it is held a [`HoldSpan`], an id. The other spans live no longer than the step they describe.
//!
//! ```
//! use belay::dataplane::chain::{Admission, Memory, Passage, Verdict};
//! use belay::dataplane::message::{Direction, MessageKind};
//! use belay::dataplane::trace::{Connect, ConnectSpan, FilterSpan, HandshakeSpan, MessageFacts, MessageSpan};
//! # use belay::dataplane::handshake::Handshake;
//! # use belay::id::SessionId;
//! # let peer = "127.0.0.1:5000".parse().unwrap();
//! # let request = http::Request::get("/chat").body(()).unwrap();
//! # let session = SessionId::random();
//! // A request came in, and was matched to a route. The session's handshake keeps the context.
//! let span = HandshakeSpan::start(&request, &http::uri::Scheme::HTTP, peer);
//! span.route("chat");
//! span.session(session);
//! # let mut handshake = Handshake::new(session, peer, "/chat", request.headers().iter());
//! handshake.trace = span.context();
//! // Each filter's call is a child.
//! let filter = FilterSpan::of_handshake(&handshake.trace, "auth", 65_536);
//! filter.admitted(&Ok(Admission::Accept));
//! span.finish(101);
//! // A message, if it is one of those that are sampled.
//! let (direction, kind) = (Direction::ToBackend, MessageKind::Text);
//! let message = MessageSpan::sampled(&MessageFacts { handshake: &handshake, route: "chat", direction, kind, bytes: 5 });
//! if let Some(message) = message {
//!     message.filter("limit", 65_536).answered(&Ok(Verdict::Continue));
//!     message.finish(&Passage::Forward(b"hello".into(), Memory::Forget));
//! }
//! ```

mod callout;
mod connect;
mod context;
mod filter;
mod hold;
mod message;
mod request;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use tracing::{Dispatch, Span};

pub use callout::CalloutSpan;
pub use connect::{Connect, ConnectSpan, SessionAttempt, Spoken};
pub use context::{Sampled, TraceContext, TraceId};
pub use filter::FilterSpan;
pub use hold::{HoldEnd, HoldOutcome, HoldReport, HoldSpan};
pub use message::{MessageFacts, MessageSpan};
pub use request::HandshakeSpan;

/// The target of every span made here: the exporter takes these and no others, the log leaves them out.
pub const TARGET: &str = "belay::span";

/// What the data path asks of whoever exports its spans. Every call is short and none blocks.
pub trait Hook: Send + Sync {
    /// Says where a span that was just made belongs. Before anything hangs on it.
    fn place(&self, span: &Span, place: Place<'_>);

    /// What the span is called from now on; starts it, so that its place and its name can no longer change.
    fn context(&self, span: &Span) -> TraceContext;

    /// A hold that is over. It has no span of its own while it lasts, since its session is plain data.
    fn hold_ended(&self, report: &HoldReport<'_>);
}

/// Where a span belongs.
pub enum Place<'a> {
    /// Under the span that the client names in its W3C headers, or at the root of a new trace.
    UnderClient(&'a HeaderMap),
    /// Under one of ours; the client's `tracestate` stays with the trace.
    Under(&'a TraceContext, Option<&'a str>),
    /// At the root of a new trace, linked to one of ours. Always sampled: whoever makes such a span has chosen it.
    LinkedTo(&'a TraceContext),
}

/// How the hook is found: the subscriber holds one of these as a layer. Looked for only where a span is made.
pub struct Installed(Box<dyn Hook>);

impl Installed {
    /// For the subscriber.
    pub fn new(hook: impl Hook + 'static) -> Self {
        Self(Box::new(hook))
    }

    fn ask<T>(dispatch: &Dispatch, question: impl FnOnce(&dyn Hook) -> T) -> Option<T> {
        dispatch.downcast_ref::<Self>().map(|installed| question(&*installed.0))
    }
}

/// Asks the hook about a span; nothing if there is no hook or the span is empty.
fn ask<T>(span: &Span, question: impl FnOnce(&dyn Hook) -> T) -> Option<T> {
    span.with_subscriber(|(_, dispatch)| Installed::ask(dispatch, question)).flatten()
}

/// Marks a span as one to keep although its session was not sampled.
fn keep(span: &Span, why: &'static str) {
    span.record("belay.kept_for", why);
}
