//! The `belay` program: hands the command line what it needs of the rest.

use std::process::ExitCode;

use belay::app;
use belay::cli::{self, Hooks};

/// An idle session takes a fifth less memory than with the system's, and it can say where memory was taken.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main(&Hooks { run: app::run, check: app::check })
}
