//! Whose turn it is, where each client says something once in a while: spread evenly, and the same for every subject.

use std::time::{Duration, Instant};

pub(crate) struct Turns {
    clients: usize,
    period: Duration,
    begun: Instant,
    /// Turns that were taken.
    taken: u64,
}

impl Turns {
    pub(crate) fn new(clients: usize, period: Duration) -> Self {
        Self { clients, period, begun: Instant::now(), taken: 0 }
    }

    /// A client whose turn has come, if there is one.
    pub(crate) fn next(&mut self, now: Instant) -> Option<usize> {
        let due = self.period.mul_f64(self.taken as f64 / self.clients as f64);
        (self.begun + due <= now).then(|| {
            let client = (self.taken % self.clients as u64) as usize;
            self.taken += 1;
            client
        })
    }
}
