//! What became of events: how many were delivered, how many were not and why, and how often the log hears of it.

use std::time::Duration;

use crate::time::Instant;

/// What became of events.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    pub(super) delivered: u64,
    pub(super) lost: [u64; Loss::ALL.len()],
    /// Requests that failed and were, or will be, made again.
    pub(super) retries: u64,
}

/// Why an event is not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// As many wait as may.
    Full,
    /// The endpoint refused its batch again and again.
    Refused,
    /// The disk did not take it, or give it.
    Disk,
    /// A file of the spool is damaged.
    Damaged,
    /// It came faster than it could be followed, and was merged into a later one.
    Merged,
    /// The process went away first.
    Shutdown,
}

impl Loss {
    pub(super) const ALL: [Self; 6] =
        [Self::Full, Self::Refused, Self::Disk, Self::Damaged, Self::Merged, Self::Shutdown];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Refused => "refused",
            Self::Disk => "disk",
            Self::Damaged => "damaged",
            Self::Merged => "merged",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Keeps what goes on and on from filling the log.
#[derive(Default)]
pub(super) struct Grumbles(Vec<(&'static str, Instant)>);

/// Of a kind, one line in this time.
const GRUMBLE_EVERY: Duration = Duration::from_secs(60);

impl Grumbles {
    /// Whether a line of this kind is due.
    pub(super) fn may(&mut self, kind: &'static str, now: Instant) -> bool {
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, last)) if now - *last < GRUMBLE_EVERY => return false,
            Some((_, last)) => *last = now,
            None => self.0.push((kind, now)),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grumble_is_heard_once_a_minute_and_each_kind_by_itself() {
        let mut grumbles = Grumbles::default();
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let heard = [0, 1, 59, 60, 61].map(|second| grumbles.may("full", at(second)));
        assert_eq!(heard, [true, false, false, true, false]);
        assert!(grumbles.may("disk", at(61)));
    }
}
