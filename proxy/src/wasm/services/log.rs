//! What filters write to the log: cut, made one line, and thinned when it floods.

use std::borrow::Cow;
use std::time::Duration;

use crate::id::SessionId;
use crate::time::Instant;

/// Bytes of one line.
const LINE_BYTES_MAX: usize = 2 * 1024;
/// Lines that may come at once.
const BURST: u64 = 50;
/// One more line may come in each of these.
const LINE_EVERY: Duration = Duration::from_millis(100);

/// How much of the log one instance may have: a token bucket.
#[derive(Debug)]
pub(in crate::wasm) struct Gate {
    tokens: u64,
    filled_at: Instant,
    thinned: u64,
}

/// What to do with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::wasm) enum Admitted {
    /// Write it, after saying that so many were left out before it.
    Write { thinned: u64 },
    /// Leave it out.
    Thin,
}

impl Default for Gate {
    fn default() -> Self {
        Self { tokens: BURST, filled_at: Instant::ZERO, thinned: 0 }
    }
}

impl Gate {
    /// A line wants to be written.
    pub(in crate::wasm) fn admit(&mut self, now: Instant) -> Admitted {
        self.fill(now);
        if self.tokens == 0 {
            self.thinned += 1;
            return Admitted::Thin;
        }
        self.tokens -= 1;
        Admitted::Write { thinned: std::mem::take(&mut self.thinned) }
    }

    /// Lines that were left out and that no later line has told of, for when there will be no later line.
    pub(in crate::wasm) fn untold(&mut self) -> u64 {
        std::mem::take(&mut self.thinned)
    }

    fn fill(&mut self, now: Instant) {
        let lines = (now.since(self.filled_at).as_millis() / LINE_EVERY.as_millis()) as u64;
        if lines > 0 {
            self.tokens = self.tokens.saturating_add(lines).min(BURST);
            self.filled_at = now;
        }
    }
}

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::wasm) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes a line under the filter's and the session's name.
pub(in crate::wasm) fn write(filter: &str, session: Option<SessionId>, level: Level, text: &str) {
    let text = line(text);
    let session = session.map(tracing::field::display);
    match level {
        Level::Debug => tracing::debug!(target: "belay::filter", filter, session, "{text}"),
        Level::Info => tracing::info!(target: "belay::filter", filter, session, "{text}"),
        Level::Warn => tracing::warn!(target: "belay::filter", filter, session, "{text}"),
        Level::Error => tracing::error!(target: "belay::filter", filter, session, "{text}"),
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

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn a_flood_is_thinned_and_its_size_told() {
        let mut gate = Gate::default();
        let written = (0..1_000).filter(|_| gate.admit(at(0)) != Admitted::Thin).count();
        assert_eq!(written, 50);
        assert_eq!(gate.admit(at(100)), Admitted::Write { thinned: 950 });
        assert_eq!(gate.admit(at(100)), Admitted::Thin);
        assert_eq!(gate.untold(), 1);
        assert_eq!(gate.admit(at(60_000)), Admitted::Write { thinned: 0 });
    }

    #[test]
    fn lines_are_cut_and_hold_no_control_characters() {
        assert_eq!(line("plain"), "plain");
        assert_eq!(line("one\ntwo\x1b[31m"), "one two [31m");
        let long = "ä".repeat(LINE_BYTES_MAX);
        assert_eq!(line(&long).chars().count(), LINE_BYTES_MAX / 2 + 1);
    }
}
