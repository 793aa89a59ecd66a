//! What is said of a client: whether it is there, since when, and why not.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::dataplane::state::EndReason;
use crate::time::Instant;

/// Whether a client is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It has so many sessions.
    Connected {
        /// At least one.
        sessions: NonZeroU32,
    },
    /// It has none, and may be back in a moment.
    Reconnecting {
        /// Then it is disconnected.
        until: Instant,
        /// What ended its last session.
        reason: ClientReason,
    },
    /// It is gone.
    Disconnected {
        /// What ended its last session.
        reason: ClientReason,
    },
}

/// Why a client is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientReason {
    /// Its last session ended.
    Ended(EndReason),
    /// Its last session goes by another name now.
    Renamed,
    /// Belay itself died, and its sessions with it.
    ProxyDied,
}

/// A client is in another state than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientChange {
    /// Who.
    pub identity: Arc<str>,
    /// What is true now.
    pub now: Standing,
    /// How long it was gone, if it is back.
    pub away: Option<Duration>,
}

/// What is known of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Whether it is there.
    pub presence: Presence,
    /// Since when.
    pub since: Instant,
    /// Sessions that it ever had, as far as it is remembered.
    pub connects: u64,
    /// Times that it came back after it had been gone.
    pub reconnects: u64,
}

/// A client of an earlier life of this process, which died when the client was there or had just gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survivor {
    /// Who.
    pub identity: Arc<str>,
    /// What ended its last session: the process's death, unless it was gone before that.
    pub reason: ClientReason,
    /// See [`Standing::connects`].
    pub connects: u64,
    /// See [`Standing::reconnects`].
    pub reconnects: u64,
}

impl Presence {
    /// As reports and metrics say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Disconnected { .. } => "disconnected",
        }
    }

    /// Sessions that it has now.
    pub fn sessions(self) -> u32 {
        match self {
            Self::Connected { sessions } => sessions.get(),
            Self::Reconnecting { .. } | Self::Disconnected { .. } => 0,
        }
    }

    /// Why it is gone, if it is.
    pub fn reason(self) -> Option<ClientReason> {
        match self {
            Self::Connected { .. } => None,
            Self::Reconnecting { reason, .. } | Self::Disconnected { reason } => Some(reason),
        }
    }
}

impl ClientReason {
    /// As reports say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ended(reason) => reason.label(),
            Self::Renamed => "renamed",
            Self::ProxyDied => "proxy_died",
        }
    }

    /// The reason of that name.
    pub fn of_label(label: &str) -> Option<Self> {
        let ended = EndReason::ALL.into_iter().map(Self::Ended);
        ended.chain([Self::Renamed, Self::ProxyDied]).find(|reason| reason.label() == label)
    }
}
