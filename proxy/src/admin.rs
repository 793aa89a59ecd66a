//! The operators' port: whether the process lives, whether it takes clients, its numbers, its sessions, what it logs, and a
//! page that shows it all. On a thread of its own, so that it answers when the workers are busy; bounded in connections and
//! time, so that whoever reaches it cannot hurt them.

pub mod metrics;

mod config;
mod endpoint;
mod exports;
mod filters;
mod guard;
mod heartbeats;
mod memory;
mod openapi;
mod own;
mod page;
mod problem;
mod process;
mod readiness;
mod server;
mod sessions;
#[cfg(test)]
mod tests;
mod traffic;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use self::guard::Guard;
use crate::dataplane::memory::Memory;
use crate::dataplane::probe::Networks;
use crate::dataplane::visit::Visit;
use crate::telemetry::LogControl;
pub use config::ConfigStatus;
pub use endpoint::{Access, Answered, Answering, Asked, Endpoint, Parameter, Query, Values};
pub use filters::source as filters;
pub(crate) use guard::CHANGE_HEADER;
pub use memory::source as memory;
pub use metrics::{Family, Kind, Numbers, Part, Sample, Source};
pub use process::resident_bytes;
pub use readiness::{Phase, Readiness};

/// What the port tells.
pub struct Sources {
    /// Whether clients are taken.
    pub readiness: Readiness,
    /// What `/metrics` shows.
    pub numbers: Arc<Numbers>,
    /// Whether there is any for newcomers.
    pub memory: Memory,
    /// Where visits to each worker's sessions are sent.
    pub visits: Vec<mpsc::Sender<Visit>>,
    /// What is known of the clients' networks.
    pub networks: Arc<Networks>,
    /// What other rooms answer.
    pub endpoints: Vec<Endpoint>,
    /// Changes the log.
    pub log: LogControl,
}

/// All that may be asked, and who may.
struct Table {
    guard: Guard,
    endpoints: Vec<Endpoint>,
}

impl Table {
    fn new(guard: Guard, mut sources: Sources) -> Self {
        let others = std::mem::take(&mut sources.endpoints);
        let mut endpoints = own::endpoints(Arc::new(sources));
        endpoints.extend(others);
        let document = openapi::document(&endpoints);
        endpoints.push(own::openapi(document));
        Self { guard, endpoints }
    }

    /// What is at this path, and what stands in it in the place of the braces. A path that is written out goes before one
    /// with a name in it.
    fn at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Endpoint, &'a str)> {
        let is_written_out = self.endpoints.iter().any(|endpoint| endpoint.path == path);
        let named = self.endpoints.iter().filter_map(|endpoint| Some((endpoint, endpoint.matches(path)?)));
        named.filter(move |(endpoint, _)| !is_written_out || endpoint.path == path)
    }

    /// Each once.
    fn paths(&self) -> impl Iterator<Item = &'static str> {
        let paths = self.endpoints.iter().map(|endpoint| endpoint.path);
        let known = |index: usize, path| self.endpoints[..index].iter().any(|endpoint| endpoint.path == path);
        paths.enumerate().filter(move |(index, path)| !known(*index, *path)).map(|(_, path)| path)
    }
}

/// The running port. Closed when dropped.
pub struct Admin {
    address: SocketAddr,
    _running: oneshot::Sender<()>,
}

impl Admin {
    /// Listens, and serves on a thread of its own. With a token, or off loopback, most is answered to those who have it.
    ///
    /// # Errors
    /// The address cannot be had, or the system gives no thread.
    pub fn start(address: SocketAddr, token: Option<&str>, sources: Sources) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (running, stopped) = oneshot::channel();
        let table = Arc::new(Table::new(Guard::new(address, token), sources));
        std::thread::Builder::new().name("admin".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = server::serve(listener, table) => {}
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
