//! The heart-beats of one connection, ours and theirs.

use std::time::Duration;

use crate::dataplane::message::{Message, MessageKind};
use crate::time::Instant;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// As which its frames come; of no meaning to TCP.
    kind: MessageKind,
    /// How often the other side is to hear from us, if at all.
    send: Option<Duration>,
    /// How often it is to be heard, if at all.
    hear: Option<Duration>,
    beat_at: Instant,
    dead_at: Instant,
}

/// The specification has a receiver allow for an error: half an interval, and no less than this.
const GRACE_MIN: Duration = Duration::from_secs(1);

impl Leg {
    pub(super) fn new(now: Instant, kind: MessageKind, send: Option<Duration>, hear: Option<Duration>) -> Self {
        let mut leg = Self { kind, send, hear, beat_at: Instant::NEVER, dead_at: Instant::NEVER };
        leg.on_sent(now);
        leg.on_heard(now);
        leg
    }

    /// Nothing is sent and nothing expected until there is another.
    pub(super) fn suspend(&mut self) {
        (self.send, self.hear) = (None, None);
        (self.beat_at, self.dead_at) = (Instant::NEVER, Instant::NEVER);
    }

    /// It was sent something. We beat when three quarters of the time are over: some is needed on the way.
    pub(super) fn on_sent(&mut self, now: Instant) {
        self.beat_at = self.send.map_or(Instant::NEVER, |interval| now + interval * 3 / 4);
    }

    /// It was heard.
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.dead_at = self.hear.map_or(Instant::NEVER, |interval| now + interval + (interval / 2).max(GRACE_MIN));
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.beat_at.min(self.dead_at)
    }

    /// Whether it has been silent for too long; says so once.
    pub(super) fn take_death(&mut self, now: Instant) -> bool {
        let is_dead = self.dead_at <= now;
        if is_dead {
            self.dead_at = Instant::NEVER;
        }
        is_dead
    }

    /// The heart-beat that is due, if one is.
    pub(super) fn take_beat(&mut self, now: Instant) -> Option<Message> {
        if self.beat_at > now {
            return None;
        }
        self.on_sent(now);
        Some(Message { kind: self.kind, payload: b"\n".to_vec() })
    }
}
