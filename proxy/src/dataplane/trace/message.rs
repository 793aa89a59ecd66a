//! The span of one message, for the few that are sampled, by OpenTelemetry's semantic conventions for messaging: a trace of its own, linked to its session's handshake, since a
//! trace that went on for as long as a session does would be of no use to anybody.

use std::borrow::Cow;

use tracing::{Span, field};

use super::filter::label;
use super::{FilterSpan, Place, TARGET, TraceContext, ask, keep};
use crate::dataplane::chain::{FilterFailure, Memory, Passage, Verdict};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::message::{Direction, MessageKind};

/// One message on its way through the chain.
#[derive(Debug)]
pub struct MessageSpan {
    span: Span,
    context: TraceContext,
}

/// What a span says of a message; never what the message says.
#[derive(Clone, Copy, Debug)]
pub struct MessageFacts<'a> {
    /// What the session's client asked for; names the session and its trace.
    pub handshake: &'a Handshake,
    /// The route's name.
    pub route: &'a str,
    /// Where it is going.
    pub direction: Direction,
    /// Text or binary.
    pub kind: MessageKind,
    /// Size of the payload.
    pub bytes: usize,
}

impl MessageSpan {
    /// If this message is to be traced. With telemetry off, or a session that is not sampled, this is one comparison.
    #[inline]
    pub fn sampled(facts: &MessageFacts<'_>) -> Option<Self> {
        facts.handshake.trace.samples_message().then(|| {
            let mut message = Self::start(facts);
            message.context = ask(&message.span, |hook| hook.context(&message.span)).unwrap_or_default();
            message
        })
    }

    /// A filter ended the session over a message, or failed on it. Kept when neither session nor message was sampled; a
    /// message that has a span says so in that.
    pub fn refused(facts: &MessageFacts<'_>, filter: &str, memory_bytes: u64, answer: &Result<Verdict, FilterFailure>) {
        if facts.handshake.trace.is_none() {
            return;
        }
        let mut message = Self::start(facts);
        // Before the span is started: what is kept is not what was chosen.
        keep(&message.span, "refusal");
        message.context = ask(&message.span, |hook| hook.context(&message.span)).unwrap_or_default();
        if let Ok(verdict) = answer {
            message.span.record("belay.verdict", label(verdict));
        }
        message.filter(filter, memory_bytes).answered(answer);
    }

    /// A filter is about to be called.
    pub fn filter(&self, name: &str, memory_bytes: u64) -> FilterSpan {
        FilterSpan::of_message(&self.context, name, memory_bytes)
    }

    /// For what is done for it meanwhile.
    pub fn context(&self) -> &TraceContext {
        &self.context
    }

    /// What the chain as a whole made of it.
    pub fn finish(self, passage: &Passage<'_>) {
        let verdict = match passage {
            Passage::Forward(Cow::Owned(payload), _) => {
                self.span.record("belay.message.replaced.size", length(payload.len()));
                "replace"
            }
            Passage::Forward(Cow::Borrowed(_), Memory::Remember) => "remember",
            Passage::Forward(Cow::Borrowed(_), Memory::Forget) => "continue",
            Passage::Reply(_) => "reply",
            Passage::Drop => "drop",
            Passage::Heartbeat(_) => "heartbeat",
            Passage::Close(_) => "close",
            Passage::Asks(_) => "call_out",
        };
        self.span.record("belay.verdict", verdict);
    }

    #[cold]
    fn start(facts: &MessageFacts<'_>) -> Self {
        let (operation, direction) = match facts.direction {
            Direction::ToBackend => ("forward_to_backend", "to_backend"),
            Direction::ToClient => ("forward_to_client", "to_client"),
        };
        let kind = match facts.kind {
            MessageKind::Text => "text",
            MessageKind::Binary => "binary",
        };
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "message",
            otel.name = field::display(format_args!("{operation} {}", facts.route)),
            otel.kind = "consumer",
            messaging.system = "belay",
            messaging.operation.name = operation,
            "messaging.operation.type" = "process",
            messaging.destination.name = facts.route,
            messaging.message.body.size = length(facts.bytes),
            belay.session.id = field::display(facts.handshake.session),
            belay.route = facts.route,
            belay.direction = direction,
            "belay.message.type" = kind,
            belay.message.replaced.size = field::Empty,
            belay.verdict = field::Empty,
            belay.kept_for = field::Empty,
        );
        ask(&span, |hook| hook.place(&span, Place::LinkedTo(&facts.handshake.trace)));
        Self { span, context: TraceContext::NONE }
    }
}

/// Exporters know signed numbers only.
fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
