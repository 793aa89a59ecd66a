//! A session as it is seen from outside: everything that is known of it, borrowed.

use std::time::Duration;

use super::{Session, State};
use crate::dataplane::chain::Facts;
use crate::dataplane::handshake::Handshake;
use crate::dataplane::route::Route;
use crate::time::Instant;

/// See the module.
pub struct View<'a> {
    /// Its route, by now.
    pub route: &'a Route,
    /// What its client asked for, and its own name.
    pub handshake: &'a Handshake,
    /// What filters know of it.
    pub facts: &'a Facts,
    /// Its state.
    pub condition: Condition,
    /// When it began.
    pub opened: Instant,
    /// When the client was last heard of.
    pub client_heard: Instant,
    /// The round-trip time to the client, where probes are answered by number.
    pub round_trip: Option<Duration>,
    /// Messages of the client that were ever put on their way to a backend.
    pub messages_to_backend: u64,
    /// Of these, not known to have arrived.
    pub messages_waiting: u64,
    /// Messages of backends.
    pub messages_to_client: u64,
    /// Bytes that are kept for the backend: held, or unproved.
    pub bytes_to_backend: usize,
    /// Bytes that the client has yet to take.
    pub bytes_to_client: usize,
    /// Connections to a backend, tried or made.
    pub dials: u32,
    /// Failed attempts since an upstream last stood for a while.
    pub failures: u32,
    /// When something is due.
    pub next_deadline: Instant,
    /// When it is looked at.
    pub now: Instant,
}

/// The states of a session that is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It has a backend, since then.
    Connected(Instant),
    /// Its backend is away, since then.
    Holding(Instant),
    /// Its end has begun.
    Closing,
}

impl Condition {
    /// Every state's name.
    pub const LABELS: [&'static str; 3] = ["connected", "holding", "closing"];

    /// As pages and queries say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connected(_) => Self::LABELS[0],
            Self::Holding(_) => Self::LABELS[1],
            Self::Closing => Self::LABELS[2],
        }
    }

    /// When it began, where that is known.
    pub fn since(self) -> Option<Instant> {
        match self {
            Self::Connected(since) | Self::Holding(since) => Some(since),
            Self::Closing => None,
        }
    }
}

impl Session {
    /// All that is known of it.
    pub fn view(&self, now: Instant) -> View<'_> {
        let core = &self.core;
        View {
            route: &core.route.route,
            handshake: &core.handshake,
            facts: &core.facts,
            condition: match &core.state {
                State::Bound(bound) => Condition::Connected(bound.since),
                State::Holding(holding) => Condition::Holding(holding.since),
                State::Closing(_) | State::Closed => Condition::Closing,
            },
            opened: core.opened,
            client_heard: core.client_heard,
            round_trip: core.prober.as_deref().and_then(super::Prober::rtt),
            messages_to_backend: core.sent,
            messages_waiting: core.sent.saturating_sub(core.settled),
            messages_to_client: core.received,
            bytes_to_backend: core.to_upstream.bytes(),
            bytes_to_client: core.to_client.bytes(),
            dials: core.dials,
            failures: core.failures,
            next_deadline: self.next_deadline(),
            now,
        }
    }
}
