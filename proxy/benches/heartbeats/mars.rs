//! The rules of the smart heartbeat of Tencent's mars (`mars/stn/src/smart_heartbeat.cc`, `mars/stn/config.h`), written
//! anew: what the client does there is done for each client alone here, so that both ask the same people.

use std::time::Duration;

const MIN: Duration = Duration::from_secs(210);
const MAX: Duration = Duration::from_secs(600);
const STEP: Duration = Duration::from_secs(60);
/// Kept from what worked when settling.
const MARGIN: Duration = Duration::from_secs(20);
/// Of each connection, the first so many are asked at the shortest interval.
const FIRST: u32 = 3;
const SUCCESSES: u32 = 5;
const FAILURES: u32 = 2;
/// A settled one tries a little more after a week.
const RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What one client knows of its network, from connection to connection.
#[derive(Debug)]
pub(crate) struct Mars {
    interval: Duration,
    last: Duration,
    before: Duration,
    is_settled: bool,
    successes: u32,
    failures: u32,
    /// Of this connection.
    answered: u32,
    settled_for: Duration,
}

impl Mars {
    pub(crate) fn new() -> Self {
        Self {
            interval: MIN,
            last: MIN,
            before: MIN,
            is_settled: false,
            successes: 0,
            failures: 0,
            answered: 0,
            settled_for: Duration::ZERO,
        }
    }

    pub(crate) fn on_connected(&mut self) {
        (self.answered, self.last, self.before) = (0, MIN, MIN);
    }

    /// The silence before the next heartbeat.
    pub(crate) fn next(&mut self) -> Duration {
        self.before = self.last;
        self.last = if self.answered < FIRST { MIN } else { self.interval };
        self.last
    }

    pub(crate) fn on_answered(&mut self) {
        self.answered += 1;
        self.settled_for += self.last;
        if self.answered <= FIRST || self.last != self.interval {
            return;
        }
        if self.last == self.before {
            self.successes += 1;
            self.failures = 0;
        }
        if self.is_settled {
            if self.settled_for >= RETRY_AFTER && self.interval < MAX - MARGIN {
                (self.interval, self.is_settled, self.successes) = (self.interval + MARGIN, false, 0);
            }
        } else if self.successes >= SUCCESSES {
            self.successes = 0;
            self.is_settled = self.interval >= MAX - MARGIN;
            self.interval = (self.interval + STEP).min(MAX - MARGIN);
        }
    }

    pub(crate) fn on_missed(&mut self) {
        if self.answered <= FIRST || self.last != self.interval || self.last == MIN {
            return;
        }
        (self.successes, self.failures) = (0, self.failures + 1);
        if self.failures < FAILURES {
            return;
        }
        self.failures = 0;
        self.settled_for = Duration::ZERO;
        self.interval = if self.is_settled { MIN } else { self.interval.saturating_sub(STEP + MARGIN).max(MIN) };
        self.is_settled = !self.is_settled;
    }
}
