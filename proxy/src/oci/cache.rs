//! A folder of what was pulled, each file named by its digest and checked against it at each use: whoever writes there can
//! change nothing but what has to be pulled again.

use std::cmp::Reverse;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::reference::Digest;

/// See the module.
pub(super) struct Cache {
    folder: PathBuf,
    bytes_max: u64,
}

impl Cache {
    /// Makes the folder if it is not there.
    pub(super) fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned(), bytes_max })
    }

    /// What has this digest, if it is there and whole.
    pub(super) fn get(&self, digest: &Digest, bytes_max: u64) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let mut bytes = Vec::new();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "what was pulled before cannot be read");
                }
                return None;
            }
        };
        let read = (&file).take(bytes_max + 1).read_to_end(&mut bytes);
        if read.is_err() || Digest::of(&bytes) != *digest {
            tracing::warn!(path = %path.display(), "what was pulled before is damaged: pulling it again");
            let _ = std::fs::remove_file(&path);
            return None;
        }
        // For who clears up: it was used. That it cannot be said costs a pull one day.
        let _ = file.set_modified(SystemTime::now());
        Some(bytes)
    }

    /// Keeps it. That it cannot be kept costs a pull at the next start, and no more.
    pub(super) fn put(&self, digest: &Digest, bytes: &[u8]) {
        if let Err(error) = self.write(digest, bytes).and_then(|()| self.clear_up()) {
            tracing::warn!(folder = %self.folder.display(), %error, "what was pulled cannot be kept");
        }
    }

    /// Beside it first, so that a file of that name is whole.
    fn write(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        let part = self.folder.join(format!(".{}.{}", digest.hex(), std::process::id()));
        let written =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&part).and_then(|mut new| {
                new.write_all(bytes)?;
                new.sync_all()?;
                std::fs::rename(&part, &path)
            });
        if written.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    /// What was used last always stays.
    fn clear_up(&self) -> io::Result<()> {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                entries.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        entries.sort_by_key(|(used, ..)| Reverse(*used));
        let mut kept = 0;
        for (index, (_, bytes, path)) in entries.iter().enumerate() {
            kept += bytes;
            // The last two are a component and its manifest.
            if kept > self.bytes_max && index >= 2 {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("sha256-{}", digest.hex()))
    }
}
