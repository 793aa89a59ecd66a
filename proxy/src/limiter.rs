//! How often something may happen: governor's token buckets, one for each key, in a table of bounded size. Filters limit with
//! it what they like, listeners whom they accept.
//!
//! Keys are kept as 64-bit hashes under a seed of this process: a check allocates nothing, and nobody outside can aim at
//! another's bucket. Two of 100,000 keys share one with a chance of one in 3.7 billion.
//!
//! A bucket that is full again says no more than one that was never there, and goes when room is needed. When all the room is
//! taken by buckets in use, newcomers share one bucket (for each of the table's shards) until there is room: a crowd of
//! made-up keys then slows the newcomers, whereas letting these pass would open the gate to it, and refusing them would shut
//! out everybody new.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::time::Instant;

/// Longest time for a bucket to fill up: a year. Keeps sums of nanoseconds far from overflow.
const FILL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// A full table is searched for buckets to drop at most this often: the search costs up to a millisecond.
const PRUNE_EVERY: Nanos = Nanos::new(1_000_000_000);
/// Shards of a large table; each has its own lock, and workers meet at few of them.
const SHARDS_MAX: usize = 64;
/// A shard has room for at least so many, so that hashes fill all of them about alike. Smaller tables have one, whose bound
/// is exact.
const SHARD_ENTRIES_MIN: usize = 1024;

/// So many tokens in a time, and at most so many at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate(Quota);

/// Token buckets by key.
pub struct Limiter {
    settings: Settings,
    seed: RandomState,
    #[cfg(test)]
    buckets: Arc<Buckets>,
    governor: RateLimiter<u64, SharedBuckets, EventClock, NoOpMiddleware<Nanos>>,
}

/// What a limiter is defined by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Of each bucket.
    pub rate: Rate,
    /// Buckets that are kept.
    pub keys_max: usize,
}

/// When the tokens that are not there will be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shortage {
    /// After this time they are there.
    After(Duration),
    /// More was asked for than there ever is at once.
    Never,
}

impl Rate {
    /// `burst` is the most at once.
    ///
    /// # Errors
    /// It would let nothing pass, or limit nothing. The text is for who configured it.
    pub fn new(tokens: u32, period: Duration, burst: u32) -> Result<Self, &'static str> {
        let tokens = NonZeroU32::new(tokens).ok_or("a quota of no tokens lets nothing pass")?;
        let burst = NonZeroU32::new(burst).ok_or("a burst of no tokens lets nothing pass")?;
        let each = period / tokens.get();
        if period > FILL_MAX || each.saturating_mul(burst.get()) > FILL_MAX {
            return Err("a quota that takes more than a year to come back is not kept");
        }
        let quota = Quota::with_period(each)
            .ok_or("a quota whose tokens come back in less than a nanosecond each limits nothing")?;
        Ok(Self(quota.allow_burst(burst)))
    }
}

impl Limiter {
    /// With all buckets full. `name` is for the log.
    pub fn new(name: String, settings: Settings, now: Instant) -> Self {
        let Settings { rate: Rate(quota), keys_max } = settings;
        EventClock::set(now);
        let each = Nanos::from(quota.replenish_interval());
        let buckets = Arc::new(Buckets::new(name, keys_max, EventClock.now(), each));
        let governor = RateLimiter::new(quota, SharedBuckets(Arc::clone(&buckets)), EventClock);
        Self {
            settings,
            seed: RandomState::new(),
            #[cfg(test)]
            buckets,
            governor,
        }
    }

    /// As it was made.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Takes `tokens` from the key's bucket, all or none.
    ///
    /// # Errors
    /// When they will be there.
    pub fn take(&self, key: &(impl Hash + ?Sized), tokens: u32, now: Instant) -> Result<(), Shortage> {
        let Some(tokens) = NonZeroU32::new(tokens) else { return Ok(()) };
        EventClock::set(now);
        match self.governor.check_key_n(&self.seed.hash_one(key), tokens) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(Shortage::After(until.wait_time_from(EventClock.now()))),
            Err(_more_than_burst) => Err(Shortage::Never),
        }
    }
}

thread_local! {
    /// The time of the event that this thread is in.
    static EVENT_TIME: Cell<u64> = const { Cell::new(0) };
}

/// Governor asks a clock; this one answers with the time of the event, which its caller has set just before.
struct EventClock;

impl EventClock {
    fn set(now: Instant) {
        EVENT_TIME.set(now.as_micros().saturating_mul(1_000));
    }
}

impl Clock for EventClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(EVENT_TIME.get())
    }
}

/// The buckets, as governor's state store.
struct SharedBuckets(Arc<Buckets>);

struct Buckets {
    name: String,
    shards: Box<[Shelf]>,
    shard_entries_max: usize,
    start: Nanos,
    each: Nanos,
    /// How many times a key found no bucket of its own.
    crowded: AtomicU64,
}

/// A shard in a cache line of its own: neighbours' locks would be fetched back and forth between the workers' processors.
#[derive(Default)]
#[repr(align(64))]
struct Shelf(Mutex<Shard>);

