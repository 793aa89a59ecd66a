//! Why a call failed, on one line, for the filter's author.

use std::fmt::Write;

use wasmtime::{Trap, WasmBacktrace};

use super::context::Context;
use super::engine::BACKTRACE_FRAMES_MAX;
use super::state::{HostCallsExceeded, Memory};

/// Bytes of a cause: it goes into logs and spans.
const CAUSE_BYTES_MAX: usize = 1024;

/// What a call died of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It was stopped at its deadline.
    Deadline,
    /// Anything else.
    Trap,
}

/// What kind of failure this is.
pub(super) fn kind(error: &wasmtime::Error) -> Kind {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Kind::Deadline,
        _ => Kind::Trap,
    }
}

/// `call` is the export's name.
pub(super) fn describe(
    call: &str,
    error: &wasmtime::Error,
    context: &Context,
    memory: &Memory,
    deadline_ms: u128,
) -> Box<str> {
    let mut cause = format!("{call}: ");
    let _ = match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => write!(cause, "still running after {deadline_ms} ms of processor time"),
        Some(Trap::StackOverflow) => write!(cause, "its calls nest too deep for the stack"),
        Some(Trap::UnreachableCodeReached) => write!(cause, "it panicked or aborted (wasm `unreachable`)"),
        Some(trap) => write!(cause, "{trap}"),
        None => match error.downcast_ref::<HostCallsExceeded>() {
            Some(exceeded) => write!(cause, "{exceeded}"),
            None => write!(cause, "{}", one_line(&error.root_cause().to_string())),
        },
    };
    if memory.refused {
        let _ = write!(cause, ", after it was refused more than {} of memory", bytes(context.limits.memory_bytes_max));
    }
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        frames(&mut cause, backtrace);
    }
    cause.truncate(cause.floor_char_boundary(CAUSE_BYTES_MAX));
    cause.into()
}

/// Innermost first, with the source's line where the component says it.
fn frames(cause: &mut String, backtrace: &WasmBacktrace) {
    for (index, frame) in backtrace.frames().iter().take(BACKTRACE_FRAMES_MAX).enumerate() {
        cause.push_str(if index == 0 { "; in " } else { " < " });
        let symbol = frame.symbols().first();
        match symbol.and_then(|symbol| symbol.name()).or(frame.func_name()) {
            Some(name) => cause.push_str(&one_line(name)),
            None => drop(write!(cause, "function {}", frame.func_index())),
        }
        if let Some((file, line)) = symbol.and_then(|symbol| Some((symbol.file()?, symbol.line()?))) {
            let file = file.rsplit('/').next().unwrap_or(file);
            let _ = write!(cause, " ({}:{line})", one_line(file));
        }
    }
}

/// Text that a component had a hand in.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn bytes(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if bytes.is_multiple_of(MIB) { format!("{} MiB", bytes / MIB) } else { format!("{} KiB", bytes / 1024) }
}
