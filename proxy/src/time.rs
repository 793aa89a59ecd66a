//! Time as the data path has it: eight bytes where the standard library's takes sixteen, and made of numbers, so that
//! protocol logic can be given any time at all. The wheel that wakes sessions is the worker's.

use std::ops::{Add, Sub};
use std::sync::OnceLock;
use std::time::Duration;

/// A point in time, in microseconds since the process first asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(u64);

impl Instant {
    /// Where the clock starts.
    pub const ZERO: Self = Self(0);
    /// Later than any other: a deadline that is not set.
    pub const NEVER: Self = Self(u64::MAX);

    /// The time now. Only tasks ask; protocol logic is told.
    pub fn now() -> Self {
        static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();
        Self(micros(EPOCH.get_or_init(std::time::Instant::now).elapsed()))
    }

    /// How long ago `earlier` was; zero if it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Microseconds since the clock's start.
    pub fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the clock's start.
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at [`Instant::NEVER`].
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
