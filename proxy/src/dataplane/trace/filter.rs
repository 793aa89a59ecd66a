//! The span of one filter's call.

use tracing::{Span, field};

use super::{Place, TARGET, TraceContext, ask, keep};
use crate::dataplane::chain::{Admission, FilterFailure, Verdict};

/// One call of a filter, from here until its answer is told or it is dropped.
#[derive(Debug)]
pub struct FilterSpan(Span);

impl FilterSpan {
    /// A filter that has so much memory is about to be asked whether a client may come in. Empty if the handshake is not
    /// traced.
    pub fn of_handshake(handshake: &TraceContext, name: &str, memory_bytes: u64) -> Self {
        if handshake.is_none() {
            return Self(Span::none());
        }
        Self::start(Place::Under(handshake, None), name, memory_bytes)
    }

    /// A filter is about to be shown a message that is traced.
    pub(super) fn of_message(message: &TraceContext, name: &str, memory_bytes: u64) -> Self {
        Self::start(Place::Under(message, None), name, memory_bytes)
    }

    #[cold]
    fn start(place: Place<'_>, name: &str, memory_bytes: u64) -> Self {
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "filter",
            otel.name = field::display(format_args!("filter {name}")),
            otel.kind = "internal",
            otel.status_description = field::Empty,
            "error.type" = field::Empty,
            belay.filter = name,
            belay.filter.memory = i64::try_from(memory_bytes).unwrap_or(i64::MAX),
            belay.verdict = field::Empty,
            belay.refusal.status = field::Empty,
            belay.kept_for = field::Empty,
        );
        ask(&span, |hook| hook.place(&span, place));
        Self(span)
    }

    /// What it said to a handshake. A refusal is kept even if the session is not sampled.
    pub fn admitted(self, answer: &Result<Admission, FilterFailure>) {
        match answer {
            Ok(Admission::Accept) => {
                self.0.record("belay.verdict", "accept");
            }
            Ok(Admission::Refuse(refusal)) => {
                self.0.record("belay.verdict", "refuse");
                self.0.record("belay.refusal.status", i64::from(refusal.status));
                keep(&self.0, "refusal");
            }
            Ok(Admission::CallOut(_)) => {
                self.0.record("belay.verdict", "call_out");
            }
            Err(failure) => self.failed(failure),
        }
    }

    /// What it said to a message. An end to the session is kept even if the session is not sampled.
    pub fn answered(self, answer: &Result<Verdict, FilterFailure>) {
        match answer {
            Ok(verdict) => {
                self.0.record("belay.verdict", label(verdict));
                if matches!(verdict, Verdict::Close(_)) {
                    keep(&self.0, "refusal");
                }
            }
            Err(failure) => self.failed(failure),
        }
    }

    fn failed(&self, failure: &FilterFailure) {
        self.0.record("error.type", failure.kind.label());
        self.0.record("otel.status_description", &*failure.cause);
    }
}

/// As spans and logs say it.
pub(super) fn label(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Continue => "continue",
        Verdict::Remember => "remember",
        Verdict::Replace(_) => "replace",
        Verdict::Reply(_) => "reply",
        Verdict::Drop => "drop",
        Verdict::Heartbeat(_) => "heartbeat",
        Verdict::Close(_) => "close",
        Verdict::CallOut(_) => "call_out",
    }
}
