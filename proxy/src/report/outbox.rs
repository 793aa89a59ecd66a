//! Events from their happening to their delivery, in order. Where there is a spool, an event is on disk when [`Outbox::tell`]
//! returns, and what is open is in the journal. What cannot be kept is counted, and told by an event of its own in the place
//! of what is missing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::event::{Draft, Stamp, session_data};
use super::journal::{Journal, Key};
use super::loss::{Counts, Grumbles, Loss};
use super::spool::Spool;
use super::{Keep, Settings, StartError, Topics};
use crate::clients::{ClientReason, Happening, Presence, Standing, Survivor, Survivors};
use crate::dataplane::state::SessionState;
use crate::time::Instant;

/// See the module.
pub(super) struct Outbox {
    topics: Topics,
    stamp: Stamp,
    kept: Kept,
    /// Lost since the last event that told of losses.
    untold: [u64; Loss::ALL.len()],
    /// Counts over all time.
    pub(super) counts: Counts,
    grumbles: Grumbles,
}

enum Kept {
    Memory { events: VecDeque<String>, events_max: usize, in_hand: usize, notice: Option<String> },
    Disk { spool: Spool, journal: Journal },
}

/// Events that are in the deliverer's hands.
pub(super) struct Batch {
    /// The same whenever the same events are sent.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    events: usize,
}

/// Events that are written at a time.
const CHUNK: usize = 256;

impl Outbox {
    /// Finds what an earlier process left: what it had not delivered, and who was there when it died.
    pub(super) fn open(settings: &Settings) -> Result<(Self, Survivors), StartError> {
        let (kept, damaged, open) = match &settings.keep {
            Keep::Memory { events_max } => (Kept::memory(*events_max), 0, HashMap::new()),
            Keep::Spool { folder, bytes_max } => {
                Kept::disk(folder, *bytes_max).map_err(|cause| StartError::Spool { folder: folder.clone(), cause })?
            }
        };
        let mut outbox = Self {
            topics: settings.topics,
            stamp: Stamp::new(settings.source.as_deref()),
            kept,
            untold: [0; Loss::ALL.len()],
            counts: Counts::default(),
            grumbles: Grumbles::default(),
        };
        outbox.lose(Loss::Damaged, damaged);
        let mut survivors = Vec::new();
        let (mut dead, mut closed) = (Vec::new(), Vec::new());
        for (key, value) in open {
            match &key {
                Key::Session(_) => {
                    dead.push(Draft::of_dead_session(serde_json::from_str(&value).unwrap_or_default()));
                    closed.push((key, None));
                }
                Key::Client(identity) => survivors.extend(survivor(identity, &value)),
            }
        }
        outbox.keep(&dead);
        outbox.note(closed);
        Ok((outbox, survivors))
    }

    /// Keeps what happened for delivery.
    pub(super) fn tell(&mut self, happened: &[Happening]) {
        let mut drafts = Vec::new();
        let (mut opened, mut closed) = (Vec::new(), HashSet::new());
        for happening in happened {
            match happening {
                Happening::Session(change) if self.topics.sessions() => drafts.extend(Draft::of_session(change)),
                Happening::Client(change) if self.topics.clients() => {
                    drafts.push(Draft::of_client(change, Instant::now()));
                }
                Happening::Merged(changes) => self.lose(Loss::Merged, *changes),
                Happening::Session(_) | Happening::Client(_) => continue,
            }
            match entry(happening) {
                Some((key, Some(value))) => {
                    closed.remove(&key);
                    opened.push((key, Some(value)));
                }
                Some((key, None)) => drop(closed.insert(key)),
                None => {}
            }
        }
        // In this order, a crash in between makes the next process tell of an end twice, and never not at all.
        self.note(opened);
        self.keep(&drafts);
        self.note(closed.into_iter().map(|key| (key, None)).collect());
    }

