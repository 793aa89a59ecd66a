//! The span of a hold. It begins and ends in different calls, and its session must be able to be written down in between,
//! so all that there is of it meanwhile is its id; the span is made and exported when the hold is over.

use super::{Installed, TraceContext};
use crate::dataplane::ledger::LossReason;
use crate::id::SessionId;
use crate::time::Instant;

/// A hold that goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldSpan {
    id: [u8; 8],
}

/// How a hold went.
#[derive(Clone, Copy, Debug)]
pub struct HoldEnd<'a> {
    /// The session's id.
    pub session: SessionId,
    /// The route's name.
    pub route: &'a str,
    /// When it began.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// What ended it.
    pub outcome: HoldOutcome,
    /// Attempts to connect.
    pub attempts: u32,
    /// Client messages that waited when it ended.
    pub messages_held: u64,
    /// Client messages that the old upstream had been sent and had not proved to have read.
    pub messages_unconfirmed: u64,
}

/// What ended a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldOutcome {
    /// The session has an upstream again.
    Bound,
    /// The session ended, and what was held is lost for this reason.
    Lost(LossReason),
}

/// A hold that is over, for export.
pub struct HoldReport<'a> {
    /// Its own name.
    pub context: TraceContext,
    /// The handshake's.
    pub parent: TraceContext,
    /// How it went.
    pub end: HoldEnd<'a>,
}

impl HoldSpan {
    /// The upstream is gone.
    pub fn start() -> Self {
        // Zero is no id; one in 2⁶⁴ may share another's.
        Self { id: rand::random::<u64>().max(1).to_be_bytes() }
    }

    /// For the connects that look for a new upstream. `session` is the handshake's context.
    pub fn context(&self, session: &TraceContext) -> TraceContext {
        session.with_span(self.id)
    }

    /// It is over. Exported whether or not the session is sampled.
    pub fn finish(self, session: &TraceContext, end: HoldEnd<'_>) {
        if session.is_none() {
            return;
        }
        let report = HoldReport { context: self.context(session), parent: *session, end };
        tracing::dispatcher::get_default(|dispatch| Installed::ask(dispatch, |hook| hook.hold_ended(&report)));
    }
}

impl HoldOutcome {
    /// As spans say it: `bound`, or the reason as metrics say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Lost(reason) => reason.label(),
        }
    }

    /// Whether the hold did not do what it is for.
    pub fn is_error(self) -> bool {
        match self {
            Self::Lost(
                LossReason::HoldExpired | LossReason::HoldFull | LossReason::Budget | LossReason::BackendClosed,
            ) => true,
            Self::Bound | Self::Lost(_) => false,
        }
    }
}
