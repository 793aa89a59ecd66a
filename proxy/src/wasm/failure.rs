//! Why a call failed, on one line, for the filter's author.

mod backtrace;

use std::fmt::Write;

use wasmtime::{Trap, WasmBacktrace};

use super::context::Context;
use super::state::{HostCallsExceeded, Memory};
use crate::dataplane::chain::FailureKind;

/// Bytes of a cause: it goes into logs and spans.
const CAUSE_BYTES_MAX: usize = 1024;

/// What kind of failure this is.
pub(super) fn kind(error: &wasmtime::Error) -> FailureKind {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => FailureKind::Deadline,
        _ => FailureKind::Trap,
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
        Some(Trap::Interrupt) => {
            write!(cause, "still running after {deadline_ms} ms of processor time ({})", deadline_name(call))
        }
        Some(Trap::StackOverflow) => write!(cause, "its calls nest too deep for the stack"),
        Some(Trap::UnreachableCodeReached) => write!(cause, "it panicked or aborted (wasm `unreachable`)"),
        Some(trap) => write!(cause, "{trap}"),
        None => match error.downcast_ref::<HostCallsExceeded>() {
            Some(exceeded) => write!(cause, "{exceeded} (limits.host_calls)"),
            None => write!(cause, "{}", one_line(&error.root_cause().to_string())),
        },
    };
    if memory.refused {
        let _ = write!(
            cause,
            ", after it was refused more than {} of memory (limits.memory)",
            bytes(context.limits.memory_bytes_max)
        );
    }
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        backtrace::tell(&mut cause, backtrace);
    }
    cause.truncate(cause.floor_char_boundary(CAUSE_BYTES_MAX));
    cause.into()
}

/// What the limit of a call's time is called in the YAML, where it can be changed.
fn deadline_name(call: &str) -> &'static str {
    match call {
        "configure" | "instantiation" => "fixed for `configure`",
        _ => "limits.deadline",
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
