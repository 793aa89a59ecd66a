//! The `belay` program: hands the command line what it needs of the rest.

use std::process::ExitCode;

use belay::cli::{self, Hooks};

fn main() -> ExitCode {
    cli::main(&Hooks { run: |_| ExitCode::FAILURE, check: |_| Ok(()) })
}
