//! The span of one message, for the few that are sampled: a trace of its own, linked to its session's handshake, since a
//! trace that went on for as long as a session does would be of no use to anybody.

use tracing::{Span, field};

use super::filter::label;
use super::{FilterSpan, Place, TARGET, TraceContext, ask, keep};
use crate::dataplane::chain::{FilterFailure, Verdict};
use crate::dataplane::message::{Direction, MessageKind};
use crate::id::SessionId;

/// One message on its way through the chain.
#[derive(Debug)]
pub struct MessageSpan(Span);

/// What a span says of a message; never what the message says.
#[derive(Clone, Copy, Debug)]
pub struct MessageFacts<'a> {
    /// Where it is going.
    pub direction: Direction,
    /// Text or binary.
    pub kind: MessageKind,
    /// Size of the payload.
    pub bytes: usize,
    /// The session's id.
    pub session: SessionId,
    /// The route's name.
    pub route: &'a str,
}

impl MessageSpan {
    /// If this message is to be traced. With telemetry off, or a session that is not sampled, this is one comparison.
    #[inline]
    pub fn sampled(session: &TraceContext, facts: &MessageFacts<'_>) -> Option<Self> {
        if !session.samples_message() {
            return None;
        }
        Some(Self::start(session, facts))
    }

    /// A filter ended the session over a message, or failed on it. Kept when neither session nor message was sampled; a
    /// message that has a span is to be finished instead.
    pub fn refused(
        session: &TraceContext,
        facts: &MessageFacts<'_>,
        filter: &str,
        answer: &Result<Verdict, FilterFailure>,
    ) {
        if session.is_none() {
            return;
        }
        let message = Self::start(session, facts);
        keep(&message.0, "refusal");
        message.filter(filter).answered(answer);
        if let Ok(verdict) = answer {
            message.finish(verdict);
        }
    }

    /// A filter is about to be called.
    pub fn filter(&self, name: &str) -> FilterSpan {
        FilterSpan::start(&self.0, name)
    }

    /// What the chain as a whole made of it.
    pub fn finish(self, verdict: &Verdict) {
        self.0.record("belay.verdict", label(verdict));
        if let Verdict::Replace(payload) = verdict {
            self.0.record("belay.message.replaced.size", length(payload.len()));
        }
    }

    #[cold]
    fn start(session: &TraceContext, facts: &MessageFacts<'_>) -> Self {
        let (name, direction) = match facts.direction {
            Direction::ToBackend => ("message to backend", "to_backend"),
            Direction::ToClient => ("message to client", "to_client"),
        };
        let kind = match facts.kind {
            MessageKind::Text => "text",
            MessageKind::Binary => "binary",
        };
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "message",
            otel.name = name,
            otel.kind = "internal",
            belay.session.id = field::display(facts.session),
            belay.route = facts.route,
            belay.direction = direction,
            "belay.message.type" = kind,
            belay.message.size = length(facts.bytes),
            belay.message.replaced.size = field::Empty,
            belay.verdict = field::Empty,
            belay.kept_for = field::Empty,
        );
        ask(&span, |hook| hook.place(&span, Place::LinkedTo(session)));
        Self(span)
    }
}

/// Exporters know signed numbers only.
fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
