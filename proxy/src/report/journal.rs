//! What is open now, on disk, so that the next process can tell what died with this one: a log of entries set and removed,
//! written anew when most of it is history. As many entries as there are open sessions and clients; the file has at most
//! twice as many records, and a thousand.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::event::session_data;
use super::records::{Records, encode};
use crate::clients::{ClientReason, Happening, Presence, Standing, Survivor};
use crate::dataplane::state::SessionState;

/// See the module.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    entries: HashMap<Key, String>,
    records: usize,
}

/// What is open.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Key {
    /// A session, by its name.
    Session(String),
    /// A client, by its identity.
    Client(String),
}

/// Records of history that are not worth writing the file anew.
const HISTORY: usize = 1000;

impl Journal {
    /// Gives what was open when the file was last written to, and begins anew.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, HashMap<Key, String>)> {
        let path = folder.join("open");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let mut entries = HashMap::new();
        for record in Records::of(&bytes) {
            match serde_json::from_slice::<(Key, Option<String>)>(record) {
                Ok((key, Some(value))) => drop(entries.insert(key, value)),
                Ok((key, None)) => drop(entries.remove(&key)),
                Err(error) => tracing::warn!(%error, "the spool's journal has an entry that cannot be read"),
            }
        }
        // Whoever asked tells of them; until then they stay.
        let file = File::options().append(true).create(true).open(&path)?;
        let mut journal = Self { path, file, entries: entries.clone(), records: 0 };
        journal.rewrite()?;
        Ok((journal, entries))
    }

    /// Notes changes in one writing: what is set has a value.
    ///
    /// # Errors
    /// The disk did not take them.
    pub(super) fn note(&mut self, changes: Vec<(Key, Option<String>)>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (key, value) in changes {
            let is_known = match &value {
                Some(value) => self.entries.get(&key) == Some(value),
                None => !self.entries.contains_key(&key),
            };
            if is_known {
                continue;
            }
            encode(&serde_json::to_vec(&(&key, &value))?, &mut bytes);
            self.records += 1;
            match value {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
        let outcome =
            if self.records > self.entries.len() * 2 + HISTORY { self.rewrite() } else { self.file.write_all(&bytes) };
        if outcome.is_err() {
            // The file may end in half a record: write it anew next time.
            self.records = usize::MAX / 2;
        }
        outcome
    }

    /// How much is open.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            encode(&serde_json::to_vec(&(entry.0, Some(entry.1)))?, &mut bytes);
        }
        let aside = self.path.with_extension("new");
        fs::write(&aside, bytes)?;
        fs::rename(&aside, &self.path)?;
        self.file = File::options().append(true).open(&self.path)?;
        self.records = self.entries.len();
        Ok(())
    }
}

/// What the journal keeps of a client: why it is gone, if it is, its connects and reconnects.
type ClientEntry = (Option<String>, u64, u64);

/// What the journal is to know of it from now on: a value while it is open.
pub(super) fn entry(happening: &Happening) -> Option<(Key, Option<String>)> {
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

/// A client as the journal knew it.
pub(super) fn survivor(identity: &str, entry: &str) -> Option<Survivor> {
    let (reason, connects, reconnects): ClientEntry = serde_json::from_str(entry).ok()?;
    let reason = reason.and_then(|label| ClientReason::of_label(&label)).unwrap_or(ClientReason::ProxyDied);
    Some(Survivor { identity: identity.into(), reason, connects, reconnects })
}
