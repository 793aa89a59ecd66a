//! The span of a hold, as plain data: it begins and ends in different calls, and its session must be able to be written
//! down in between. It is exported when it is over.

use super::{Installed, TraceContext};
use crate::id::SessionId;
use crate::time::Instant;

/// A hold that goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldSpan {
    parent: TraceContext,
    context: TraceContext,
    started: Instant,
}

/// How a hold went.
#[derive(Clone, Copy, Debug)]
pub struct HoldEnd<'a> {
    /// The session's id.
    pub session: SessionId,
    /// The route's name.
    pub route: &'a str,
    /// What ended it.
    pub outcome: HoldOutcome,
    /// Attempts to connect.
    pub attempts: u32,
    /// Client messages that waited when it ended.
    pub messages_held: u64,
    /// Client messages that may be lost with the old upstream.
    pub messages_unconfirmed: u64,
}

/// What ended a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldOutcome {
    /// The session has an upstream again.
    Bound,
    /// Its time or its attempts were used up.
    Expired,
    /// More would have had to be kept than its bound, or the process's, allows.
    Full,
    /// The client left.
    ClientGone,
    /// The backend refused the session when it was dialled again.
    Refused,
    /// A filter ended the session.
    FilterClosed,
    /// The process goes away.
    Drained,
}

/// A hold that is over, for export.
pub struct HoldReport<'a> {
    /// Its own name.
    pub context: TraceContext,
    /// The handshake's.
    pub parent: TraceContext,
    /// When it began.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// How.
    pub end: HoldEnd<'a>,
}

impl HoldSpan {
    /// The upstream is gone. `session` is the handshake's context.
    pub fn start(session: &TraceContext, now: Instant) -> Self {
        Self { parent: *session, context: session.sibling(), started: now }
    }

    /// For the connects that look for a new upstream.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// It is over. Exported whether or not the session is sampled.
    pub fn finish(self, now: Instant, end: HoldEnd<'_>) {
        if self.context.is_none() {
            return;
        }
        let Self { parent, context, started } = self;
        let report = HoldReport { context, parent, started, ended: now, end };
        tracing::dispatcher::get_default(|dispatch| Installed::ask(dispatch, |hook| hook.hold_ended(&report)));
    }
}

impl HoldOutcome {
    /// As spans and logs say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Expired => "expired",
            Self::Full => "full",
            Self::ClientGone => "client_gone",
            Self::Refused => "refused",
            Self::FilterClosed => "filter_closed",
            Self::Drained => "drained",
        }
    }

    /// Whether the hold did not do what it is for.
    pub fn is_error(self) -> bool {
        match self {
            Self::Expired | Self::Full | Self::Refused => true,
            Self::Bound | Self::ClientGone | Self::FilterClosed | Self::Drained => false,
        }
    }
}
