//! The seam of connection states: what becomes of each session, told as it happens to whoever keeps count of clients. What
//! they make of it, and whom they tell, is theirs; a session itself keeps nothing for it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::chain::Facts;
use super::ledger::LossReason;
use super::route::Route;
use crate::id::SessionId;
use crate::time::Instant;

/// Hears of every change. Called by all workers, on the path of opening and closing but never on that of a message; must
/// not block.
pub trait StateSink: Send + Sync {
    /// A session is in another state, or goes by another name than before.
    fn on_state(&self, change: &StateChange<'_>);
}

/// Nobody listens.
impl StateSink for () {
    fn on_state(&self, _: &StateChange<'_>) {}
}

/// What a session is, from now on.
pub struct StateChange<'a> {
    /// Whose it is.
    pub session: SessionId,
    /// Its route.
    pub route: &'a Arc<Route>,
    /// Where its client is.
    pub peer: SocketAddr,
    /// What filters know of it, its client's name perhaps among it.
    pub facts: &'a Facts,
    /// When.
    pub at: Instant,
    /// Its state.
    pub state: SessionState,
}

/// Where a session is in its life. In this order, but for `Connected` and `Holding`, which take turns; `Draining` is left
/// out by those that end for another reason, and `Connected` by those that find no backend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionState {
    /// The filters have let its client in, and its backend is being dialled.
    Connecting,
    /// Client and backend are connected.
    Connected,
    /// The backend is away; the client is kept.
    Holding,
    /// It was told to go, since the process does, and has not yet gone.
    Draining,
    /// It is over.
    Disconnected(Ended),
}

/// How a session went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What ended it.
    pub reason: EndReason,
    /// Messages of its client that were put on their way to a backend.
    pub messages: u64,
    /// Connections to a backend, tried or made.
    pub dials: u32,
}

/// What ends a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EndReason {
    /// The client closed it.
    ClientClosed,
    /// The client's connection ended or broke, without a word.
    ClientGone,
    /// The client answered no probe.
    ClientDead,
    /// The client broke the protocol or a limit.
    ClientMisbehaved,
    /// The client read too slowly.
    SlowClient,
    /// The backend closed it, and meant it.
    BackendClosed,
    /// The backend did not take the session, at first or when it came back.
    BackendRefused,
    /// The backend broke the protocol or a limit.
    BackendMisbehaved,
    /// There was no backend when the client came, or it went away where sessions are not held.
    BackendGone,
    /// The session was held for as long as its route allows, or all attempts were used up.
    HoldExpired,
    /// The session held as many bytes as its route allows.
    HoldFull,
    /// The process held as many bytes as it may.
    Budget,
    /// A filter closed it.
    FilterClosed,
    /// The process is going away.
    Drained,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::ClientClosed,
        Self::ClientGone,
        Self::ClientDead,
        Self::ClientMisbehaved,
        Self::SlowClient,
        Self::BackendClosed,
        Self::BackendRefused,
        Self::BackendMisbehaved,
        Self::BackendGone,
        Self::HoldExpired,
        Self::HoldFull,
        Self::Budget,
        Self::FilterClosed,
        Self::Drained,
    ];

    /// As reports and logs say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::ClientGone => "client_gone",
            Self::ClientDead => "client_dead",
            Self::ClientMisbehaved => "client_misbehaved",
            Self::SlowClient => "slow_client",
            Self::BackendClosed => "backend_closed",
            Self::BackendRefused => "backend_refused",
            Self::BackendMisbehaved => "backend_misbehaved",
            Self::BackendGone => "backend_gone",
            Self::HoldExpired => "hold_expired",
            Self::HoldFull => "hold_full",
            Self::Budget => "budget",
            Self::FilterClosed => "filter_closed",
            Self::Drained => "drained",
        }
    }

    /// Why messages are lost that were still on their way.
    pub fn loss(self) -> LossReason {
        match self {
            Self::ClientClosed | Self::ClientGone | Self::ClientDead => LossReason::ClientGone,
            Self::ClientMisbehaved => LossReason::Misbehaved,
            Self::SlowClient => LossReason::SlowClient,
            Self::BackendClosed | Self::BackendRefused | Self::BackendMisbehaved => LossReason::BackendClosed,
            Self::BackendGone | Self::HoldExpired => LossReason::HoldExpired,
            Self::HoldFull => LossReason::HoldFull,
            Self::Budget => LossReason::Budget,
            Self::FilterClosed => LossReason::FilterClosed,
            Self::Drained => LossReason::Drained,
        }
    }
}
