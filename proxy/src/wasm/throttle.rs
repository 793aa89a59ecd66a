//! How soon an instance that failed is replaced: at once at first, later and later if it keeps failing.

use std::time::Duration;

use crate::time::Instant;

/// So many failures in a row are answered by a new instance at once: a filter that trips over one message in a thousand
/// should not notice.
const FREE_RESTARTS: u32 = 5;
/// The wait after the first failure beyond these; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// A new instance costs about as much as a hundred calls; one a second is nothing.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// An instance that takes longer than this to make is dear: the worker serves nobody meanwhile.
const CHEAP: Duration = Duration::from_millis(10);
/// After a dear one failed the next is made after so many times what it took: never more than a tenth of a worker's time
/// goes to making them.
const REST: u32 = 9;
/// After so long without a failure the count starts anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);

/// Counts failures of one instance and its successors.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    streak: u32,
    last: Option<Instant>,
    /// What the last instance took to make.
    cost: Duration,
}

impl Throttle {
    /// Another instance was made, or tried to be, and took so much of the processor.
    pub(super) fn made(&mut self, cost: Duration) {
        self.cost = cost;
    }

    /// The instance failed. From when on it may be replaced.
    pub(super) fn failed(&mut self, now: Instant) -> Instant {
        if self.last.is_some_and(|last| now.since(last) >= FORGIVEN_AFTER) {
            self.streak = 0;
        }
        self.last = Some(now);
        self.streak = self.streak.saturating_add(1);
        let wait = match self.streak.checked_sub(FREE_RESTARTS + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_WAIT.saturating_mul(1 << doublings.min(10)).min(WAIT_MAX),
        };
        let rest = if self.cost > CHEAP { self.cost.saturating_mul(REST) } else { Duration::ZERO };
        now + wait.max(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn the_first_failures_cost_no_wait() {
        let mut throttle = Throttle::default();
        for _ in 0..FREE_RESTARTS {
            assert_eq!(throttle.failed(at(7)), at(7));
        }
        assert_eq!(throttle.failed(at(7)), at(57));
    }

    #[test]
    fn a_crash_loop_is_slowed_to_once_a_second() {
        let mut throttle = Throttle::default();
        let mut now = at(0);
        let waits: Vec<u128> = (0..20)
            .map(|_| {
                let next = throttle.failed(now);
                let wait = next.since(now).as_millis();
                now = next;
                wait
            })
            .collect();
        assert_eq!(waits[..11], [0, 0, 0, 0, 0, 50, 100, 200, 400, 800, 1000]);
        assert!(waits[11..].iter().all(|&wait| wait == 1000));
    }

    #[test]
    fn what_is_dear_to_make_is_made_after_a_rest() {
        let mut throttle = Throttle::default();
        throttle.made(Duration::from_millis(9));
        assert_eq!(throttle.failed(at(0)), at(0));
        throttle.made(Duration::from_millis(500));
        assert_eq!(throttle.failed(at(0)), at(4_500));
    }

    #[test]
    fn a_quiet_while_is_forgiveness() {
        let mut throttle = Throttle::default();
        for _ in 0..8 {
            throttle.failed(at(0));
        }
        assert_eq!(throttle.failed(at(10_000)), at(10_000));
    }
}
