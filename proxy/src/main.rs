//! The `belay` program: hands the command line what it needs of the rest.

use std::process::ExitCode;

use belay::app;
use belay::cli::{self, Hooks};

fn main() -> ExitCode {
    cli::main(&Hooks { run: app::run, check: app::check })
}
