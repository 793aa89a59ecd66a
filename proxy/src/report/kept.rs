//! Where events wait: in memory, or in a spool with its journal.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::journal::{Journal, Key};
use super::spool::Spool;

/// See the module.
pub(super) enum Kept {
    Memory(Memory),
    Disk { spool: Spool, journal: Journal },
}

/// A bounded queue. The oldest that are in nobody's hands make room.
pub(super) struct Memory {
    events: VecDeque<String>,
    events_max: usize,
    in_hand: usize,
    notice: Option<String>,
}

impl Memory {
    fn append(&mut self, events: Vec<String>) -> u64 {
        self.events.extend(events);
        let over = self.events.len().saturating_sub(self.events_max).min(self.events.len() - self.in_hand);
        self.events.drain(self.in_hand..self.in_hand + over);
        over as u64
    }

    fn peek(&mut self, events_max: usize) -> Vec<String> {
        self.in_hand = self.events.len().min(events_max);
        self.events.range(..self.in_hand).cloned().collect()
    }
}

impl Kept {
    pub(super) fn memory(events_max: usize) -> Self {
        Self::Memory(Memory { events: VecDeque::new(), events_max, in_hand: 0, notice: None })
    }

    /// With how many events are missing there, and what was open.
    pub(super) fn disk(folder: &Path, bytes_max: usize) -> io::Result<(Self, u64, HashMap<Key, String>)> {
        let (spool, damaged) = Spool::open(folder, bytes_max)?;
        let (journal, open) = Journal::open(folder)?;
        if spool.events() > 0 || !open.is_empty() {
            tracing::info!(events = spool.events(), open = open.len(), "an earlier process left reports behind");
        }
        Ok((Self::Disk { spool, journal }, damaged, open))
    }

    /// Gives how many of the oldest had to go for it.
    pub(super) fn append(&mut self, events: Vec<String>) -> io::Result<u64> {
        match self {
            Self::Memory(memory) => Ok(memory.append(events)),
            Self::Disk { spool, .. } => spool.append(&events),
        }
    }

    /// Notes what is open. Memory does not outlive what is.
    pub(super) fn note(&mut self, changes: Vec<(Key, Option<String>)>) -> io::Result<()> {
        match self {
            Self::Disk { journal, .. } if !changes.is_empty() => journal.note(changes),
            Self::Memory(_) | Self::Disk { .. } => Ok(()),
        }
    }

    /// The next events, at most so many, without taking them.
    pub(super) fn peek(&mut self, events_max: usize) -> io::Result<Vec<String>> {
        match self {
            Self::Memory(memory) => Ok(memory.peek(events_max)),
            Self::Disk { spool, .. } => spool.peek(events_max),
        }
    }

    /// Those that were last peeked at are delivered, or given up.
    pub(super) fn advance(&mut self) {
        match self {
            Self::Memory(memory) => drop(memory.events.drain(..std::mem::take(&mut memory.in_hand))),
            Self::Disk { spool, .. } => spool.advance(),
        }
    }

    /// Goes on behind what cannot be read. Gives how many events that costs.
    pub(super) fn skip_unreadable(&mut self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::Disk { spool, .. } => spool.skip_segment(),
        }
    }

    /// Events that wait.
    pub(super) fn events(&self) -> usize {
        match self {
            Self::Memory(memory) => memory.events.len(),
            Self::Disk { spool, .. } => usize::try_from(spool.events()).unwrap_or(usize::MAX),
        }
    }

    /// An event that goes before all others, if there is one.
    pub(super) fn notice(&self) -> Option<&str> {
        match self {
            Self::Memory(memory) => memory.notice.as_deref(),
            Self::Disk { spool, .. } => spool.notice(),
        }
    }

    /// Sets it, or takes it away.
    pub(super) fn set_notice(&mut self, notice: Option<String>) {
        match self {
            Self::Memory(memory) => memory.notice = notice,
            Self::Disk { spool, .. } => spool.set_notice(notice),
        }
    }

    /// Bytes of the spool, and entries of its journal.
    pub(super) fn on_disk(&self) -> Option<(usize, usize)> {
        match self {
            Self::Memory(_) => None,
            Self::Disk { spool, journal } => Some((spool.bytes(), journal.entries())),
        }
    }

    /// Files that were written to and not yet synced.
    pub(super) fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        match self {
            Self::Memory(_) => Vec::new(),
            Self::Disk { spool, .. } => spool.take_unsynced(),
        }
    }

    /// The process ends. Gives how many events end with it.
    pub(super) fn close(&mut self) -> u64 {
        match self {
            Self::Memory(memory) => memory.events.drain(..).len() as u64,
            Self::Disk { .. } => 0,
        }
    }
}
