//! The accounting: `accepted = delivered + held + lost{reason}`, for each direction, at all times. Each worker writes its
//! own counters and whoever exports them adds the workers up; nothing here knows of exporters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::listener::Refused;
use super::message::Direction;
use super::upstream::Backends;
use crate::tls::HandshakeFailure;

/// One worker's counters. Only that worker writes, anyone may read.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages of clients.
    pub to_backend: Flow,
    /// Messages of backends. Notices, answers to heartbeats and filters' replies are ours and not counted here.
    pub to_client: Flow,
    /// TCP connections accepted.
    pub connections_accepted: Counter,
    /// TCP connections closed at once, since a limit was reached, by reason.
    pub connections_refused: [Counter; Refused::ALL.len()],
    /// TLS handshakes with clients that were done.
    pub tls_handshakes: Counter,
    /// Those that came to nothing, by reason.
    pub tls_failures: [Counter; HandshakeFailure::ALL.len()],
    /// Requests that became a session.
    pub sessions_opened: Counter,
    /// Sessions that ended.
    pub sessions_closed: Counter,
    /// Sessions that are held at this moment.
    pub sessions_holding: Counter,
    /// Times that a session's upstream was lost and the session held.
    pub holds: Counter,
    /// Times that a held session found an upstream again.
    pub rebounds: Counter,
    /// Attempts to connect upstream.
    pub dials: Counter,
    /// Of these, failed.
    pub dials_failed: Counter,
    /// Handshakes refused by us: no route, bad request, a filter's refusal, no backend.
    pub handshakes_refused: Counter,
    /// Handshakes that the backend refused.
    pub handshakes_refused_upstream: Counter,
    /// Plain HTTP requests passed on.
    pub requests_forwarded: Counter,
    /// Heartbeats of clients answered here.
    pub heartbeats_answered: Counter,
    /// Pings of backends answered here.
    pub upstream_pings_answered: Counter,
    /// Messages that were meant as heartbeats and were not valid.
    pub heartbeats_malformed: Counter,
    /// Heartbeats of a protocol that clients were sent in the backend's place.
    pub heartbeats_sent_to_client: Counter,
    /// Heartbeats of a protocol that backends were sent in the client's place.
    pub heartbeats_sent_to_backend: Counter,
    /// Our own questions to silent clients, whether they live.
    pub probes_sent: Counter,
    /// Silent clients that then were heard.
    pub probes_answered: Counter,
    /// Questions whose time to be answered passed; an adaptive probe asks again.
    pub probes_missed: Counter,
    /// Clients found dead, since they answered no question.
    pub clients_dead: Counter,
    /// Clients found dead, since they said nothing for as long as was expected of them.
    pub clients_silent: Counter,
    /// Connections closed since their client broke the protocol or a limit.
    pub clients_misbehaved: Counter,
    /// From asking a client whether it lives to its answer.
    pub client_round_trips: Times,
    /// From asking a backend whether it has read what it was sent to its answer.
    pub backend_round_trips: Times,
    /// How each backend stands.
    pub backends: Backends,
    /// What it keeps, session by session.
    pub tables: Tables,
}

/// Times, by how long they were.
#[derive(Debug, Default)]
pub struct Times {
    /// How many were at most each of [`Times::BOUNDS`] and more than the one before; last, those that were longer.
    pub counts: [Counter; Times::BOUNDS.len() + 1],
    /// Microseconds that they took together.
    pub micros: Counter,
}

impl Times {
    /// Upper bounds, from a neighbour's on the same machine to a telephone's in a tunnel.
    pub const BOUNDS: [Duration; 14] = {
        const fn ms(millis: u64) -> Duration {
            Duration::from_millis(millis)
        }
        const MICROS: [Duration; 2] = [Duration::from_micros(250), Duration::from_micros(500)];
        [
            MICROS[0],
            MICROS[1],
            ms(1),
            ms(2),
            ms(5),
            ms(10),
            ms(25),
            ms(50),
            ms(100),
            ms(250),
            ms(500),
            ms(1_000),
            ms(2_500),
            ms(10_000),
        ]
    };

