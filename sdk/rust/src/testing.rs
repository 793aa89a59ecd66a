//! The fake host of unit tests. [`Bench`] runs a filter in it as the proxy would; the functions here look behind the scenes:
//! the clock stands still until it is moved, and what the filter did is there to be asserted on.
//!
//! Everything is of the current thread, and so of one test.

mod bench;
mod bench_host;
mod breakers;
#[doc(hidden)]
pub(crate) mod fake;
mod limiters;
mod service;

pub use bench::{Bench, TimerFired};
pub use bench_host::{Facts, counter, log_lines, move_clock, remove_file, set_file, set_unix_ms, unix_ms};
pub use service::{asked, serve};
