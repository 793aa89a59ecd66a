//! The line in which a route's held sessions dial while their backend is away. Each has a backoff of its own, but a crowd that
//! was lost together would still dial by thousands in the first tenth of a second, and refused connections would take the
//! processor that heartbeats are answered by. The first to reach the backend calls the others, so who stands far behind
//! loses nothing by it.

use std::cell::Cell;
use std::time::Duration;

use crate::time::Instant;

/// See the module. One for each route on each worker.
#[derive(Default)]
pub struct Line {
    free: Cell<Option<Instant>>,
}

impl Line {
    /// Between two that dial: 1,000 a second, for which a processor is busy a thirtieth of its time.
    pub const SPACING: Duration = Duration::from_millis(1);

    /// Takes the next place, for good: how long it is until then.
    pub fn join(&self, now: Instant) -> Duration {
        let place = self.free.get().map_or(now, |free| free.max(now));
        self.free.set(Some(place + Self::SPACING));
        place - now
    }

    /// The backend was reached: whoever waits is called, and whoever loses it anew begins a line.
    pub fn dissolve(&self) {
        self.free.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_spread_and_one_that_comes_alone_does_not_wait() {
        let line = Line::default();
        let now = Instant::ZERO + Duration::from_secs(1);
        let waits = [now, now, now + Line::SPACING].map(|now| line.join(now));
        assert_eq!(waits, [Duration::ZERO, Line::SPACING, Line::SPACING]);
        assert_eq!(line.join(now + 10 * Line::SPACING), Duration::ZERO);
    }

    #[test]
    fn nobody_waits_for_places_of_a_line_that_is_over() {
        let line = Line::default();
        while line.join(Instant::ZERO) < Duration::from_secs(5) {}
        line.dissolve();
        assert_eq!(line.join(Instant::ZERO), Duration::ZERO);
    }
}
