//! `cargo xtask bench`: the bench itself is `proxy/benches/peers`, which needs a Belay that is built for speed, and peers.

mod peers;

use std::ffi::OsString;

use crate::{Outcome, workspace};

/// Whoever has this among the arguments brings the peers along, or does without.
const NO_INSTALL: &str = "--no-install";

/// Installs the peers that are missing, and hands everything on to the bench.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Outcome {
    let (no_install, arguments): (Vec<_>, Vec<_>) = arguments.partition(|argument| argument == NO_INSTALL);
    let asks = |what: &str| arguments.iter().any(|argument| argument == what);
    if no_install.is_empty() && !asks("--help") && !asks("-h") {
        peers::install();
    }
    eprintln!("building Belay with everything optimised; the first time takes minutes");
    let mut cargo = workspace::cargo();
    cargo.args(["bench", "--quiet", "--package", "belay", "--bench", "peers", "--"]).args(arguments);
    let status = cargo.env("PATH", peers::path()?).status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the bench did not end well".to_owned()) }
}
