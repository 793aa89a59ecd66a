//! Events from their happening to their delivery, in order. Where there is a spool, an event is on disk when [`Outbox::tell`]
//! returns, and what is open is in the journal. What cannot be kept is counted, and told by an event of its own in the place
//! of what is missing.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use super::event::{Draft, Stamp};
use super::journal::{Key, entry, survivor};
use super::kept::Kept;
use super::loss::{Counts, Grumbles, Loss};
use super::{Keep, Settings, StartError, Topics};
use crate::clients::{Happening, Survivors};
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
        if let Err(error) = self.kept.note(changes)
            && self.grumbles.may("journal", Instant::now())
        {
            tracing::warn!(%error, "the spool's journal cannot be written: were this process to die now, not all would be told");
        }
    }

    fn keep(&mut self, drafts: &[Draft]) {
        for chunk in drafts.chunks(CHUNK) {
            let stamped: Vec<String> = chunk.iter().map(|draft| self.stamp.event(draft)).collect();
            let events = stamped.len() as u64;
            match self.kept.append(stamped) {
                Ok(dropped) => self.lose(Loss::Full, dropped),
                Err(error) => {
                    if self.grumbles.may("spool", Instant::now()) {
                        tracing::warn!(%error, "the spool takes no events");
                    }
                    self.lose(Loss::Disk, events);
                }
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
        let tells_of_losses = self.kept.notice().is_some() || self.untold.iter().any(|events| *events > 0);
        self.kept.events() + usize::from(tells_of_losses)
    }

    /// Bytes of the spool, and entries of its journal.
    pub(super) fn on_disk(&self) -> Option<(usize, usize)> {
        self.kept.on_disk()
    }

    /// The next events, at most so many, without forgetting them.
    pub(super) fn next_batch(&mut self, events_max: usize) -> Option<Batch> {
        let events = match self.kept.peek(events_max) {
            Ok(events) => events,
            Err(error) => {
                // What cannot be read now will not be read later: go on behind it.
                tracing::warn!(%error, "the spool cannot be read");
                let lost = self.kept.skip_unreadable();
                self.lose(Loss::Damaged, lost);
                return None;
            }
        };
        self.tell_of_losses(events.first());
        let all: Vec<&str> = self.kept.notice().into_iter().chain(events.iter().map(String::as_str)).collect();
        let first = all.first()?;
        let id = format!("{}.{}", id_of(first), all.len());
        let body = format!("[{}]", all.join(",")).into_bytes();
        Some(Batch { id, body, events: events.len() })
    }

    /// Makes an event of what was lost before `next`.
    fn tell_of_losses(&mut self, next: Option<&String>) {
        let reasons: Vec<_> = Loss::ALL
            .into_iter()
            .map(|loss| (loss.label(), self.untold[loss as usize]))
            .filter(|(_, events)| *events > 0)
            .collect();
        if reasons.is_empty() || self.kept.notice().is_some() {
            return;
        }
        let draft = Draft::of_loss(&reasons);
        let notice = match next {
            Some(next) => self.stamp.event_before(&draft, next),
            None => self.stamp.event(&draft),
        };
        self.untold = Default::default();
        self.kept.set_notice(Some(notice));
    }

    /// The endpoint took it.
    pub(super) fn delivered(&mut self, batch: &Batch) {
        self.counts.delivered += batch.events as u64 + u64::from(self.kept.notice().is_some());
        self.forget();
    }

    /// The endpoint will not take it.
    pub(super) fn refused(&mut self, batch: &Batch) {
        self.forget();
        self.lose(Loss::Refused, batch.events.max(1) as u64);
    }

    fn forget(&mut self) {
        if self.kept.notice().is_some() {
            self.kept.set_notice(None);
        }
        self.kept.advance();
    }

    /// The process ends. Gives what stays for the next one.
    pub(super) fn close(&mut self) -> usize {
        let lost = self.kept.close();
        self.lose(Loss::Shutdown, lost);
        self.waiting()
    }

    /// Files to be synced, off our lock.
    pub(super) fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        self.kept.take_unsynced()
    }
}

fn id_of(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap_or_default();
    event["id"].as_str().unwrap_or("unnamed").to_owned()
}
