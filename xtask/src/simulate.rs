//! `cargo xtask simulate heartbeats`: the simulation itself is `proxy/benches/heartbeats`. Virtual time passes as fast as the
//! machine can, so it is built for speed.

use std::ffi::OsString;

use crate::{Outcome, workspace};

/// Hands everything on to the simulation, and has it write its plot beside the documentation.
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) -> Outcome {
    if arguments.next().is_none_or(|what| what != "heartbeats") {
        return Err("usage: cargo xtask simulate heartbeats [options]".to_owned());
    }
    let plot = workspace::root().join("docs/heartbeats-simulation.svg");
    let mut cargo = workspace::cargo();
    cargo.args(["bench", "--quiet", "--package", "belay", "--bench", "heartbeats", "--", "--plot"]).arg(plot);
    let status = cargo.args(arguments).status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the simulation did not end well".to_owned()) }
}
