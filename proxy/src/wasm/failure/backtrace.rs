//! Where a call failed: the functions that it was in, by the names that they have in their language.

use std::borrow::Cow;
use std::fmt::Write;

use wasmtime::{FrameInfo, WasmBacktrace};

use super::one_line;
use crate::wasm::shortcut;

/// Functions that are told.
const FRAMES_MAX: usize = 8;
/// Bytes of a name: C++ and Rust know long ones.
const NAME_BYTES_MAX: usize = 120;
/// What a panic runs before it traps, which nobody looks for.
const RUNTIME: &[&str] =
    &["__rust", "rust_panic", "rust_begin_unwind", "std::panicking", "std::sys", "core::panicking"];

/// Innermost first, with the source's line where the component says it.
pub(super) fn tell(cause: &mut String, backtrace: &WasmBacktrace) {
    let theirs = backtrace.frames().iter().filter(|frame| frame.module().name() != Some(shortcut::MODULE));
    let frames: Vec<(String, &FrameInfo)> = theirs.map(|frame| (name(frame), frame)).collect();
    let of_runtime = |name: &str| RUNTIME.iter().any(|prefix| name.starts_with(prefix));
    let own = frames.iter().position(|(name, _)| !of_runtime(name)).unwrap_or(0);
    for (index, (name, frame)) in frames[own..].iter().take(FRAMES_MAX).enumerate() {
        cause.push_str(if index == 0 { "; in " } else { " < " });
        cause.push_str(name);
        if let Some((file, line)) = frame.symbols().first().and_then(|symbol| Some((symbol.file()?, symbol.line()?))) {
            let file = file.rsplit('/').next().unwrap_or(file);
            let _ = write!(cause, " ({}:{line})", one_line(file));
        }
    }
}

fn name(frame: &FrameInfo) -> String {
    let symbol = frame.symbols().first().and_then(|symbol| symbol.name()).or(frame.func_name());
    let Some(symbol) = symbol else { return format!("function {}", frame.func_index()) };
    let mut name = one_line(&demangled(symbol));
    if name.len() > NAME_BYTES_MAX {
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        name.push('…');
    }
    name
}

/// Without the hash that Rust puts behind each name. What is no mangled name stays as it is.
fn demangled(symbol: &str) -> Cow<'_, str> {
    if let Ok(rust) = rustc_demangle::try_demangle(symbol) {
        return format!("{rust:#}").into();
    }
    let cpp = symbol.starts_with("_Z").then(|| cpp_demangle::Symbol::new(symbol).ok()).flatten();
    cpp.and_then(|cpp| cpp.demangle().ok()).map_or(Cow::Borrowed(symbol), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_source() {
        assert_eq!(demangled("_ZN10word_guard4mask4mask17h0123456789abcdefE"), "word_guard::mask::mask");
        assert_eq!(demangled("_RNvNtCs1234_10word_guard4mask4mask"), "word_guard::mask::mask");
        assert_eq!(demangled("_ZN4mask4wordEi"), "mask::word(int)");
        assert_eq!(demangled("main.onMessage"), "main.onMessage");
    }
}
