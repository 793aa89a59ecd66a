//! Token buckets, exact to the millisecond.

use std::collections::BTreeMap;

use crate::limiter::Quota;

#[derive(Default)]
pub(super) struct Limiters(Vec<Limiter>);

struct Limiter {
    name: String,
    quota: Quota,
    buckets: BTreeMap<String, Bucket>,
}

/// Its level is in tokens times `period_ms`: a millisecond brings `tokens` of these, so that nothing is rounded.
#[derive(Clone, Copy)]
struct Bucket {
    level: u64,
    at_ms: u64,
}

impl Limiters {
    pub(super) fn define(&mut self, name: &str, quota: Quota) -> Result<u32, String> {
        if quota.tokens == 0 || quota.period_ms == 0 || quota.burst == 0 {
            return Err("tokens, period and burst must be above zero".to_owned());
        }
        let place = self.0.iter().position(|limiter| limiter.name == name).unwrap_or_else(|| {
            self.0.push(Limiter { name: name.to_owned(), quota, buckets: BTreeMap::new() });
            self.0.len() - 1
        });
        self.0[place].quota = quota;
        Ok(place as u32)
    }

    pub(super) fn take(&mut self, limiter: u32, key: &str, tokens: u32, now_ms: u64) -> Result<(), u64> {
        let Some(Limiter { quota, buckets, .. }) = self.0.get_mut(limiter as usize) else { return Ok(()) };
        if tokens > quota.burst {
            return Err(u64::MAX);
        }
        let full = u64::from(quota.burst) * quota.period_ms;
        let bucket = buckets.entry(key.to_owned()).or_insert(Bucket { level: full, at_ms: now_ms });
        let gained = (now_ms - bucket.at_ms).saturating_mul(u64::from(quota.tokens));
        *bucket = Bucket { level: bucket.level.saturating_add(gained).min(full), at_ms: now_ms };
        let wanted = u64::from(tokens) * quota.period_ms;
        if bucket.level < wanted {
            return Err((wanted - bucket.level).div_ceil(u64::from(quota.tokens)));
        }
        bucket.level -= wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_at_its_rate_and_no_further_than_its_burst() {
        let mut limiters = Limiters::default();
        let limiter = limiters.define("x", Quota { tokens: 3, period_ms: 1_000, burst: 2 }).unwrap();
        assert_eq!(limiters.take(limiter, "a", 2, 0), Ok(()));
        assert_eq!(limiters.take(limiter, "a", 1, 0), Err(334));
        assert_eq!(limiters.take(limiter, "b", 1, 0), Ok(()), "another key has a bucket of its own");
        assert_eq!(limiters.take(limiter, "a", 1, 334), Ok(()));
        assert_eq!(limiters.take(limiter, "a", 2, 3_600_000), Ok(()));
        assert_eq!(limiters.take(limiter, "a", 1, 3_600_000), Err(334), "an hour brought no more than the burst");
        assert_eq!(limiters.take(limiter, "a", 3, 0), Err(u64::MAX), "more than a bucket holds is never there");
    }
}