    /// Another one.
    pub fn add(&self, time: Duration) {
        self.counts[Self::BOUNDS.partition_point(|bound| *bound < time)].add(1);
        self.micros.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}

/// How many entries a worker's tables have now. With no session left, none.
#[derive(Debug, Default)]
pub struct Tables {
    /// Sessions with a task.
    pub sessions: Counter,
    /// Sessions that the wheel is to wake.
    pub timers: Counter,
    /// Sessions that wait for their backend.
    pub waiting: Counter,
}

/// The counts of one direction.
#[derive(Debug, Default)]
pub struct Flow {
    /// Whole messages taken from their sender.
    pub accepted: Counter,
    /// Their bytes of payload.
    pub accepted_bytes: Counter,
    /// Messages handed to their receiver's socket; for a direction with proof of reading, see [`LossReason::Unconfirmed`].
    pub delivered: Counter,
    /// Messages that we have and that are on their way.
    pub held: Counter,
    /// Their bytes as they will stand on the wire.
    pub held_bytes: Counter,
    /// Messages that ended here as they should: a filter dropped or answered them, or took them for heartbeats.
    pub consumed: Counter,
    /// Messages lost, by reason.
    pub lost: [Counter; LossReason::ALL.len()],
}

/// Why a message did not arrive. Each loss is also told to the client, by a close code or a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossReason {
    /// The session was held for as long as its route allows, or all attempts were used up.
    HoldExpired,
    /// The session held as many bytes as its route allows.
    HoldFull,
    /// The process held as many bytes as it may.
    Budget,
    /// Sent to an upstream that was lost before it proved to have read it; it may or may not have arrived.
    Unconfirmed,
    /// The client left while it was on its way.
    ClientGone,
    /// The backend ended the session while it was on its way.
    BackendClosed,
    /// A filter ended the session while it was on its way.
    FilterClosed,
    /// The client read too slowly.
    SlowClient,
    /// The process is going away.
    Drained,
    /// Its session was ended for breaking the protocol or a limit.
    Misbehaved,
}

impl LossReason {
    /// Every reason, in the order of [`Flow::lost`].
    pub const ALL: [Self; 10] = [
        Self::HoldExpired,
        Self::HoldFull,
        Self::Budget,
        Self::Unconfirmed,
        Self::ClientGone,
        Self::BackendClosed,
        Self::FilterClosed,
        Self::SlowClient,
        Self::Drained,
        Self::Misbehaved,
    ];

    /// As metrics and logs say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::HoldExpired => "hold_expired",
            Self::HoldFull => "hold_full",
            Self::Budget => "budget",
            Self::Unconfirmed => "unconfirmed",
            Self::ClientGone => "client_gone",
            Self::BackendClosed => "backend_closed",
            Self::FilterClosed => "filter_closed",
            Self::SlowClient => "slow_client",
            Self::Drained => "drained",
            Self::Misbehaved => "misbehaved",
        }
    }
}

/// A number with one writer. An uncontended relaxed load and store, without the locked instruction of `fetch_add`.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, by: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(by), Relaxed);
    }

    /// Takes away, for what is a level and not a count.
    pub fn sub(&self, by: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(by), Relaxed);
    }

    /// For what is known as a whole.
    pub fn set(&self, entries: usize) {
        self.0.store(entries as u64, Relaxed);
    }

    /// As it is now.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Counters {
    /// The count of one reason.
    pub fn refused(&self, why: Refused) -> &Counter {
        &self.connections_refused[why as usize]
    }

    /// The count of one reason.
    pub fn tls_failure(&self, failure: HandshakeFailure) -> &Counter {
        &self.tls_failures[failure as usize]
    }

    /// The counts of one direction.
    pub fn flow(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::ToBackend => &self.to_backend,
            Direction::ToClient => &self.to_client,
        }
    }
}

impl Flow {
    /// The count of one reason.
    pub fn lost(&self, reason: LossReason) -> &Counter {
        &self.lost[reason as usize]
    }

    /// Whether the books are in order: everything accepted is delivered, held, consumed or lost.
    pub fn balances(&self) -> bool {
        let lost: u64 = self.lost.iter().map(Counter::value).sum();
        self.accepted.value() == self.delivered.value() + self.held.value() + self.consumed.value() + lost
    }
}
