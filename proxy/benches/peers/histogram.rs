//! Times to the echo, in buckets that grow by a sixteenth: any quantile to within 6 %, in 8 KiB.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets to a doubling.
const STEPS: u64 = 16;

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; 64 * STEPS as usize] }
    }
}

impl Histogram {
    /// Adds what another has.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
    }

    /// How many times were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let nanos = (time.as_nanos() as u64).max(STEPS);
        let doublings = u64::from(nanos.ilog2()) - 4;
        let bucket = doublings * STEPS + (nanos >> doublings) - STEPS;
        self.counts[bucket as usize] += 1;
    }

    /// In microseconds; zero if nothing was recorded.
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        let wanted = (self.count() as f64 * quantile).ceil() as u64;
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
