//! Token buckets with a key each, shared by all workers of the process.

#[cfg(not(target_family = "wasm"))]
use crate::testing::fake::limiter as system;
#[cfg(target_family = "wasm")]
use crate::wasm::limiter as system;
use crate::{configured, units::Rate};

/// How fast and how far buckets fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Tokens that come back in a period.
    pub tokens: u32,
    /// The period, in milliseconds.
    pub period_ms: u64,
    /// Tokens that may be taken at once.
    pub burst: u32,
}

impl Quota {
    /// The rate, and as many tokens at once as come back in its period.
    pub fn of(rate: Rate) -> Self {
        Self { tokens: rate.amount, period_ms: rate.period_ms, burst: rate.amount }
    }
}

/// A table of buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limiter(u32);

/// The bucket has too few tokens, and none was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted {
    /// When there would be enough; `u64::MAX`: never, more was asked for than a bucket holds.
    pub retry_after_ms: u64,
}

impl Limiter {
    /// Only in `configure`. The same name means the same buckets in every instance of this filter.
    pub fn define(name: &str, quota: Quota) -> configured::Result<Self> {
        system::define(name, quota).map(Self).map_err(configured::Error::from)
    }

    /// Takes tokens from the key's bucket, all or none.
    pub fn take(self, key: &str, tokens: u32) -> Result<(), Exhausted> {
        system::take(self.0, key, tokens).map_err(|retry_after_ms| Exhausted { retry_after_ms })
    }
}
