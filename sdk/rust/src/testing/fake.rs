//! The functions of the world's imports, as the fake host has them.

use super::bench_host::{Phase, Stored, with};

pub(crate) mod host {
    use super::with;
    use crate::host::Level;

    pub(crate) fn log(level: Level, text: &str) {
        with(|host| host.log.push((level, text.to_owned())));
    }

    pub(crate) fn now_ms() -> u64 {
        with(|host| host.now_ms)
    }

    pub(crate) fn unix_ms() -> u64 {
        super::super::unix_ms()
    }

    /// The same in every run: splitmix64.
    pub(crate) fn random() -> u64 {
        with(|host| {
            host.random = host.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (host.random ^ (host.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }

    pub(crate) fn count(name: &str, by: u64) {
        with(|host| {
            if host.counters.len() < 32 || host.counters.contains_key(name) {
                *host.counters.entry(name.to_owned()).or_default() += by;
            }
        });
    }

    pub(crate) fn read_file(name: &str) -> Option<Vec<u8>> {
        with(|host| host.files.get(name)?.bytes.clone())
    }

    pub(crate) fn file_version(name: &str) -> u64 {
        with(|host| host.files.get(name).map_or(0, |file| file.version))
    }
}

pub(crate) mod current {
    use super::with;

    pub(crate) fn attribute(name: &str) -> Option<String> {
        with(|host| host.facts()?.attributes.get(name).cloned())
    }

    pub(crate) fn set_attribute(name: &str, value: &str) {
        with(|host| host.facts().map(|facts| facts.attributes.insert(name.to_owned(), value.to_owned())));
    }

    pub(crate) fn remove_attribute(name: &str) {
        with(|host| host.facts().map(|facts| facts.attributes.remove(name)));
    }

    pub(crate) fn set_upstream_header(name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        with(|host| host.facts().map(|facts| facts.upstream_headers.insert(name, value.to_owned())));
    }

    pub(crate) fn offer_subprotocols(names: &[String]) {
        with(|host| host.facts().map(|facts| facts.offered_subprotocols = Some(names.to_vec())));
    }

    pub(crate) fn default_subprotocol(name: &str) {
        with(|host| host.facts().map(|facts| facts.default_subprotocol = Some(name.to_owned())));
    }

    pub(crate) fn set_timer(timer: u32, after_ms: u64) {
        with(|host| {
            let at_ms = host.now_ms.saturating_add(after_ms);
            if let Some(facts) = host.facts()
                && (facts.timers.len() < 8 || facts.timers.contains_key(&timer))
            {
                facts.timers.insert(timer, at_ms);
            }
        });
    }

    pub(crate) fn cancel_timer(timer: u32) {
        with(|host| host.facts().map(|facts| facts.timers.remove(&timer)));
    }
}

pub(crate) mod limiter {
    use super::{Phase, with};
    use crate::limiter::Quota;

    pub(crate) fn define(name: &str, quota: Quota) -> Result<u32, String> {
        with(|host| match host.phase {
            Phase::Configuring => host.limiters.define(name, quota),
            Phase::Running => Err("limiters are defined in configure".to_owned()),
        })
    }

    pub(crate) fn take(limiter: u32, key: &str, tokens: u32) -> Result<(), u64> {
        with(|host| host.limiters.take(limiter, key, tokens, host.now_ms))
    }
}

pub(crate) mod breaker {
    use super::{Phase, with};
    use crate::breaker::{Settings, State};

    pub(crate) fn define(name: &str, settings: Settings) -> Result<u32, String> {
        with(|host| match host.phase {
            Phase::Configuring => host.breakers.define(name, settings),
            Phase::Running => Err("breakers are defined in configure".to_owned()),
        })
    }

    pub(crate) fn keyed(breaker: u32, key: &str) -> u32 {
        with(|host| host.breakers.keyed(breaker, key))
    }

    pub(crate) fn admit(breaker: u32) -> Result<(), u64> {
        with(|host| host.breakers.admit(breaker, host.now_ms))
    }

    pub(crate) fn success(breaker: u32, latency_us: u64) {
        with(|host| host.breakers.success(breaker, latency_us, host.now_ms));
    }

    pub(crate) fn failure(breaker: u32) {
        with(|host| host.breakers.failure(breaker, host.now_ms));
    }

    pub(crate) fn state(breaker: u32) -> State {
        with(|host| host.breakers.state(breaker, host.now_ms))
    }
}

pub(crate) mod store {
    use super::{Stored, with};

    /// As many entries as fit; enough for a test to fill.
    const ENTRIES_MAX: usize = 1024;

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        with(|host| {
            host.store.get(key).filter(|stored| stored.until_ms > host.now_ms).map(|stored| stored.value.clone())
        })
    }

    pub(crate) fn set(key: &str, value: &[u8], ttl_ms: u64) -> bool {
        with(|host| {
            let now_ms = host.now_ms;
            host.store.retain(|_, stored| stored.until_ms > now_ms);
            let fits = host.store.len() < ENTRIES_MAX || host.store.contains_key(key);
            if fits {
                let until_ms = now_ms.saturating_add(ttl_ms);
                host.store.insert(key.to_owned(), Stored { value: value.to_owned(), until_ms });
            }
            fits
        })
    }

    pub(crate) fn remove(key: &str) {
        with(|host| host.store.remove(key));
    }

    pub(crate) fn add(key: &str, by: i64, ttl_ms: u64) -> i64 {
        let before = get(key).and_then(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?)));
        let sum = before.unwrap_or(0).saturating_add(by);
        set(key, &sum.to_le_bytes(), ttl_ms);
        sum
    }
}
