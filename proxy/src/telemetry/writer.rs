//! Gets the log's lines out without ever making a worker wait: a bounded queue, and a thread that writes. A reader of our
//! output that has stopped reading costs lines, which are counted, and nothing else.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::settings::LogFormat;
use super::thin::LineCounts;
use crate::time::UnixTime;

/// Lines that wait. A few seconds of a busy log.
const LINES_MAX: usize = 1_024;
/// One line; what is longer is cut. Together with [`LINES_MAX`] the most that the log takes: 16 MiB.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Where lines go.
#[derive(Clone)]
pub(super) struct Lines {
    queue: SyncSender<Item>,
    /// Not told yet.
    dropped: Arc<AtomicU64>,
    counts: Arc<LineCounts>,
    format: LogFormat,
    is_terminal: bool,
}

enum Item {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

impl Lines {
    /// Starts the thread, which ends with the last of these.
    pub(super) fn start(
        output: impl Write + IsTerminal + Send + 'static,
        format: LogFormat,
        counts: Arc<LineCounts>,
    ) -> io::Result<Self> {
        let (queue, items) = sync_channel(LINES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let lines = Self { queue, dropped: dropped.clone(), counts, format, is_terminal: output.is_terminal() };
        std::thread::Builder::new().name("log".into()).spawn(move || write_all(output, &items, format, &dropped))?;
        Ok(lines)
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// A line about the log itself, and the place that it speaks of.
    pub(super) fn note(&self, text: &str, place: Option<&str>) {
        self.send(noted(self.format, text, place).into_bytes());
    }

    fn send(&self, line: Vec<u8>) {
        if self.queue.try_send(Item::Line(line)).is_err() {
            self.dropped.fetch_add(1, Relaxed);
            self.counts.on_dropped();
        }
    }

    /// Waits until what was logged so far is written, or for `within`.
    pub(super) fn flush(&self, within: Duration) {
        let (done, is_done) = sync_channel(1);
        if self.queue.try_send(Item::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(within);
        }
    }
}

/// As the format's other lines look.
fn noted(format: LogFormat, text: &str, place: Option<&str>) -> String {
    let (timestamp, level, target) = (UnixTime::now().to_string(), "WARN", "belay::telemetry");
    match (format, place) {
        (LogFormat::Json, None) => {
            let line = json!({ "timestamp": timestamp, "level": level, "message": text, "target": target });
            format!("{line}\n")
        }
        (LogFormat::Json, Some(place)) => {
            let line =
                json!({ "timestamp": timestamp, "level": level, "message": text, "kind": place, "target": target });
            format!("{line}\n")
        }
        (LogFormat::Pretty, None) => format!("{timestamp}  {level} {target}: {text}\n"),
        (LogFormat::Pretty, Some(place)) => format!("{timestamp}  {level} {target}: {text} kind={place}\n"),
    }
}

fn write_all(mut output: impl Write, items: &Receiver<Item>, format: LogFormat, dropped: &AtomicU64) {
    // There is nobody to tell that the log cannot be written.
    while let Ok(item) = items.recv() {
        match item {
            Item::Line(line) => drop(output.write_all(&line)),
            Item::Flush(done) => drop(done.try_send(())),
        }
        let lost = dropped.swap(0, Relaxed);
        if lost > 0 {
            let _ = output.write_all(noted(format, &format!("{lost} lines of the log were dropped"), None).as_bytes());
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, bytes: Vec::new() }
    }
}

/// A line that is being made; sent when dropped.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = LINE_BYTES_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let mut line = std::mem::take(&mut self.bytes);
        if line.len() == LINE_BYTES_MAX
            && let Some(last) = line.last_mut()
        {
            *last = b'\n';
        }
        self.lines.send(line);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;

    #[test]
    fn a_log_that_nobody_reads_costs_lines_and_no_time() {
        // Nobody takes from the queue.
        let (queue, items) = sync_channel(2);
        let lines = lines(queue);
        for _ in 0..5 {
            lines.make_writer().write_all(b"hello\n").unwrap();
        }
        assert_eq!((lines.dropped.load(Relaxed), lines.counts.dropped()), (3, 3));
        let (say, said) = std::sync::mpsc::channel();
        let dropped = lines.dropped.clone();
        drop(lines);
        write_all(Heard(say), &items, LogFormat::Json, &dropped);
        let text = String::from_utf8(said.try_iter().flatten().collect()).unwrap();
        assert_eq!(text.matches("hello\n").count(), 2);
        assert!(text.contains("3 lines of the log were dropped"), "{text}");
    }

    #[test]
    fn a_long_line_is_cut() {
        let (queue, items) = sync_channel(1);
        let lines = lines(queue);
        lines.make_writer().write_all(&vec![b'x'; LINE_BYTES_MAX * 2]).unwrap();
        let Ok(Item::Line(line)) = items.try_recv() else { panic!("no line") };
        assert_eq!((line.len(), line.last()), (LINE_BYTES_MAX, Some(&b'\n')));
    }

    fn lines(queue: SyncSender<Item>) -> Lines {
        Lines { queue, dropped: Arc::default(), counts: Arc::default(), format: LogFormat::Json, is_terminal: false }
    }

    struct Heard(Sender<Vec<u8>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
