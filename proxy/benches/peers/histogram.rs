//! Times to the echo, in buckets that grow by a sixteenth: any quantile to within 6 %, in 8 KiB.

use std::time::Duration;

/// Buckets to a doubling.
const STEPS: u64 = 16;

pub(crate) struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; 64 * STEPS as usize] }
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let nanos = (time.as_nanos() as u64).max(STEPS);
        let doublings = u64::from(nanos.ilog2()) - 4;
        let bucket = doublings * STEPS + (nanos >> doublings) - STEPS;
        self.counts[bucket as usize] += 1;
    }

    /// In microseconds; zero if nothing was recorded.
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        let all: u64 = self.counts.iter().sum();
        let wanted = (all as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in (0u64..).zip(&self.counts) {
            seen += count;
            if seen >= wanted && seen > 0 {
                let nanos = (bucket % STEPS + STEPS) << (bucket / STEPS);
                return nanos as f64 / 1_000.0;
            }
        }
        0.0
    }
}
