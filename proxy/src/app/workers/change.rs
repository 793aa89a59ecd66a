//! How another configuration gets to the workers: what it needs of the machine is had first, then each worker is sent all of
//! it in one message, and takes it up between two events.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{StartError, sockets};
use crate::app::budget;
use crate::dataplane::chain::Filter;
use crate::dataplane::listener::Turnstile;
use crate::dataplane::memory::Memory;
use crate::dataplane::route::{Dataplane, Listener};
use crate::dataplane::session::Budget;

/// Something that a worker is to have.
pub enum Next<T> {
    /// As it has it, at this place among those that it has.
    Kept(usize),
    /// Another.
    New(T),
}

/// Filters for one worker, one for each of [`Dataplane::filters`].
pub type NextFilters = Vec<Next<Box<dyn Filter + Send>>>;

/// What one worker is to serve by from now on.
pub(super) struct Change {
    pub(super) dataplane: Arc<Dataplane>,
    pub(super) filters: NextFilters,
    /// One for each of its listeners.
    pub(super) sockets: Vec<Next<TcpListener>>,
    /// The same.
    pub(super) turnstiles: Vec<Turnstile>,
    /// Dropped when it is taken up.
    pub(super) taken: std::sync::mpsc::Sender<()>,
}

/// Listening sockets for another configuration.
pub struct Sockets(Vec<Next<(SocketAddr, Vec<TcpListener>)>>);

/// Has workers serve by another configuration.
pub struct Changer {
    pub(super) workers: Vec<mpsc::Sender<Change>>,
    pub(super) listeners: Vec<Listener>,
    pub(super) turnstiles: Vec<Turnstile>,
    pub(super) budget: Budget,
    pub(super) memory: Memory,
    /// Says when all have taken up the last.
    pub(super) pending: Option<Receiver<()>>,
}

/// How far workers have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// All serve by the last configuration, or have ended.
    Done,
    /// Some do not yet.
    Behind,
}

impl Changer {
    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Waits for so long until all have taken up what they were last sent.
    pub fn settle(&mut self, within: Duration) -> Progress {
        let Some(pending) = &self.pending else { return Progress::Done };
        let deadline = Instant::now() + within;
        // Nothing is ever said; each worker's end goes when it has come so far.
        match pending.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => Progress::Behind,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                self.pending = None;
                Progress::Done
            }
        }
    }

    /// Binds addresses that nobody listens on yet.
    ///
    /// # Errors
    /// One cannot be had. Those that could are free again.
    pub fn sockets(&self, dataplane: &Dataplane) -> Result<Sockets, StartError> {
        let mut places = Places { listeners: &self.listeners, taken: vec![false; self.listeners.len()] };
        let next = dataplane.listeners.iter().map(|listener| match places.of(listener.address) {
            Some(place) => Ok(Next::Kept(place)),
            None => sockets::open(listener.address, self.workers.len()).map(Next::New),
        });
        Ok(Sockets(next.collect::<Result<_, _>>()?))
    }

    /// Sends everybody theirs: `filters` has one for each worker. Only when settled.
    pub fn change(&mut self, dataplane: Arc<Dataplane>, sockets: Sockets, filters: Vec<NextFilters>) {
        let mut each: Vec<Vec<Next<TcpListener>>> = self.workers.iter().map(|_| Vec::new()).collect();
        let mut turnstiles = Vec::new();
        for (listener, next) in dataplane.listeners.iter().zip(sockets.0) {
            match next {
                Next::Kept(place) => {
                    each.iter_mut().for_each(|worker| worker.push(Next::Kept(place)));
                    turnstiles.push(self.turnstiles[place].limited_by(&listener.limits));
                }
                Next::New((address, sockets)) => {
                    each.iter_mut().zip(sockets).for_each(|(worker, socket)| worker.push(Next::New(socket)));
                    turnstiles.push(Turnstile::new(&listener.limits, self.memory.clone()));
                    tracing::info!(%address, "listening");
                }
            }
        }
        self.budget.set_bytes_max(dataplane.limits.held_bytes_max);
        self.memory.set_budget(budget::of_process(dataplane.limits.memory));
        let (taken, pending) = channel();
        for ((worker, sockets), filters) in self.workers.iter().zip(each).zip(filters) {
            let (dataplane, turnstiles, taken) = (Arc::clone(&dataplane), turnstiles.clone(), taken.clone());
            // There is room when all have settled; who does not listen any more has ended.
            let _ = worker.try_send(Change { dataplane, filters, sockets, turnstiles, taken });
        }
        self.pending = Some(pending);
        self.listeners.clone_from(&dataplane.listeners);
        self.turnstiles = turnstiles;
    }
}

/// Finds listeners by their addresses as configured: those with port 0 in their order.
struct Places<'a> {
    listeners: &'a [Listener],
    taken: Vec<bool>,
}

impl Places<'_> {
    fn of(&mut self, address: SocketAddr) -> Option<usize> {
        let mut places = 0..self.listeners.len();
        let place = places.find(|&place| !self.taken[place] && self.listeners[place].address == address)?;
        self.taken[place] = true;
        Some(place)
    }
}
