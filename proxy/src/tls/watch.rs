//! Looks at the files of certificates, and has them taken up when they change: by being written, replaced, or by the swap of
//! a symbolic link on the way to them, as Kubernetes does it. On a thread of its own.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::{BadFile, Certificate};
use crate::stamp::Stamp;
use crate::time::Instant;

/// What is made of files.
pub(crate) trait Watched: Send + Sync {
    /// All that it is made of.
    fn files(&self) -> Vec<&Path>;

    /// Of their content when it was last read well.
    fn loaded(&self) -> Vec<Option<Stamp>>;

    /// Reads them anew. New connections use what was read; after an error they go on with what there was.
    ///
    /// # Errors
    /// A file that cannot be used.
    fn reload(&self) -> Result<(), BadFile>;

    /// Certificates of our own in use, each with its file.
    fn certificates(&self) -> Vec<(&Path, Certificate)>;
}

/// Files are looked at this often, and read when they have changed and then stood still from one look to the next: of a pair
/// that is being replaced, both are.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A certificate that ends within this time is warned of. Issuers renew at a third of its time, 30 days of 90.
const EXPIRY_WARNING_S: f64 = 14.0 * 86_400.0;
/// Each such certificate is warned of this often.
const WARN_EVERY: Duration = Duration::from_secs(86_400);

/// The thread's owner. It ends with this.
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    _alive: SyncSender<()>,
}

#[derive(Default)]
pub(super) struct Shared {
    entries: Mutex<Vec<Entry>>,
    pub(super) reloaded: AtomicU64,
    pub(super) refused: AtomicU64,
}

struct Entry {
    watched: Arc<dyn Watched>,
    /// Of the content that was last read, well or not.
    read: Stamps,
    /// At the last look.
    seen: Stamps,
    warned: Option<Instant>,
}

pub(super) type Stamps = Vec<Option<Stamp>>;

impl Watcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives none.
    pub(crate) fn start(watched: Vec<Arc<dyn Watched>>) -> std::io::Result<Self> {
        let (alive, ended) = sync_channel(0);
        let shared = Arc::new(Shared::default());
        let watcher = Self { shared: Arc::clone(&shared), _alive: alive };
        watcher.watch(watched);
        std::thread::Builder::new().name("belay-tls".into()).spawn(move || run(&shared, &ended))?;
        Ok(watcher)
    }

    /// From now on these, in place of those before.
    pub(crate) fn watch(&self, watched: Vec<Arc<dyn Watched>>) {
        *self.shared.entries() = watched.into_iter().map(Entry::new).collect();
    }

    /// Its numbers.
    pub(crate) fn source(&self) -> crate::admin::Source {
        super::metrics::source(Arc::clone(&self.shared))
    }
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our own certificates in use, by file.
    pub(super) fn certificates(&self) -> Vec<(String, Certificate)> {
        let entries = self.entries();
        let all = entries.iter().flat_map(|entry| entry.watched.certificates());
        let mut named: Vec<_> = all.map(|(file, certificate)| (file.display().to_string(), certificate)).collect();
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        named.dedup_by(|(one, _), (other, _)| one == other);
        named
    }
}

fn run(shared: &Shared, ended: &Receiver<()>) {
    loop {
        for entry in &mut *shared.entries() {
            match entry.look() {
                Some(Ok(())) => drop(shared.reloaded.fetch_add(1, Relaxed)),
                Some(Err(())) => drop(shared.refused.fetch_add(1, Relaxed)),
                None => {}
            }
            entry.warn_of_expiry(Instant::now());
        }
        if ended.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

impl Entry {
    fn new(watched: Arc<dyn Watched>) -> Self {
        let read = watched.loaded();
        Self { watched, seen: read.clone(), read, warned: None }
    }

    /// Whether they were read, and how that went.
    fn look(&mut self) -> Option<Result<(), ()>> {
        let stamps = stamps(&self.watched.files());
        let stand_still = stamps == self.seen;
        self.seen.clone_from(&stamps);
        if !stand_still || stamps == self.read {
            return None;
        }
        self.read = stamps;
        let files: Vec<_> = self.watched.files().iter().map(|file| file.display().to_string()).collect();
        let files = files.join(", ");
        Some(match self.watched.reload() {
            Ok(()) => {
                info!(files, "certificates were read anew: new connections use them");
                self.warned = None;
                Ok(())
            }
            Err(error) => {
                warn!(%error, files, "changed certificates cannot be used: going on with those before");
                Err(())
            }
        })
    }

    fn warn_of_expiry(&mut self, now: Instant) {
        if self.warned.is_some_and(|last| now - last < WARN_EVERY) {
            return;
        }
        for (file, certificate) in self.watched.certificates() {
            let left = certificate.expires_in_s();
            if left < EXPIRY_WARNING_S {
                let hours = (left / 3600.0).round();
                let what = if left < 0.0 { "a certificate has expired" } else { "a certificate expires soon" };
                warn!(file = %file.display(), subject = certificate.subject, hours, "{what}");
                self.warned = Some(now);
            }
        }
    }
}

/// Nothing for a file that is not there.
pub(super) fn stamps(files: &[&Path]) -> Stamps {
    files.iter().map(|file| std::fs::metadata(file).ok().map(|metadata| Stamp::from(&metadata))).collect()
}
