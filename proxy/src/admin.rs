//! The operators' port: whether the process lives, whether it takes clients, its numbers, and what it logs. On a thread of
//! its own, so that it answers when the workers are busy; bounded in connections and time, so that whoever reaches it
//! cannot hurt them.

pub mod metrics;

mod config;
mod filters;
mod heartbeats;
mod process;
mod readiness;
mod server;
#[cfg(test)]
mod tests;
mod traffic;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use tokio::sync::oneshot;

use crate::dataplane::ledger::Counters;
use crate::dataplane::probe::Networks;
use crate::telemetry::{LogControl, SpanCounts};
pub use config::ConfigStatus;
pub use filters::source as filters;
pub use metrics::{Family, Kind, Sample, Source};
pub use readiness::{Phase, Readiness};

/// What the port tells.
pub struct Sources {
    /// Whether clients are taken.
    pub readiness: Readiness,
    /// One for each worker.
    pub workers: Vec<Arc<Counters>>,
    /// What became of spans.
    pub spans: Arc<SpanCounts>,
    /// What else has numbers: filters, breakers.
    pub more: Vec<Source>,
    /// What is known of the clients' networks.
    pub networks: Arc<Networks>,
    /// Pages that other rooms answer.
    pub pages: Vec<Page>,
    /// What other rooms do when they are asked to.
    pub actions: Vec<Action>,
    /// Changes the log.
    pub log: LogControl,
}

/// A page that another room answers, in JSON.
pub struct Page {
    /// Where it is.
    pub path: &'static str,
    /// Given the query without its question mark; nothing if it names what is not there. On the admin thread; must not
    /// block for long.
    pub answer: Answer,
}

/// See [`Page::answer`].
pub type Answer = Box<dyn Fn(&str) -> Option<serde_json::Value> + Send + Sync>;

/// Something that another room does when it is asked to by POST: its path is a name between two given ends, or the one end
/// alone if the other is empty.
pub struct Action {
    /// What the path begins with.
    pub before: &'static str,
    /// What it ends with.
    pub after: &'static str,
    /// Given the name. Must not block, and must be done within ten seconds.
    pub act: Act,
}

/// See [`Action::act`].
pub type Act = Box<dyn Fn(&str) -> Pin<Box<dyn Future<Output = Acted> + Send>> + Send + Sync>;

/// What came of it, in JSON.
pub struct Acted {
    /// Of the answer.
    pub status: StatusCode,
    /// Its body.
    pub body: serde_json::Value,
}

/// The running port. Closed when dropped.
pub struct Admin {
    address: SocketAddr,
    _running: oneshot::Sender<()>,
}

impl Admin {
    /// Listens, and serves on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be had, or the system gives no thread.
    pub fn start(address: SocketAddr, sources: Sources) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (running, stopped) = oneshot::channel();
        std::thread::Builder::new().name("admin".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = server::serve(listener, Arc::new(sources)) => {}
                    // An error is what dropping the other end gives, and all that it ever does.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, _running: running })
    }

    /// Where it really listens, when it was given port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
