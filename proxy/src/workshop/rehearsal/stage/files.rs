//! A scenario's files: in a folder of its own, gone with it.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// See the module.
pub(super) struct Files {
    folder: PathBuf,
    names: Vec<Box<str>>,
}

impl Files {
    /// Only files that are there at the beginning can change later.
    pub(super) fn new(files: &[(Box<str>, Vec<u8>)]) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let unique = format!("belay-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let made = Self {
            folder: std::env::temp_dir().join(unique),
            names: files.iter().map(|(name, _)| name.clone()).collect(),
        };
        if !files.is_empty() {
            std::fs::create_dir(&made.folder)?;
        }
        let contents: Vec<_> = files.iter().map(|(name, content)| (name.clone(), Some(content.clone()))).collect();
        made.write(&contents)?;
        Ok(made)
    }

    /// As a filter's specification has them.
    pub(super) fn paths(&self) -> Vec<(Box<str>, PathBuf)> {
        self.names.iter().enumerate().map(|(place, name)| (name.clone(), self.path(place))).collect()
    }

    /// Each appears as a whole, as a mounted ConfigMap's do.
    pub(super) fn write(&self, files: &[(Box<str>, Option<Vec<u8>>)]) -> io::Result<()> {
        for (name, content) in files {
            let place = self.names.iter().position(|known| known == name);
            let unknown = || io::Error::other(format!("the scenario's 'files' have no '{name}'"));
            let path = self.path(place.ok_or_else(unknown)?);
            match content {
                Some(content) => {
                    let part = path.with_extension("part");
                    std::fs::write(&part, content)?;
                    std::fs::rename(&part, &path)?;
                }
                None => std::fs::remove_file(&path)?,
            }
        }
        Ok(())
    }

    fn path(&self, place: usize) -> PathBuf {
        self.folder.join(place.to_string())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if !self.names.is_empty() {
            // What is left is in a folder for what nobody needs.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