    fn note(&mut self, changes: Vec<(Key, Option<String>)>) {
        if let (Kept::Disk { journal, .. }, false) = (&mut self.kept, changes.is_empty())
            && let Err(error) = journal.note(changes)
            && self.grumbles.may("journal", Instant::now())
        {
            tracing::warn!(%error, "the spool's journal cannot be written: were this process to die now, not all would be told");
        }
    }

    fn keep(&mut self, drafts: &[Draft]) {
        for chunk in drafts.chunks(CHUNK) {
            let stamped: Vec<String> = chunk.iter().map(|draft| self.stamp.event(draft)).collect();
            match &mut self.kept {
                Kept::Memory { events, events_max, in_hand, .. } => {
                    events.extend(stamped);
                    let over = events.len().saturating_sub(*events_max).min(events.len() - *in_hand);
                    events.drain(*in_hand..*in_hand + over);
                    self.lose(Loss::Full, over as u64);
                }
                Kept::Disk { spool, .. } => match spool.append(&stamped) {
                    Ok(dropped) => self.lose(Loss::Full, dropped),
                    Err(error) => {
                        if self.grumbles.may("spool", Instant::now()) {
                            tracing::warn!(%error, "the spool takes no events");
                        }
                        self.lose(Loss::Disk, stamped.len() as u64);
                    }
                },
            }
        }
    }

    /// Counts them; the next batch tells of it.
    pub(super) fn lose(&mut self, loss: Loss, events: u64) {
        if events == 0 {
            return;
        }
        if self.grumbles.may(loss.label(), Instant::now()) {
            tracing::warn!(reason = loss.label(), "events of clients are being lost; a later event will tell how many");
        }
        self.untold[loss as usize] += events;
        self.counts.lost[loss as usize] += events;
    }

    /// Events that wait, one that tells of losses included.
    pub(super) fn waiting(&self) -> usize {
        let kept = match &self.kept {
            Kept::Memory { events, .. } => events.len(),
            Kept::Disk { spool, .. } => usize::try_from(spool.events()).unwrap_or(usize::MAX),
        };
        let tells_of_losses = self.notice().is_some() || self.untold.iter().any(|events| *events > 0);
        kept + usize::from(tells_of_losses)
    }

    /// Bytes of the spool, and entries of its journal.
    pub(super) fn on_disk(&self) -> Option<(usize, usize)> {
        match &self.kept {
            Kept::Memory { .. } => None,
            Kept::Disk { spool, journal } => Some((spool.bytes(), journal.entries())),
        }
    }

    fn notice(&self) -> Option<&str> {
        match &self.kept {
            Kept::Memory { notice, .. } => notice.as_deref(),
            Kept::Disk { spool, .. } => spool.notice(),
        }
    }

    fn set_notice(&mut self, text: Option<String>) {
        match &mut self.kept {
            Kept::Memory { notice, .. } => *notice = text,
            Kept::Disk { spool, .. } => spool.set_notice(text),
        }
    }

