//! Tells an HTTP endpoint what becomes of clients: CloudEvents in batches, signed, in order, at least once. What happens is
//! [`crate::clients`]'s; this room makes [`event`]s of it, keeps them in an [`outbox`] (in memory, or in a [`spool`] that
//! survives the process), and [`deliver`]s them from a thread of its own.

mod deliver;
mod event;
mod journal;
mod kept;
mod loss;
mod metrics;
mod outbox;
mod post;
mod records;
mod sign;
mod spool;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use self::outbox::Outbox;
use self::sign::Keys;
use crate::admin::Source;
use crate::clients::{Happening, Survivors};
use crate::tls::ClientTls;

pub(crate) use self::event::rfc3339;
pub(crate) use self::metrics::FAMILIES;
pub use self::sign::{BadSecret, Secret};

/// What is told, to whom, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// An `http://` or `https://` URL.
    pub endpoint: Box<str>,
    /// For `https://`.
    pub tls: Option<Arc<ClientTls>>,
    /// Signs every batch.
    pub secret: Secret,
    /// The events' `source`. Default `/belay/` and the host's name.
    pub source: Option<Box<str>>,
    /// What is told.
    pub topics: Topics,
    /// How events are put together.
    pub batch: Batching,
    /// For one request, its answer included. Default 10 s.
    pub timeout: Duration,
    /// The ceiling of the first wait after a failure. Default 500 ms; it doubles with each.
    pub retry_from: Duration,
    /// The last ceiling. Default 30 s.
    pub retry_to: Duration,
    /// Where events wait.
    pub keep: Keep,
}

/// Which events are told. Those of losses always are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topics {
    /// Of clients: the default.
    Clients,
    /// Of sessions.
    Sessions,
    /// Of both.
    Both,
}

/// How events are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batching {
    /// At most so many in one request. Default 100.
    pub events_max: usize,
    /// An event waits at most so long for others. Default 1 s.
    pub every: Duration,
}

/// Where events wait for the endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Keep {
    /// In memory: they die with the process.
    Memory {
        /// Default 10,000, about 5 MB. The oldest make room.
        events_max: usize,
    },
    /// In a folder.
    Spool {
        /// Made if it is not there. One process at a time.
        folder: PathBuf,
        /// All events together. Default 64 MiB. The oldest make room.
        bytes_max: usize,
    },
}

impl Settings {
    /// The default of [`Settings::timeout`].
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// The default of [`Settings::retry_from`].
    pub const RETRY_FROM: Duration = Duration::from_millis(500);
    /// The default of [`Settings::retry_to`].
    pub const RETRY_TO: Duration = Duration::from_secs(30);
    /// The default of [`Keep::Spool`]'s `bytes_max`.
    pub const SPOOL_BYTES: usize = 64 * 1024 * 1024;
    /// The default of [`Keep::Memory`]'s `events_max`.
    pub const QUEUE_EVENTS: usize = 10_000;
}

impl Default for Batching {
    fn default() -> Self {
        Self { events_max: 100, every: Duration::from_secs(1) }
    }
}

impl Topics {
    fn clients(self) -> bool {
        matches!(self, Self::Clients | Self::Both)
    }

    fn sessions(self) -> bool {
        matches!(self, Self::Sessions | Self::Both)
    }
}

/// Why nothing can be reported.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No key to sign with.
    #[error("cannot sign reports: {0}")]
    Secret(#[from] BadSecret),
    /// The spool's folder cannot be used.
    #[error("cannot use the spool {}: {cause}", .folder.display())]
    Spool {
        /// As configured.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the report: {0}")]
    System(#[from] io::Error),
}

/// The way to the endpoint.
pub struct Reporter {
    shared: Arc<Shared>,
    end: watch::Sender<Option<tokio::time::Instant>>,
    thread: std::thread::JoinHandle<()>,
}

/// What the two threads share.
struct Shared {
    outbox: Mutex<Outbox>,
    /// Something waits.
    filled: Notify,
    /// A whole batch waits.
    full_batch: Notify,
    batch: Batching,
}

impl Shared {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter {
    /// Opens the spool, tells of the sessions that died with an earlier process, and starts the thread. Gives the clients
    /// that were there when it died.
    ///
    /// # Errors
    /// There is no usable secret, folder or thread.
    pub fn start(settings: &Settings) -> Result<(Self, Survivors), StartError> {
        let keys = Keys::read(&settings.secret)?;
        let (outbox, survivors) = Outbox::open(settings)?;
        let shared = Arc::new(Shared {
            outbox: Mutex::new(outbox),
            filled: Notify::new(),
            full_batch: Notify::new(),
            batch: settings.batch,
        });
        let (end, ended) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let delivery = deliver::Delivery::new(settings, keys, Arc::clone(&shared), ended);
        let thread = std::thread::Builder::new().name("report".into()).spawn(move || {
            runtime.block_on(delivery.run());
        })?;
        Ok((Self { shared, end, thread }, survivors))
    }

    /// Puts it on its way. Waits for the disk, if there is a spool, and never for the endpoint.
    pub fn tell(&self, happened: &[Happening]) {
        let waiting = {
            let mut outbox = self.shared.outbox();
            outbox.tell(happened);
            outbox.waiting()
        };
        if waiting > 0 {
            self.shared.filled.notify_one();
        }
        if waiting >= self.shared.batch.events_max {
            self.shared.full_batch.notify_one();
        }
    }

    /// Its numbers.
    pub fn source(&self) -> Source {
        metrics::source(Arc::clone(&self.shared))
    }

    /// Delivers what waits, for at most `within`. What is left then stays in the spool, or is lost and counted. Blocks.
    pub fn finish(self, within: Duration) {
        self.end.send_replace(Some(tokio::time::Instant::now() + within));
        if self.thread.join().is_err() {
            tracing::error!("the thread that reports had panicked");
        }
    }
}
