//! `cargo xtask bench`: the bench itself is `proxy/benches/peers`, which needs a Belay that is built for speed.

use crate::{Outcome, workspace};

/// Hands everything on to the bench.
pub(crate) fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> Outcome {
    eprintln!("building Belay with everything optimised; the first time takes minutes");
    let mut cargo = workspace::cargo();
    cargo.args(["bench", "--quiet", "--package", "belay", "--bench", "peers", "--"]).args(arguments);
    let status = cargo.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the bench did not end well".to_owned()) }
}
