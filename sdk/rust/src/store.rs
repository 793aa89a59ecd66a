//! A small table of the filter's own, shared by all workers of the process, bounded in entries and bytes.

#[cfg(not(target_family = "wasm"))]
use crate::testing::fake::store as system;
#[cfg(target_family = "wasm")]
use crate::wasm::store as system;

/// The table is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// What stands there.
pub fn get(key: &str) -> Option<Vec<u8>> {
    system::get(key)
}

/// Puts it there for this long.
pub fn set(key: &str, value: &[u8], ttl_ms: u64) -> Result<(), Full> {
    if system::set(key, value, ttl_ms) { Ok(()) } else { Err(Full) }
}

/// Takes it away.
pub fn remove(key: &str) {
    system::remove(key);
}

/// Adds to a number (absent: 0) and gives the sum; the time to live starts anew.
pub fn add(key: &str, by: i64, ttl_ms: u64) -> i64 {
    system::add(key, by, ttl_ms)
}
