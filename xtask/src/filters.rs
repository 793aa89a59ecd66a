//! `cargo xtask filters`: runs the crate in `xtask/filters`, which builds the filters that ship with Belay. It stands apart
//! because it takes a while to build itself.

use std::ffi::OsString;
use std::process::Command;

use crate::Outcome;

pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Outcome {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--locked", "--package", "filter-builder", "--"]).args(arguments);
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the filters were not built".to_owned()) }
}
