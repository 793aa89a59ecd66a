//! `belay filter …` as an author meets it: scripts that are kept and scripts that are not, mistakes, projects, and a filter
//! tried by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;
#[path = "support/guest.rs"]
mod guest;

#[path = "filter_command/projects.rs"]
mod projects;
#[path = "filter_command/scripts.rs"]
mod scripts;
#[path = "filter_command/trying.rs"]
mod trying;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::scratch;

/// Its exit code, standard output and standard error.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `belay filter` with these arguments, in this folder. What it compiles is kept with the tests' own files.
fn belay_filter(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    command.arg("filter").args(arguments).current_dir(folder).env("XDG_CACHE_HOME", folder);
    command.output().unwrap().into()
}

/// A folder with these files.
fn folder_of(files: &[(&str, &[u8])]) -> PathBuf {
    let folder = scratch("filter");
    for (name, content) in files {
        std::fs::write(folder.join(name), content).unwrap();
    }
    folder
}
