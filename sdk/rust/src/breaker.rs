//! Circuit breakers, shared by all workers of the process.

use crate::configured;
#[cfg(not(target_family = "wasm"))]
use crate::testing::fake::breaker as system;
#[cfg(target_family = "wasm")]
use crate::wasm::breaker as system;

/// When a breaker opens and closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Looks back this far.
    pub window_ms: u64,
    /// Says nothing before so many results are in the window.
    pub results_min: u32,
    /// Opens at this share of failures, in percent.
    pub failure_percent: u32,
    /// A success slower than this counts as a failure; 0: never.
    pub slow_ms: u64,
    /// Stays open this long, then lets probes through.
    pub open_ms: u64,
    /// So many probes at a time, and so many successes in a row close it.
    pub probes: u32,
}

/// What a breaker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Lets everything through.
    Closed,
    /// Lets nothing through.
    Open,
    /// Lets probes through.
    HalfOpen,
}

/// One breaker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker(u32);

/// Nothing may go to the backend now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// When a probe may.
    pub retry_after_ms: u64,
}

impl Breaker {
    /// Only in `configure`. The same name means the same breaker in every instance of this filter.
    pub fn define(name: &str, settings: Settings) -> configured::Result<Self> {
        system::define(name, settings).map(Self).map_err(configured::Error::from)
    }

    /// The breaker of this key, with the settings of this one and apart from it. At most 1024 keys: beyond, this one stands
    /// in.
    #[must_use]
    pub fn keyed(self, key: &str) -> Self {
        Self(system::keyed(self.0, key))
    }

    /// May this go to the backend? Takes a probe's place while half-open; say [`success`](Self::success) or
    /// [`failure`](Self::failure) when it is known.
    pub fn admit(self) -> Result<(), Rejected> {
        system::admit(self.0).map_err(|retry_after_ms| Rejected { retry_after_ms })
    }

    /// What was sent to the backend went well, and took this long.
    pub fn success(self, latency_us: u64) {
        system::success(self.0, latency_us);
    }

    /// It did not.
    pub fn failure(self) {
        system::failure(self.0);
    }

    /// Without taking a probe's place.
    pub fn state(self) -> State {
        system::state(self.0)
    }
}
