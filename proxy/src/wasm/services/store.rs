//! A filter's small table: values with a time to live, bounded in entries and in bytes. What has expired goes: when it is
//! asked for, and from the front of the order of expiry with each change.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock;
use crate::time::Instant;

/// Keys and values of one filter together.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// What an entry costs beside its key and value: two maps' worth of pointers, lengths and times.
const ENTRY_OVERHEAD_BYTES: usize = 128;
/// Expired entries that one change drops at most, so that none takes long.
const DROPPED_AT_ONCE: usize = 16;

/// Shared by the instances of a filter.
pub(in crate::wasm) struct Store {
    table: Mutex<Table>,
}

struct Table {
    entries: HashMap<Arc<str>, Entry>,
    by_expiry: BTreeSet<(Instant, Arc<str>)>,
    entries_max: usize,
    bytes: usize,
}

struct Entry {
    value: Box<[u8]>,
    expires: Instant,
}

/// There is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::wasm) struct Full;

impl Store {
    pub(super) fn new(entries_max: usize) -> Self {
        let table = Table { entries: HashMap::new(), by_expiry: BTreeSet::new(), entries_max, bytes: 0 };
        Self { table: Mutex::new(table) }
    }

    /// A smaller table keeps what it has until that expires.
    pub(in crate::wasm) fn set_entries_max(&self, entries_max: usize) {
        lock(&self.table).entries_max = entries_max;
    }

    pub(in crate::wasm) fn get(&self, key: &str, now: Instant) -> Option<Vec<u8>> {
        lock(&self.table).living(key, now).map(<[u8]>::to_vec)
    }

    pub(in crate::wasm) fn set(&self, key: &str, value: &[u8], ttl: Duration, now: Instant) -> Result<(), Full> {
        lock(&self.table).set(key, value, ttl, now)
    }

    pub(in crate::wasm) fn remove(&self, key: &str) {
        lock(&self.table).remove(key);
    }

    /// A number is eight bytes, little endian; anything else counts as absent. The sum saturates. It is given back even if
    /// there is no room to keep it.
    pub(in crate::wasm) fn add(&self, key: &str, by: i64, ttl: Duration, now: Instant) -> i64 {
        let mut table = lock(&self.table);
        let before = table.living(key, now).and_then(|value| value.try_into().ok()).map_or(0, i64::from_le_bytes);
        let sum = before.saturating_add(by);
        let _no_room = table.set(key, &sum.to_le_bytes(), ttl, now);
        sum
    }
}

impl Table {
    fn living(&mut self, key: &str, now: Instant) -> Option<&[u8]> {
        if self.entries.get(key)?.expires <= now {
            self.remove(key);
        }
        self.entries.get(key).map(|entry| &*entry.value)
    }

    /// On failure the old value is gone too: a stale one would be worse than none.
    fn set(&mut self, key: &str, value: &[u8], ttl: Duration, now: Instant) -> Result<(), Full> {
        self.remove(key);
        self.drop_expired(now);
        let cost = cost(key, value);
        if self.entries.len() >= self.entries_max || self.bytes + cost > BYTES_MAX {
            return Err(Full);
        }
        let (key, expires): (Arc<str>, Instant) = (key.into(), now + ttl);
        self.by_expiry.insert((expires, Arc::clone(&key)));
        self.entries.insert(key, Entry { value: value.into(), expires });
        self.bytes += cost;
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        if let Some((key, entry)) = self.entries.remove_entry(key) {
            self.bytes -= cost(&key, &entry.value);
            self.by_expiry.remove(&(entry.expires, key));
        }
    }

    fn drop_expired(&mut self, now: Instant) {
        for _ in 0..DROPPED_AT_ONCE {
            match self.by_expiry.first() {
                Some((expires, key)) if *expires <= now => {
                    let key = Arc::clone(key);
                    self.remove(&key);
                }
                _ => return,
            }
        }
    }
}

fn cost(key: &str, value: &[u8]) -> usize {
    key.len() + value.len() + ENTRY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn at(s: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(s)
    }

    #[test]
    fn values_live_as_long_as_they_were_given() {
        let store = Store::new(10);
        store.set("a", b"1", TTL, at(0)).unwrap();
        assert_eq!(store.get("a", at(9)), Some(b"1".to_vec()));
        assert_eq!(store.get("a", at(10)), None);
        store.set("a", b"2", TTL, at(0)).unwrap();
        store.remove("a");
        assert_eq!(store.get("a", at(0)), None);
        assert_eq!(lock(&store.table).bytes, 0);
    }

    #[test]
    fn a_full_table_takes_nothing_until_something_expires() {
        let store = Store::new(2);
        store.set("a", b"1", TTL, at(0)).unwrap();
        store.set("b", b"1", TTL, at(5)).unwrap();
        assert_eq!(store.set("c", b"1", TTL, at(6)), Err(Full));
        store.set("b", b"2", TTL, at(6)).unwrap();
        store.set("c", b"1", TTL, at(10)).unwrap();
        assert_eq!(store.get("a", at(10)), None);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let store = Store::new(1_000);
        let value = vec![0; BYTES_MAX / 2];
        store.set("a", &value, TTL, at(0)).unwrap();
        assert_eq!(store.set("b", &value, TTL, at(0)), Err(Full));
    }

    #[test]
    fn numbers_add_up_and_start_anew_when_they_expire() {
        let store = Store::new(2);
        assert_eq!(store.add("n", 2, TTL, at(0)), 2);
        assert_eq!(store.add("n", 3, TTL, at(9)), 5);
        assert_eq!(store.add("n", 1, TTL, at(18)), 6);
        assert_eq!(store.get("n", at(18)), Some(6_i64.to_le_bytes().to_vec()));
        assert_eq!(store.add("n", -1, TTL, at(28)), -1);
        store.set("n", b"text", TTL, at(28)).unwrap();
        assert_eq!(store.add("n", i64::MAX, TTL, at(28)), i64::MAX);
        assert_eq!(store.add("n", 1, TTL, at(28)), i64::MAX);
    }
}
