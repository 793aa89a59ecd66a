//! What whole-process tests share: the real binary on free ports, backends to put behind it, clients to put before it, and
//! the tools that some tests need. What is tested is each test file's own.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "each test takes what it needs of this, and a helper that fails fails its test"
)]

pub mod backend;
pub mod belay;
pub mod client;
pub mod handshake;
pub mod otlp;
pub mod pki;
pub mod ports;
pub mod process;
pub mod puppet;
pub mod raw;
pub mod tools;
pub mod webhook;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// Longer than anything here takes on a busy machine; a test that waits for this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A new folder for one test's files, under `target/tmp`.
pub fn scratch(purpose: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{purpose}-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Waits for something that must come, and fails the test that waits in vain.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} in vain: {what}"),
    }
}
