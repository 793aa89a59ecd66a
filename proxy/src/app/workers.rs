//! The worker threads: each with a runtime, listening sockets and filter instances of its own. What they do is the data
//! path's; when they begin and end is the app's.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;

use crate::dataplane::chain::Filter;
use crate::dataplane::ledger::Counters;
use crate::dataplane::listener::{self, Connections};
use crate::dataplane::message::CloseReason;
use crate::dataplane::probe::Networks;
use crate::dataplane::route::{Dataplane, Listener};
use crate::dataplane::session::Budget;
use crate::dataplane::state::StateSink;
use crate::dataplane::worker::Worker;

/// Makes one worker's instances of all filters, on that worker's thread.
pub type FilterMaker = Arc<dyn Fn() -> Result<Vec<Box<dyn Filter>>, String> + Send + Sync>;

/// A worker's filters: how they are made, and when there may be newer ones.
pub struct WorkerFilters {
    /// See there.
    pub make: FilterMaker,
    /// Changes whenever filters are to be asked to renew themselves.
    pub renewed: watch::Receiver<u64>,
}

/// What the workers are to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Take clients in.
    Serving,
    /// Take none in, end those that are there.
    Draining,
}

/// Workers that are running.
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    phase: watch::Sender<Phase>,
    /// One for each worker.
    pub counters: Vec<Arc<Counters>>,
    /// Where each listener really listens, when it was given port 0.
    pub addresses: Vec<SocketAddr>,
}

/// Why the workers did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address cannot be had.
    #[error("cannot listen on {address}: {cause}{hint}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The system gives no thread, or no runtime.
    #[error("cannot start a worker: {0}")]
    Worker(#[from] io::Error),
    /// A filter that had passed its trial does not start.
    #[error("cannot start a worker's filters: {0}")]
    Filters(String),
}

/// Connections that the kernel keeps for us until we accept them: a reconnecting crowd comes at once.
const BACKLOG: i32 = 4096;
/// After a drain's own time, for close handshakes to end.
const DRAIN_GRACE: Duration = Duration::from_secs(6);

impl Workers {
    /// Binds every address, then starts so many workers and waits until all of them serve.
    pub fn start(
        dataplane: Arc<Dataplane>,
        count: usize,
        filters: &WorkerFilters,
        states: &Arc<dyn StateSink>,
        networks: &Arc<Networks>,
    ) -> Result<Self, StartError> {
        let budget = Budget::new(dataplane.limits.held_bytes_max);
        let connections: Vec<_> =
            dataplane.listeners.iter().map(|listener| Connections::new(listener.limits.connections_max)).collect();
        let mut sockets: Vec<Vec<TcpListener>> = (0..count).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for listener in &dataplane.listeners {
            let address = check_free(listener)?;
            for worker in &mut sockets {
                worker.push(bind(address, Sharing::BetweenWorkers).map_err(|cause| refused(address, cause))?);
            }
            addresses.push(address);
        }
        let (phase, watched) = watch::channel(Phase::Serving);
        let mut workers = Self { threads: Vec::new(), phase, counters: Vec::new(), addresses };
        for (index, sockets) in sockets.into_iter().enumerate() {
            let counters = Arc::new(Counters::default());
            workers.counters.push(Arc::clone(&counters));
            let (ready, is_ready) = std::sync::mpsc::channel();
            let (dataplane, make, networks, states) =
                (Arc::clone(&dataplane), Arc::clone(&filters.make), Arc::clone(networks), Arc::clone(states));
            let (budget, connections, watched) = (budget.clone(), connections.clone(), watched.clone());
            let renewed = filters.renewed.clone();
            let body = move || {
                let local = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build_local(tokio::runtime::LocalOptions::default());
                let (local, filters) = match (local, make()) {
                    (Ok(local), Ok(filters)) => (local, filters),
                    (Err(error), _) => return drop(ready.send(Err(StartError::Worker(error)))),
                    (_, Err(error)) => return drop(ready.send(Err(StartError::Filters(error)))),
                };
                let filters: Vec<_> = filters.into_iter().map(|filter| Rc::new(RefCell::new(filter))).collect();
                let worker = Rc::new(Worker::new(dataplane, &filters, counters, budget, states, networks));
                let signals = Signals { phase: watched, renewed };
                local.block_on(run(worker, sockets, connections, signals, move || drop(ready.send(Ok(())))));
            };
            let thread = std::thread::Builder::new().name(format!("belay-{index}")).spawn(body)?;
            workers.threads.push(thread);
            match is_ready.recv() {
                Ok(outcome) => outcome?,
                Err(_) => return Err(StartError::Worker(io::Error::other("it ended at once"))),
            }
        }
        Ok(workers)
    }

    /// Ends every session as the drain's policy says, then the workers. Blocks until they are done.
    pub fn drain(self) {
        // Without a receiver there is no worker left to drain.
        let _ = self.phase.send(Phase::Draining);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker had panicked");
            }
        }
    }
}

/// What a worker is told from outside.
struct Signals {
    phase: watch::Receiver<Phase>,
    renewed: watch::Receiver<u64>,
}

async fn run(
    worker: Rc<Worker>,
    sockets: Vec<TcpListener>,
    connections: Vec<Connections>,
    signals: Signals,
    ready: impl FnOnce(),
) {
    tokio::task::spawn_local({
        let worker = Rc::clone(&worker);
        async move { worker.run_timers().await }
    });
    let Signals { mut phase, mut renewed } = signals;
    tokio::task::spawn_local({
        let worker = Rc::clone(&worker);
        async move {
            while renewed.changed().await.is_ok() {
                worker.renew_filters().await;
            }
        }
    });
    let dataplane = Arc::clone(&worker.dataplane);
    let mut accepting = Vec::new();
    for ((socket, listener), connections) in sockets.into_iter().zip(&dataplane.listeners).zip(connections) {
        match tokio::net::TcpListener::from_std(socket) {
            Ok(socket) => accepting.push(tokio::task::spawn_local(listener::run(
                Rc::clone(&worker),
                socket,
                listener.clone(),
                connections,
            ))),
            Err(error) => tracing::error!(address = %listener.address, %error, "a worker cannot use its socket"),
        }
    }
    ready();
    // An error means that whoever would say so is gone.
    drop(phase.wait_for(|phase| *phase == Phase::Draining).await);
    for task in accepting {
        task.abort();
    }
    let drain = &dataplane.drain;
    let reason = CloseReason::new(drain.close_code, "going away");
    worker.shut_down_sessions(&reason, drain.over).await;
    let deadline = tokio::time::Instant::now() + DRAIN_GRACE;
    while worker.sessions() > 0 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether several sockets may listen on one address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    /// `SO_REUSEPORT`: the kernel spreads connections over them.
    BetweenWorkers,
}

/// The address to bind; fails if anybody listens there, which `SO_REUSEPORT` would hide if it were another of us.
fn check_free(listener: &Listener) -> Result<SocketAddr, StartError> {
    let refused = |cause| refused(listener.address, cause);
    bind(listener.address, Sharing::Alone).and_then(|socket| socket.local_addr()).map_err(refused)
}

fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if sharing == Sharing::BetweenWorkers {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn refused(address: SocketAddr, cause: io::Error) -> StartError {
    let hint = match cause.kind() {
        io::ErrorKind::AddrInUse => "; another process listens there: stop it, or choose another address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: choose a higher one",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    };
    StartError::Listen { address, cause, hint }
}
