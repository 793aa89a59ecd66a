//! How wasmtime is set up, and why. One engine runs all filters of the process.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine};

/// Frames of a backtrace: those that are told, and the runtime's of a panic before them.
const BACKTRACE_FRAMES_MAX: usize = 20;
/// Of a worker's stack, for a filter's own calls. Threads that run filters need twice that.
const STACK_BYTES_MAX: usize = 512 * 1024;

/// Who compiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compiling {
    /// All processors: nobody is served before it is done.
    Together,
    /// The thread that asks, alone and at its priority: workers are busy serving.
    Aside,
}

/// An engine for synchronous components with deadlines. What is compiled by one runs in another.
pub(super) fn engine(compiling: Compiling) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        // Calls neither suspend nor overlap. Leaving this on would double what each of them costs.
        .concurrency_support(false)
        // A check of one counter at loop heads and function entries: the only way to stop a loop from outside.
        .epoch_interruption(true)
        .parallel_compilation(compiling == Compiling::Together)
        .max_wasm_stack(STACK_BYTES_MAX)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX));
    Engine::new(&config)
}
