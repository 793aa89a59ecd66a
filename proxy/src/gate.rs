//! How much may come of lines of the log that clients and filters cause: a handful at once, then one in a while.

use std::time::Duration;

use crate::time::Instant;

/// Lines that may come at once.
const BURST: u64 = 50;
/// One more line may come in each of these.
const LINE_EVERY: Duration = Duration::from_millis(100);

/// How much of the log somebody, or a kind of line, may have: a token bucket.
#[derive(Debug)]
pub(crate) struct Gate {
    tokens: u64,
    filled_at: Instant,
    thinned: u64,
}

/// What to do with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admitted {
    /// Write it, after saying that so many were left out before it.
    Write { thinned: u64 },
    /// Leave it out.
    Thin,
}

impl Default for Gate {
    fn default() -> Self {
        Self { tokens: BURST, filled_at: Instant::ZERO, thinned: 0 }
    }
}

impl Gate {
    /// A line wants to be written.
    pub(crate) fn admit(&mut self, now: Instant) -> Admitted {
        self.fill(now);
        if self.tokens == 0 {
            self.thinned += 1;
            return Admitted::Thin;
        }
        self.tokens -= 1;
        Admitted::Write { thinned: std::mem::take(&mut self.thinned) }
    }

    /// Lines that were left out and that no later line has told of, for when there will be no later line.
    pub(crate) fn untold(&mut self) -> u64 {
        std::mem::take(&mut self.thinned)
    }

    fn fill(&mut self, now: Instant) {
        let lines = (now.since(self.filled_at).as_millis() / LINE_EVERY.as_millis()) as u64;
        if lines > 0 {
            self.tokens = self.tokens.saturating_add(lines).min(BURST);
            self.filled_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn a_flood_is_thinned_and_its_size_told() {
        let mut gate = Gate::default();
        let written = (0..1_000).filter(|_| gate.admit(at(0)) != Admitted::Thin).count();
        assert_eq!(written, 50);
        assert_eq!(gate.admit(at(100)), Admitted::Write { thinned: 950 });
        assert_eq!(gate.admit(at(100)), Admitted::Thin);
        assert_eq!(gate.untold(), 1);
        assert_eq!(gate.admit(at(60_000)), Admitted::Write { thinned: 0 });
    }
}
