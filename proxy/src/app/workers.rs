//! The worker threads: each with a runtime, listening sockets and filter instances of its own. What they do is the data
//! path's; when they begin and end, and what they serve by, is the app's.

mod change;
mod doors;
mod sockets;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use self::change::Change;
pub use self::change::{Changer, Next, NextFilters, Progress, Sockets};
use self::doors::Doors;
pub use self::sockets::hint;
use crate::dataplane::chain::{Filter, SharedFilter};
use crate::dataplane::drain::Drain;
use crate::dataplane::ledger::Counters;
use crate::dataplane::listener::Turnstile;
use crate::dataplane::memory::Memory;
use crate::dataplane::probe::Networks;
use crate::dataplane::route::Dataplane;
use crate::dataplane::session::Budget;
use crate::dataplane::state::StateSink;
use crate::dataplane::visit::Visit;
use crate::dataplane::worker::Worker;
use crate::memory;

/// Makes one worker's instances of all filters, on that worker's thread.
pub type FilterMaker = Arc<dyn Fn() -> Result<Vec<Box<dyn Filter + Send>>, String> + Send + Sync>;

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
    /// End all that are left, and wait for nothing.
    Hurrying,
}

/// Workers that are running.
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    phase: watch::Sender<Phase>,
    changes: Vec<mpsc::Sender<Change>>,
    turnstiles: Vec<Turnstile>,
    budget: Budget,
    memory: Memory,
    /// One for each worker.
    pub counters: Vec<Arc<Counters>>,
    /// Where visits to each worker's sessions are sent.
    pub visits: Vec<mpsc::Sender<Visit>>,
    /// Where each listener really listens, when it was given port 0.
    pub addresses: Vec<SocketAddr>,
}

/// Begins the drain, and waits for its end.
#[derive(Clone)]
pub struct DrainSwitch(watch::Sender<Phase>);

impl DrainSwitch {
    /// From now on no clients are taken, and those that are there are sent away. Once more is harmless.
    pub fn turn(&self) {
        self.0.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::Draining;
            }
            serving
        });
    }

    /// Whoever is left is sent away now, and has [`LAST_MOMENT`] to go.
    pub fn hurry(&self) {
        self.0.send_replace(Phase::Hurrying);
    }

    /// Returns when all workers have ended.
    pub async fn turned(&self) {
        // Each has a receiver for as long as it runs.
        self.0.closed().await;
    }
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

/// Visits that wait for one that is under way; more wait at the admin port.
const VISITS_MAX: usize = 16;
/// After a drain's own time, for close handshakes and plain requests to end.
const DRAIN_GRACE: Duration = Duration::from_secs(6);
/// The same, when there is no time for it.
const LAST_MOMENT: Duration = Duration::from_secs(1);
/// For the last connections to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Workers {
    /// Binds every address, then starts so many workers and waits until all of them serve.
    pub fn start(
        dataplane: Arc<Dataplane>,
        count: usize,
        filters: &WorkerFilters,
        states: &Arc<dyn StateSink>,
        networks: &Arc<Networks>,
        memory: &Memory,
    ) -> Result<Self, StartError> {
        let budget = Budget::new(dataplane.limits.held_bytes_max);
        let turnstiles: Vec<_> =
            dataplane.listeners.iter().map(|listener| Turnstile::new(&listener.limits, memory.clone())).collect();
        let mut sockets: Vec<Vec<TcpListener>> = (0..count).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for listener in &dataplane.listeners {
            let (address, opened) = sockets::open(listener.address, count)?;
            sockets.iter_mut().zip(opened).for_each(|(worker, socket)| worker.push(socket));
            addresses.push(address);
        }
        let (phase, watched) = watch::channel(Phase::Serving);
        let mut workers = Self {
            threads: Vec::new(),
            phase,
            changes: Vec::new(),
            turnstiles: turnstiles.clone(),
            budget: budget.clone(),
            memory: memory.clone(),
            counters: Vec::new(),
            visits: Vec::new(),
            addresses,
        };
        for (index, sockets) in sockets.into_iter().enumerate() {
            let counters = Arc::new(Counters::default());
            workers.counters.push(Arc::clone(&counters));
            let (visits, visitors) = mpsc::channel(VISITS_MAX);
            workers.visits.push(visits);
            let (ready, is_ready) = std::sync::mpsc::channel();
            let (dataplane, make, networks, states) =
                (Arc::clone(&dataplane), Arc::clone(&filters.make), Arc::clone(networks), Arc::clone(states));
            let (budget, turnstiles, watched) = (budget.clone(), turnstiles.clone(), watched.clone());
            let (renewed, memory) = (filters.renewed.clone(), memory.clone());
            let (change, changes) = mpsc::channel(1);
            workers.changes.push(change);
            let body = move || {
                let local = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build_local(tokio::runtime::LocalOptions::default());
                let (local, filters) = match (local, make()) {
                    (Ok(local), Ok(filters)) => (local, filters),
                    (Err(error), _) => return drop(ready.send(Err(StartError::Worker(error)))),
                    (_, Err(error)) => return drop(ready.send(Err(StartError::Filters(error)))),
                };
                let filters = filters.into_iter().map(shared).collect();
                let worker = match Worker::new(dataplane, filters, counters, budget, memory, states, networks) {
                    Ok(worker) => Rc::new(worker),
                    Err(error) => return drop(ready.send(Err(StartError::Worker(error)))),
                };
                let signals = Signals { phase: watched, renewed, changes, visitors };
                local.block_on(run(worker, sockets, turnstiles, signals, move || drop(ready.send(Ok(())))));
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

    /// Has them serve by other configurations than this, which they were started with.
    pub fn changer(&self, dataplane: &Dataplane) -> Changer {
        Changer {
            workers: self.changes.clone(),
            listeners: dataplane.listeners.clone(),
            turnstiles: self.turnstiles.clone(),
            budget: self.budget.clone(),
            memory: self.memory.clone(),
            pending: None,
        }
    }

    /// For those who may begin the drain before the end.
    pub fn drain_switch(&self) -> DrainSwitch {
        DrainSwitch(self.phase.clone())
    }

    /// Waits for those that were told to go. Blocks.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker had panicked");
            }
        }
    }
}

