//! Events on disk, in order, until they are delivered. A folder of append-only segments, each named by the number of its
//! first event, and a cursor that names the first event that is not yet delivered. What is written survives the process;
//! it is synced to the disk once a second, so that what a machine's crash can take is what came in that second.
//! What an event says is not known here.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::records::{Records, encode};

/// See the module.
pub(super) struct Spool {
    folder: PathBuf,
    bytes_max: usize,
    segments: VecDeque<Segment>,
    /// The last segment's file.
    writing: Option<Arc<File>>,
    /// Written to and not yet synced.
    unsynced: Vec<Arc<File>>,
    cursor: Cursor,
    /// Read and not yet known to be delivered: they are in somebody's hands, whatever happens to their segment.
    in_hand: u64,
    /// Held while the folder is ours.
    _lock: File,
}

struct Segment {
    first: u64,
    events: u64,
    bytes: usize,
}

impl Segment {
    fn end(&self) -> u64 {
        self.first + self.events
    }
}

/// Written after each delivery, by renaming, so that it is always whole. If it is lost, events are told again.
#[derive(Serialize, Deserialize, Default, Clone, Debug)]
struct Cursor {
    next: u64,
    /// An event that goes before `next`: what was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// So many segments make a full spool: what overflows is dropped a segment at a time, and a segment is read whole.
const SEGMENTS: usize = 64;
const EVENTS: &str = "events";

impl Spool {
    /// Takes the folder, and finds what an earlier process left. Gives events that its files no longer have.
    ///
    /// # Errors
    /// The folder cannot be made, read or written, or another process has it.
    pub(super) fn open(folder: &Path, bytes_max: usize) -> io::Result<(Self, u64)> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process uses it"),
            TryLockError::Error(error) => error,
        })?;
        let cursor = fs::read(folder.join("cursor")).ok();
        let cursor: Cursor = cursor.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let mut spool = Self {
            folder: folder.to_owned(),
            bytes_max,
            segments: VecDeque::new(),
            writing: None,
            unsynced: Vec::new(),
            cursor,
            in_hand: 0,
            _lock: lock,
        };
        let damaged = spool.find_segments()?;
        Ok((spool, damaged))
    }

    fn find_segments(&mut self) -> io::Result<u64> {
        let mut firsts = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = PathBuf::from(entry?.file_name());
            if name.extension().is_some_and(|extension| extension == EVENTS) {
                firsts.extend(name.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
            }
        }
        firsts.sort_unstable();
        let mut missing = 0;
        for (index, &first) in firsts.iter().enumerate() {
            let path = self.path(first);
            let file = fs::read(&path)?;
            let mut records = Records::of(&file);
            let events = records.by_ref().count() as u64;
            let segment = Segment { first, events, bytes: records.whole_bytes() };
            // A torn tail was never acknowledged; a hole before another segment is damage.
            if let Some(next) = firsts.get(index + 1) {
                missing += next.saturating_sub(segment.end().max(self.cursor.next));
            }
            if events == 0 || segment.end() <= self.cursor.next {
                fs::remove_file(path)?;
            } else {
                self.segments.push_back(segment);
            }
        }
        if let Some(first) = self.segments.front() {
            self.cursor.next = self.cursor.next.max(first.first);
        }
        Ok(missing)
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:020}.{EVENTS}"))
    }

    fn end(&self) -> u64 {
        self.segments.back().map_or(self.cursor.next, |segment| segment.end().max(self.cursor.next))
    }

    /// Events that wait.
    pub(super) fn events(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end().saturating_sub(self.cursor.next.max(segment.first))).sum()
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Writes them at the end. Gives how many of the oldest had to go for it. When this returns, they survive the process.
    ///
    /// # Errors
    /// The disk did not take them; none of them is kept.
    pub(super) fn append(&mut self, events: &[String]) -> io::Result<u64> {
        let mut bytes = Vec::new();
        for event in events {
            encode(event.as_bytes(), &mut bytes);
        }
        let dropped = self.make_room(bytes.len());
        let outcome = self.write(&bytes, events.len() as u64);
        if outcome.is_err() {
            // What it took of them is a torn tail now: nothing may be written after it.
            self.writing = None;
        }
        outcome.map(|()| dropped)
    }

    fn write(&mut self, bytes: &[u8], events: u64) -> io::Result<()> {
        let is_full = self.segments.back().is_none_or(|last| last.bytes >= self.bytes_max / SEGMENTS);
        if is_full || self.writing.is_none() {
            self.segments.pop_back_if(|last| last.events == 0);
            let first = self.end();
            // What is there under this name has no whole event.
            self.writing = Some(Arc::new(File::create(self.path(first))?));
            self.segments.push_back(Segment { first, events: 0, bytes: 0 });
        }
        if let (Some(file), Some(segment)) = (&self.writing, self.segments.back_mut()) {
            file.as_ref().write_all(bytes)?;
            if !self.unsynced.iter().any(|other| Arc::ptr_eq(other, file)) {
                self.unsynced.push(Arc::clone(file));
            }
            segment.events += events;
            segment.bytes += bytes.len();
        }
        Ok(())
    }

    fn make_room(&mut self, bytes: usize) -> u64 {
        let mut dropped = 0;
        while self.bytes() + bytes > self.bytes_max
            && let Some(oldest) = self.segments.front()
        {
            let held = self.cursor.next + self.in_hand;
            let end = oldest.end();
            dropped += end.saturating_sub(held.max(oldest.first));
            // Those in hand may still be delivered; if not, they are told of by whoever drops them.
            self.in_hand = self.in_hand.min(held.saturating_sub(end));
            self.cursor.next = self.cursor.next.max(end);
            self.remove_oldest();
        }
        dropped
    }

    /// The next events, at most so many, without taking them.
    ///
    /// # Errors
    /// The disk did not give them.
    pub(super) fn peek(&mut self, events_max: usize) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut next = self.cursor.next;
        while found.len() < events_max
            && let Some(segment) = self.segments.iter().find(|segment| segment.end() > next)
        {
            // There may be a hole where a file was damaged.
            next = next.max(segment.first);
            let bytes = fs::read(self.path(segment.first))?;
            let skip = next - segment.first;
            let wanted = usize::try_from(segment.end() - next).unwrap_or(usize::MAX).min(events_max - found.len());
            let records = Records::of(&bytes).skip(usize::try_from(skip).unwrap_or(usize::MAX)).take(wanted);
            let before = found.len();
            found.extend(records.map(|record| String::from_utf8_lossy(record).into_owned()));
            if found.len() == before {
                return Err(io::Error::other("a segment has less than it had"));
            }
            next += (found.len() - before) as u64;
        }
        self.in_hand = next - self.cursor.next;
        Ok(found)
    }

    /// Those that were last peeked at are delivered, or given up.
    pub(super) fn advance(&mut self) {
        self.cursor.next += std::mem::take(&mut self.in_hand);
        self.forget_delivered();
        self.write_cursor();
    }

    fn forget_delivered(&mut self) {
        while let Some(segment) = self.segments.front()
            && segment.end() <= self.cursor.next
            // The one that is written to stays until another is begun, or it would be begun anew for each event.
            && (self.segments.len() > 1 || segment.bytes >= self.bytes_max / SEGMENTS)
        {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            // One that cannot be removed is found to be delivered at the next start.
            let _ = fs::remove_file(self.path(segment.first));
        }
        if self.segments.is_empty() {
            self.writing = None;
        }
    }

    /// An event that goes before all others, if there is one.
    pub(super) fn notice(&self) -> Option<&str> {
        self.cursor.notice.as_deref()
    }

    /// Sets it, or takes it away.
    pub(super) fn set_notice(&mut self, notice: Option<String>) {
        self.cursor.notice = notice;
        self.write_cursor();
    }

    fn write_cursor(&self) {
        let aside = self.folder.join("cursor.new");
        let written = serde_json::to_vec(&self.cursor).map_err(io::Error::from).and_then(|cursor| {
            fs::write(&aside, cursor)?;
            fs::rename(&aside, self.folder.join("cursor"))
        });
        if let Err(error) = written {
            tracing::warn!(%error, "the spool's cursor cannot be written: what is delivered now may be told again");
        }
    }

    /// Goes on behind a segment that cannot be read. Gives how many events that costs.
    pub(super) fn skip_segment(&mut self) -> u64 {
        let next = self.cursor.next;
        let end = self.segments.iter().map(Segment::end).find(|end| *end > next).unwrap_or(next);
        self.in_hand = end - next;
        self.advance();
        end - next
    }

    /// Files that were written to since this was last asked.
    pub(super) fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        std::mem::take(&mut self.unsynced)
    }
}
