//! The files that the YAML gives a filter: read again when they change, also when a mounted ConfigMap or Secret swaps the
//! symbolic links on the way to them.
//!
//! Looking at a file is a system call of the worker's, so each is looked at once a second at most. Files are small and local;
//! one on a network file system that hangs would make its worker wait.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::lock;
use crate::stamp::Stamp;
use crate::time::Instant;

/// A file is looked at this often at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Of a key set, a word list, a table of names. A longer file cannot be read.
const BYTES_MAX: u64 = 1024 * 1024;

/// The files of one filter, shared by its instances.
pub(in crate::wasm) struct Files {
    filter: Box<str>,
    files: Vec<Watched>,
}

struct Watched {
    name: Box<str>,
    path: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    looked_at: Option<Instant>,
    stamp: Option<Stamp>,
    content: Option<Content>,
}

#[derive(Clone)]
struct Content {
    bytes: Arc<[u8]>,
    version: u64,
}

impl Files {
    /// Nothing is read before it is asked for.
    pub(in crate::wasm) fn new(filter: &str, files: &[(Box<str>, PathBuf)]) -> Self {
        let files = files
            .iter()
            .map(|(name, path)| Watched { name: name.clone(), path: path.clone(), seen: Mutex::default() })
            .collect();
        Self { filter: filter.into(), files }
    }

    /// The file's bytes, unless it cannot be read or the YAML names none of that name.
    pub(in crate::wasm) fn read(&self, name: &str, now: Instant) -> Option<Arc<[u8]>> {
        self.look(name, now).map(|content| content.bytes)
    }

    /// A number that goes with its content; 0 while it cannot be read.
    pub(in crate::wasm) fn version(&self, name: &str, now: Instant) -> u64 {
        self.look(name, now).map_or(0, |content| content.version)
    }

    fn look(&self, name: &str, now: Instant) -> Option<Content> {
        let file = self.files.iter().find(|file| *file.name == *name)?;
        let mut seen = lock(&file.seen);
        if seen.looked_at.is_none_or(|at| now.since(at) >= LOOK_EVERY) {
            self.refresh(&mut seen, &file.path);
            seen.looked_at = Some(now);
        }
        seen.content.clone()
    }

    /// While a file that was there cannot be read, its last content is not used any more: the filter is to know.
    fn refresh(&self, seen: &mut Seen, path: &Path) {
        match changed(path, seen.stamp) {
            Ok(None) => {}
            Ok(Some((stamp, content))) => {
                seen.stamp = Some(stamp);
                seen.content = Some(content);
            }
            Err(error) => {
                if seen.stamp.take().is_some() || seen.looked_at.is_none() {
                    tracing::warn!(filter = &*self.filter, path = %path.display(), %error, "a filter's file cannot be read");
                }
                seen.content = None;
            }
        }
    }
}

/// The file's content if it is not the one that `known` stands for.
fn changed(path: &Path, known: Option<Stamp>) -> std::io::Result<Option<(Stamp, Content)>> {
    let stamp = plain(&std::fs::metadata(path)?)?;
    if Some(stamp) == known {
        return Ok(None);
    }
    // The stamp is the opened file's own, so that one swapped in the meantime is seen next time.
    let mut file = File::open(path)?;
    let stamp = plain(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.by_ref().take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(too_long());
    }
    let version = Sha256::digest(&bytes).first_chunk().copied().map_or(1, u64::from_le_bytes).max(1);
    Ok(Some((stamp, Content { bytes: bytes.into(), version })))
}

fn too_long() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it is longer than 1 MiB")
}

/// Of a plain file: opening a pipe could wait for ever, reading a device never end.
fn plain(metadata: &Metadata) -> std::io::Result<Stamp> {
    if !metadata.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a plain file"));
    }
    if metadata.len() > BYTES_MAX {
        return Err(too_long());
    }
    Ok(Stamp::from(metadata))
}