#[derive(Default)]
struct Shard {
    /// When each bucket will be full again, since `start`.
    full_at: HashMap<u64, Nanos, BuildHasherDefault<Hashed>>,
    /// The one that newcomers share while there is no room.
    common: Option<Nanos>,
    prune_from: Nanos,
}

impl Buckets {
    fn new(name: String, entries_max: usize, start: Nanos, each: Nanos) -> Self {
        let shards = (entries_max / SHARD_ENTRIES_MIN).clamp(1, SHARDS_MAX);
        Self {
            name,
            shards: (0..shards).map(|_| Shelf::default()).collect(),
            shard_entries_max: entries_max / shards,
            start,
            each,
            crowded: AtomicU64::new(0),
        }
    }

    /// Said at the first time and whenever it has doubled.
    fn tell_crowded(&self) {
        let times = self.crowded.fetch_add(1, Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(limiter = self.name, times, "a limiter's table is full: newcomers share a bucket");
        }
    }

    /// Makes room if there is none, by dropping what is full. As often as the map would have to grow, or once a second.
    fn make_room(&self, shard: &mut Shard) {
        let bounded = shard.full_at.len() >= self.shard_entries_max;
        if !bounded && shard.full_at.len() < shard.full_at.capacity() {
            return;
        }
        let now = EventClock.now();
        if bounded && now < shard.prune_from {
            return;
        }
        shard.prune_from = now + PRUNE_EVERY;
        let fresh = now.duration_since(self.start).saturating_sub(self.each);
        shard.full_at.retain(|_, full_at| *full_at > fresh);
    }
}

impl StateStore for SharedBuckets {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let buckets = &self.0;
        // Bits that the shard's map does not choose a place by.
        let Shelf(shard) = &buckets.shards[(key >> 40) as usize % buckets.shards.len()];
        let mut shard = lock(shard);
        if let Some(full_at) = shard.full_at.get_mut(key) {
            let (outcome, next) = measure(Some(*full_at))?;
            *full_at = next;
            return Ok(outcome);
        }
        buckets.make_room(&mut shard);
        if shard.full_at.len() < buckets.shard_entries_max {
            let (outcome, next) = measure(None)?;
            shard.full_at.insert(*key, next);
            return Ok(outcome);
        }
        buckets.tell_crowded();
        let (outcome, next) = measure(shard.common)?;
        shard.common = Some(next);
        Ok(outcome)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keys are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(tokens: u32, burst: u32, keys_max: usize) -> Limiter {
        let rate = Rate::new(tokens, Duration::from_secs(1), burst).unwrap();
        Limiter::new("test".into(), Settings { rate, keys_max }, Instant::ZERO)
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let limiter = limiter(10, 3, 100);
        for _ in 0..3 {
            assert_eq!(limiter.take("a", 1, at(0)), Ok(()));
        }
        assert_eq!(limiter.take("a", 1, at(0)), Err(Shortage::After(Duration::from_millis(100))));
        assert_eq!(limiter.take("b", 3, at(0)), Ok(()));
        assert_eq!(limiter.take("a", 1, at(100)), Ok(()));
        assert_eq!(limiter.take("a", 4, at(10_000)), Err(Shortage::Never));
        assert_eq!(limiter.take("a", 0, at(100)), Ok(()));
    }

    #[test]
    fn newcomers_share_a_bucket_while_the_table_is_full_of_others_in_use() {
        let limiter = limiter(1, 2, 3);
        for key in ["a", "b", "c"] {
            assert_eq!(limiter.take(key, 2, at(0)), Ok(()));
        }
        assert_eq!(limiter.take("d", 1, at(0)), Ok(()));
        assert_eq!(limiter.take("e", 1, at(0)), Ok(()));
        assert!(limiter.take("f", 1, at(0)).is_err());
        assert_eq!(limiter.buckets.crowded.load(Relaxed), 3);
        // Those who have a bucket notice nothing.
        assert_eq!(limiter.take("a", 1, at(1_000)), Ok(()));
    }

    #[test]
    fn full_buckets_make_room() {
        let limiter = limiter(10, 1, 3);
        for key in ["a", "b", "c"] {
            limiter.take(key, 1, at(0)).unwrap();
        }
        for key in ["d", "e", "f"] {
            assert_eq!(limiter.take(key, 1, at(5_000)), Ok(()));
        }
        assert_eq!(limiter.buckets.crowded.load(Relaxed), 0);
    }

    #[test]
    fn a_table_never_outgrows_its_bound() {
        let limiter = limiter(1, 1, 10_000);
        for key in 0..200_000 {
            let _ = limiter.take(&key, 1, at(0));
        }
        let entries: usize = limiter.buckets.shards.iter().map(|Shelf(shard)| lock(shard).full_at.len()).sum();
        assert!(entries <= 10_000, "{entries}");
    }

    #[test]
    fn quotas_that_mean_nothing_are_refused() {
        let second = Duration::from_secs(1);
        for (tokens, period, burst) in [
            (0, second, 1),
            (1, second, 0),
            (1, Duration::ZERO, 1),
            (1, second, u32::MAX),
            (1, Duration::from_millis(u64::MAX), 1),
        ] {
            assert!(Rate::new(tokens, period, burst).is_err(), "{tokens} in {period:?}, {burst} at once");
        }
    }
}