fn shared(filter: Box<dyn Filter + Send>) -> SharedFilter {
    Rc::new(RefCell::new(filter))
}

/// What a worker is told from outside.
struct Signals {
    phase: watch::Receiver<Phase>,
    renewed: watch::Receiver<u64>,
    changes: mpsc::Receiver<Change>,
    visitors: mpsc::Receiver<Visit>,
}

async fn run(
    worker: Rc<Worker>,
    sockets: Vec<TcpListener>,
    turnstiles: Vec<Turnstile>,
    signals: Signals,
    ready: impl FnOnce(),
) {
    tokio::task::spawn_local({
        let worker = Rc::clone(&worker);
        async move { worker.run_timers().await }
    });
    tokio::task::spawn_local({
        let worker = Rc::clone(&worker);
        async move { worker.run_lookout().await }
    });
    tokio::task::spawn_local({
        let worker = Rc::clone(&worker);
        async move { worker.run_latecomers().await }
    });
    tokio::task::spawn_local(async {
        loop {
            tokio::time::sleep(memory::EVERY).await;
            memory::give_back();
        }
    });
    let Signals { mut phase, mut renewed, mut changes, mut visitors } = signals;
    tokio::task::spawn_local({
        let worker = Rc::clone(&worker);
        async move {
            while renewed.changed().await.is_ok() {
                worker.renew_filters().await;
            }
        }
    });
    tokio::task::spawn_local({
        let worker = Rc::clone(&worker);
        async move {
            while let Some(visit) = visitors.recv().await {
                worker.receive(visit).await;
            }
        }
    });
    let mut doors = Doors::default();
    doors.change(&worker, sockets.into_iter().map(Next::New).collect(), turnstiles);
    ready();
    loop {
        tokio::select! {
            // An error means that whoever would say so is gone.
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
            Some(change) = changes.recv() => take_up(&worker, &mut doors, change),
        }
    }
    drop(changes);
    let leisurely = worker.table().dataplane.drain.clone();
    let hurried = tokio::select! {
        () = go_away(&worker, &mut doors, &leisurely, DRAIN_GRACE) => return,
        // An error means that whoever would say so is gone.
        _ = phase.wait_for(|phase| *phase == Phase::Hurrying) => leisurely.at_once(),
    };
    go_away(&worker, &mut doors, &hurried, LAST_MOMENT).await;
}

/// What is not done in its time and the grace after it ends with the worker.
async fn go_away(worker: &Rc<Worker>, doors: &mut Doors, drain: &Drain, grace: Duration) {
    tokio::time::sleep(drain.accept_for).await;
    doors.shut();
    let depart = async {
        worker.depart(drain).await;
        while doors.have_connections() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    // An error means that the time is up.
    let _ = tokio::time::timeout(drain.wait_for_backend + drain.over + grace, depart).await;
}

/// Nothing comes in between: whoever is served next is served by all of it.
fn take_up(worker: &Rc<Worker>, doors: &mut Doors, change: Change) {
    let Change { dataplane, filters, sockets, turnstiles, taken } = change;
    let before = worker.table();
    let filters = filters.into_iter().map(|next| match next {
        Next::Kept(place) => Rc::clone(&before.filters()[place]),
        Next::New(filter) => shared(filter),
    });
    worker.serve_by(dataplane, filters.collect());
    doors.change(worker, sockets, turnstiles);
    drop(taken);
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        worker.renew_filters().await;
        worker.wake_sessions().await;
    });
}
