//! The log, the clock, chance, counters, and the files that the YAML gives a filter.

#[cfg(not(target_family = "wasm"))]
use crate::testing::fake::host as system;
#[cfg(target_family = "wasm")]
use crate::wasm::host as system;

/// How loud a line in the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// For whoever looks for a fault in the filter.
    Debug,
    /// Worth knowing.
    Info,
    /// Wrong, and lived with.
    Warn,
    /// Wrong, and somebody must see to it.
    Error,
}

/// Writes a line to the proxy's log, under the filter's and the session's name. Long lines are cut, floods are thinned.
pub fn log(level: Level, text: &str) {
    system::log(level, text);
}

/// Milliseconds on a clock that never goes back.
pub fn now_ms() -> u64 {
    system::now_ms()
}

/// Milliseconds since 1970, as the wall clock has it.
pub fn unix_ms() -> u64 {
    system::unix_ms()
}

/// Evenly spread; not for secrets.
pub fn random() -> u64 {
    system::random()
}

/// Adds to a counter that the proxy exports as `belay_filter_custom_total{filter, name}`. At most 32 names a filter.
pub fn count(name: &str, by: u64) {
    system::count(name, by);
}

/// The bytes of a file that the YAML gives this filter under `files`, or nothing while it cannot be read.
pub fn read_file(name: &str) -> Option<Vec<u8>> {
    system::read_file(name)
}

/// Changes whenever the content of the file does.
pub fn file_version(name: &str) -> u64 {
    system::file_version(name)
}
