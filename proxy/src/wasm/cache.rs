//! Compiled components on disk, so that a restart does not compile again: some languages' take a quarter of a minute.
//!
//! An entry is named by what it was made of: the component's content and everything in engine and machine that decides what
//! it compiles to. It carries a hash of itself; one that is damaged is made anew. Whoever can write an entry can run code in
//! this process, so the folder has to be ours alone, or there is no cache.

mod trusted;

use std::fs::{DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::{hex, sha256};

/// Entries that are kept; the least recently used go first. Enough for a few versions of a few filters.
const ENTRIES_MAX: usize = 64;
/// Of a SHA-256 sum.
const SUM_BYTES: usize = 32;

/// A folder of our own.
pub(super) struct Cache {
    dir: PathBuf,
    engine: String,
}

impl Cache {
    /// Makes the folder if it is not there. Refuses one that others could have written into.
    pub(super) fn open(dir: &Path, engine: &Engine) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        ours_alone(&std::fs::metadata(dir)?)?;
        let mut hasher = Sum(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { dir: dir.to_path_buf(), engine: hex(&hasher.0.finalize()[..8]) })
    }

    /// What was made of this component before, if it is there and undamaged.
    pub(super) fn get(&self, component: &[u8], engine: &Engine) -> Option<Component> {
        let path = self.path(component);
        match read(&path) {
            Ok(compiled) => match trusted::deserialize(engine, &compiled) {
                Ok(component) => return Some(component),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a cached filter does not load; compiling it again")
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a cached filter cannot be used; compiling it again")
            }
        }
        None
    }

    /// Keeps what was made of this component. That it cannot be kept costs time at the next start, and no more.
    pub(super) fn put(&self, component: &[u8], compiled: &Component) {
        let kept = compiled
            .serialize()
            .map_err(|error| io::Error::other(error.to_string()))
            .and_then(|bytes| write(&self.path(component), &bytes))
            .and_then(|()| self.prune());
        if let Err(error) = kept {
            tracing::warn!(dir = %self.dir.display(), %error, "a compiled filter cannot be cached");
        }
    }

    fn path(&self, component: &[u8]) -> PathBuf {
        self.dir.join(format!("{}-{}.cwasm", sha256(component), self.engine))
    }

    fn prune(&self) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "cwasm" || extension == "part") {
                entries.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        entries.sort();
        let surplus = entries.len().saturating_sub(ENTRIES_MAX);
        entries.iter().take(surplus).try_for_each(|(_, path)| std::fs::remove_file(path))
    }
}

/// What an engine that is set up as this one has compiled just now.
pub(super) fn fresh(compiled: &[u8], engine: &Engine) -> wasmtime::Result<Component> {
    trusted::deserialize(engine, compiled)
}

/// The entry's content behind its sum. Marks it as used.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    ours_alone(&file.metadata()?)?;
    let mut sum = [0; SUM_BYTES];
    file.read_exact(&mut sum)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    if Sha256::digest(&content)[..] != sum {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged"));
    }
    // Only for pruning: a read-only folder serves as well.
    let _ = file.set_modified(SystemTime::now());
    Ok(content)
}

/// Appears as a whole or not at all.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_extension(format!("{:016x}.part", rand::random::<u64>()));
    let written = File::options().write(true).create_new(true).mode(0o600).open(&part).and_then(|mut file| {
        file.write_all(&Sha256::digest(content))?;
        file.write_all(content)?;
        file.sync_all()
    });
    let kept = written.and_then(|()| std::fs::rename(&part, path));
    if kept.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    kept
}

/// Nobody else can have written this.
fn ours_alone(metadata: &std::fs::Metadata) -> io::Result<()> {
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    let others_write = metadata.mode() & 0o022 != 0;
    if ours && !others_write {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it must belong to this user, and nobody else may write to it"))
}

/// The standard library's own hashers may change from one compiler to the next; a sum does not.
struct Sum(Sha256);

impl Hasher for Sum {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.clone().finalize().first_chunk().copied().map_or(0, u64::from_le_bytes)
    }
}