    /// The next events, at most so many, without forgetting them.
    pub(super) fn next_batch(&mut self, events_max: usize) -> Option<Batch> {
        if self.notice().is_none() && self.untold.iter().any(|events| *events > 0) {
            let reasons: Vec<_> = Loss::ALL
                .into_iter()
                .map(|loss| (loss.label(), self.untold[loss as usize]))
                .filter(|(_, events)| *events > 0)
                .collect();
            let notice = self.stamp.event(&Draft::of_loss(&reasons));
            self.untold = Default::default();
            self.set_notice(Some(notice));
        }
        let events = match self.peek(events_max) {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(%error, "the spool cannot be read");
                self.give_up_unreadable();
                return None;
            }
        };
        let all: Vec<&str> = self.notice().into_iter().chain(events.iter().map(String::as_str)).collect();
        let first = all.first()?;
        let id = format!("{}.{}", id_of(first), all.len());
        let body = format!("[{}]", all.join(",")).into_bytes();
        Some(Batch { id, body, events: events.len() })
    }

    fn peek(&mut self, events_max: usize) -> io::Result<Vec<String>> {
        match &mut self.kept {
            Kept::Memory { events, in_hand, .. } => {
                *in_hand = events.len().min(events_max);
                Ok(events.range(..*in_hand).cloned().collect())
            }
            Kept::Disk { spool, .. } => spool.peek(events_max),
        }
    }

    /// What cannot be read now will not be read later: go on behind it.
    fn give_up_unreadable(&mut self) {
        if let Kept::Disk { spool, .. } = &mut self.kept {
            let lost = spool.skip_segment();
            self.lose(Loss::Damaged, lost);
        }
    }

    /// The endpoint took it.
    pub(super) fn delivered(&mut self, batch: &Batch) {
        self.counts.delivered += batch.events as u64 + u64::from(self.notice().is_some());
        self.forget(batch);
    }

    /// The endpoint will not take it.
    pub(super) fn refused(&mut self, batch: &Batch) {
        self.forget(batch);
        self.lose(Loss::Refused, batch.events.max(1) as u64);
    }

    fn forget(&mut self, batch: &Batch) {
        if self.notice().is_some() {
            self.set_notice(None);
        }
        match &mut self.kept {
            Kept::Memory { events, in_hand, .. } => {
                events.drain(..batch.events.min(*in_hand));
                *in_hand = 0;
            }
            Kept::Disk { spool, .. } => spool.advance(),
        }
    }

    /// The process ends. Gives what stays for the next one.
    pub(super) fn close(&mut self) -> usize {
        match &mut self.kept {
            Kept::Memory { events, .. } => {
                let left = events.len() as u64;
                events.clear();
                self.lose(Loss::Shutdown, left);
                0
            }
            Kept::Disk { .. } => self.waiting(),
        }
    }

    /// What is to be synced, off our lock.
    pub(super) fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        match &mut self.kept {
            Kept::Memory { .. } => Vec::new(),
            Kept::Disk { spool, .. } => spool.take_unsynced(),
        }
    }
}

impl Kept {
    fn memory(events_max: usize) -> Self {
        Self::Memory { events: VecDeque::new(), events_max, in_hand: 0, notice: None }
    }

    /// With how many events are missing there, and what was open.
    fn disk(folder: &Path, bytes_max: usize) -> io::Result<(Self, u64, HashMap<Key, String>)> {
        let (spool, damaged) = Spool::open(folder, bytes_max)?;
        let (journal, open) = Journal::open(folder)?;
        if spool.events() > 0 || !open.is_empty() {
            tracing::info!(events = spool.events(), open = open.len(), "an earlier process left reports behind");
        }
        Ok((Self::Disk { spool, journal }, damaged, open))
    }
}

/// What the journal keeps of a client: why it is gone, if it is, its connects and reconnects.
type ClientEntry = (Option<String>, u64, u64);

/// What the journal is to know of it from now on: a value while it is open.
fn entry(happening: &Happening) -> Option<(Key, Option<String>)> {
    match happening {
        Happening::Session(change) => {
            let is_open = !matches!(change.state, SessionState::Disconnected(_));
            let value = is_open.then(|| session_data(change).to_string());
            Some((Key::Session(change.session.to_string()), value))
        }
        Happening::Client(change) => {
            let Standing { presence, connects, reconnects, .. } = change.now;
            let reason = presence.reason().map(|reason| reason.label().to_owned());
            let entry: ClientEntry = (reason, connects, reconnects);
            let is_open = !matches!(presence, Presence::Disconnected { .. });
            let value = if is_open { serde_json::to_string(&entry).ok() } else { None };
            Some((Key::Client(change.identity.to_string()), value))
        }
        Happening::Merged(_) => None,
    }
}

fn survivor(identity: &str, entry: &str) -> Option<Survivor> {
    let (reason, connects, reconnects): ClientEntry = serde_json::from_str(entry).ok()?;
    let reason = reason.and_then(|label| ClientReason::of_label(&label)).unwrap_or(ClientReason::ProxyDied);
    Some(Survivor { identity: identity.into(), reason, connects, reconnects })
}

fn id_of(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    event["id"].as_str().unwrap_or("unnamed").to_owned()
}
