//! What filters write to the log: cut, and made one line. Floods of it are thinned by [`crate::gate`].

use std::borrow::Cow;

use crate::dataplane::trace::TraceContext;
use crate::id::SessionId;

/// Bytes of one line.
const LINE_BYTES_MAX: usize = 2 * 1024;
/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::wasm) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes a line under the filter's name, and that of the session and the trace that it is about.
pub(in crate::wasm) fn write(filter: &str, about: Option<(SessionId, TraceContext)>, level: Level, text: &str) {
    let text = line(text);
    let session = about.map(|(session, _)| tracing::field::display(session));
    let trace_id = about.and_then(|(_, trace)| trace.logged());
    match level {
        Level::Debug => tracing::debug!(target: "belay::filter", filter, session, trace_id, "{text}"),
        Level::Info => tracing::info!(target: "belay::filter", filter, session, trace_id, "{text}"),
        Level::Warn => tracing::warn!(target: "belay::filter", filter, session, trace_id, "{text}"),
        Level::Error => tracing::error!(target: "belay::filter", filter, session, trace_id, "{text}"),
    }
}

/// Says that lines were left out.
pub(in crate::wasm) fn write_thinned(filter: &str, lines: u64) {
    if lines > 0 {
        tracing::warn!(target: "belay::filter", filter, lines, "the filter's log was thinned");
    }
}

/// At most so long, and without control characters: a filter must not be able to forge lines or drive a terminal.
fn line(text: &str) -> Cow<'_, str> {
    let cut = &text[..text.floor_char_boundary(LINE_BYTES_MAX)];
    if cut.len() == text.len() && !cut.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut line: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < text.len() {
        line.push('…');
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_hold_no_control_characters() {
        assert_eq!(line("plain"), "plain");
        assert_eq!(line("one\ntwo\x1b[31m"), "one two [31m");
        let long = "ä".repeat(LINE_BYTES_MAX);
        assert_eq!(line(&long).chars().count(), LINE_BYTES_MAX / 2 + 1);
    }
}
