//! One core's share of the data path: its sessions, what wakes them, and the memory they lend from each other. A session
//! never leaves its worker, so nothing here has a lock. Sockets and tasks are the listener's and the driver's.

mod departure;
mod latecomers;
mod lookout;
mod table;
mod visits;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use slab::Slab;
use tokio::sync::{Notify, Semaphore};
use tracing::{error, info, warn};

use super::chain::{Renewal, SharedFilter};
use super::complaints::Complaints;
use super::ledger::Counters;
use super::memory::Memory;
use super::message::CloseReason;
use super::probe::Networks;
use super::route::Dataplane;
use super::session::{Budget, Context, Pool};
use super::state::StateSink;
use super::visit::Round;
use crate::time::{Instant, UnixTime};
use crate::wheel::Wheel;
use departure::Departure;
use latecomers::Latecomers;
use lookout::Lookout;
pub use lookout::{Leg, News, Readiness};
pub use table::{RouteState, Table};

/// See the module.
pub struct Worker {
    /// Where this worker counts.
    pub counters: Arc<Counters>,
    /// Passes on plain HTTP requests.
    pub forwarder: super::forward::Forwarder,
    /// Asks what filters ask.
    pub caller: super::callout::Caller,
    /// Of TLS with backends.
    pub tls_complaints: Complaints,
    /// So many sessions may dial at a time.
    pub dialling: Rc<Semaphore>,
    /// Whether there is any for further sessions.
    pub memory: Memory,
    /// Who keeps count of clients.
    pub states: Arc<dyn StateSink>,
    /// Another takes its place in a reload.
    table: RefCell<Rc<Table>>,
    budget: Budget,
    networks: Arc<Networks>,
    sessions: RefCell<Slab<Entry>>,
    lookout: Lookout,
    latecomers: Latecomers,
    wheel: RefCell<Wheel>,
    wheel_changed: Notify,
    pool: RefCell<Pool>,
    random: RefCell<SmallRng>,
    scratch: RefCell<Box<[u8]>>,
    /// Sessions that wait for a backend, by its authority. Some may have stopped waiting since.
    waiting: RefCell<HashMap<Box<str>, HashSet<SessionKey>>>,
    departure: Departure,
}

/// A session's place on its worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SessionKey(usize);

impl SessionKey {
    /// The session's place among its worker's.
    pub fn place(self) -> usize {
        self.0
    }
}

/// What the worker knows of a session: how to wake it, and what to tell it then.
struct Entry {
    waker: Waker,
    news: Cell<News>,
    turn: Cell<Turn>,
    /// Rare.
    orders: Cell<Option<Box<Orders>>>,
}

/// Whether news of its sockets wake it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// At once.
    Free,
    /// When its turn comes: it has stepped back.
    Later,
}

impl Entry {
    /// Whether it is woken by it.
    fn hear(&self, leg: Leg, found: Readiness) -> bool {
        self.news.set(self.news.get().with(leg, found));
        let wakes = self.turn.get() == Turn::Free;
        if wakes {
            self.waker.wake_by_ref();
        }
        wakes
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        let mut orders = self.orders.take().unwrap_or_default();
        change(&mut orders);
        self.orders.set(Some(orders));
        self.waker.wake_by_ref();
    }
}

/// What a session is told or asked by others.
#[derive(Default)]
pub struct Orders {
    /// What it is told.
    pub command: Option<Command>,
    /// Who wants to see it.
    pub(super) visitor: Option<Rc<Round>>,
}

/// What a session is told from outside.
#[derive(Clone, Debug)]
pub enum Command {
    /// Its backend answers again: dial after this wait.
    BackendBack(Duration),
    /// End, with this close code.
    Shutdown(CloseReason),
}

/// Read at most so much at once: the size from which larger reads no longer pay, and one buffer for all sessions.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Handshakes under way at a time; further sessions queue.
const DIALLING_MAX: usize = 256;
/// Between two sessions that are told of a backend's return: 10,000 a second a worker.
const RETURN_SPACING: Duration = Duration::from_micros(100);
/// Sessions that are woken to take up another route: a round of so many takes a millisecond or two.
const WOKEN_AT_ONCE: usize = 256;
/// Until the next of them: 100,000 sessions are through in four seconds.
const WAKE_SPACING: Duration = Duration::from_millis(10);

impl Worker {
    /// A worker with filters of its own, one for each of [`Dataplane::filters`].
    ///
    /// # Errors
    /// The system gives nothing to watch sockets by.
    pub fn new(
        dataplane: Arc<Dataplane>,
        filters: Vec<SharedFilter>,
        counters: Arc<Counters>,
        budget: Budget,
        memory: Memory,
        states: Arc<dyn StateSink>,
        networks: Arc<Networks>,
    ) -> io::Result<Self> {
        Ok(Self {
            table: RefCell::new(Rc::new(Table::new(dataplane, filters))),
            counters,
            forwarder: Default::default(),
            caller: Default::default(),
            tls_complaints: Complaints::default(),
            dialling: Rc::new(Semaphore::new(DIALLING_MAX)),
            states,
            budget,
            memory,
            networks,
            sessions: RefCell::default(),
            lookout: Lookout::new()?,
            latecomers: Latecomers::default(),
            wheel: RefCell::default(),
            wheel_changed: Notify::new(),
            pool: RefCell::default(),
            random: RefCell::new(SmallRng::from_os_rng()),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            waiting: RefCell::default(),
            departure: Departure::default(),
        })
    }

    /// What it serves by now.
    pub fn table(&self) -> Rc<Table> {
        Rc::clone(&self.table.borrow())
    }

    /// From now on it serves by this, with filters of its own, one for each of [`Dataplane::filters`]. Sessions that are open
    /// take their routes' successors up when they are next woken, see [`Self::wake_sessions`].
    pub fn serve_by(&self, dataplane: Arc<Dataplane>, filters: Vec<SharedFilter>) {
        let next = self.table.borrow().succeeded_by(dataplane, filters);
        self.table.replace(Rc::new(next));
    }

    /// Wakes all sessions, some at a time, so that also the idle ones look around.
    pub async fn wake_sessions(&self) {
        let keys: Vec<_> = self.sessions.borrow().iter().map(|(key, _)| key).collect();
        for keys in keys.chunks(WOKEN_AT_ONCE) {
            {
                let sessions = self.sessions.borrow();
                keys.iter().filter_map(|&key| sessions.get(key)).for_each(|entry| entry.waker.wake_by_ref());
            }
            tokio::time::sleep(WAKE_SPACING).await;
        }
    }

    /// Lets the filters take up newer versions of themselves, events coming in between, and has the chains ask them anew what
    /// they want to hear.
    pub async fn renew_filters(&self) {
        loop {
            let now = Instant::now();
            let renew = |filter: &&SharedFilter| filter.borrow_mut().renew(now) == Renewal::More;
            let table = self.table();
            let more = table.filters().iter().filter(renew).count();
            table.ask_anew();
            if more == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Calls with what a session is given for an event.
    #[inline]
    pub fn with_context<T>(&self, now: Instant, act: impl FnOnce(&mut Context<'_>) -> T) -> T {
        act(&mut Context {
            now,
            clock: UnixTime::now,
            counters: &self.counters,
            pool: &mut self.pool.borrow_mut(),
            budget: &self.budget,
            random: &mut self.random.borrow_mut(),
            states: &*self.states,
            networks: &self.networks,
        })
    }

    /// Calls with the buffer that all sessions read into. What is read must be dealt with before the call returns.
    #[inline]
    pub fn with_scratch<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        read(&mut self.scratch.borrow_mut())
    }

    /// Takes a session in. It has no task yet.
    pub fn enter(&self) -> SessionKey {
        let mut sessions = self.sessions.borrow_mut();
        let waker = Waker::noop().clone();
        let entry = Entry { waker, news: Cell::default(), turn: Cell::new(Turn::Free), orders: Cell::default() };
        let key = SessionKey(sessions.insert(entry));
        self.counters.tables.sessions.set(sessions.len());
        self.departure.join(key);
        key
    }

    /// Wakes the session's task from now on.
    pub fn attend(&self, key: SessionKey, waker: &Waker) {
        if let Some(entry) = self.sessions.borrow_mut().get_mut(key.0) {
            entry.waker.clone_from(waker);
        }
    }

    /// Has one of the session's sockets watched: it is woken when it can read or write.
    pub fn watch(&self, stream: TcpStream, key: SessionKey, leg: Leg) -> io::Result<mio::net::TcpStream> {
        self.lookout.watch(stream, key.0, leg)
    }

    /// Wakes sessions whose sockets can be read or written, for ever.
    pub async fn run_lookout(&self) {
        let outcome = self.lookout.run(|key, leg, found| {
            // One that is not there has just gone.
            self.sessions.borrow().get(key).is_some_and(|entry| entry.hear(leg, found))
        });
        if let Err(error) = outcome.await {
            error!(%error, "the sockets of this worker's sessions cannot be watched");
        }
    }

    /// The session has more to do at once, and others are to have their turn before: it is woken when they had it.
    pub fn step_back(&self, key: SessionKey) {
        if let Some(entry) = self.sessions.borrow().get(key.0)
            && entry.turn.replace(Turn::Later) == Turn::Free
        {
            self.latecomers.join(key.0);
        }
    }

    /// Wakes sessions that have stepped back, for ever.
    pub async fn run_latecomers(&self) {
        let wake = |key| {
            if let Some(entry) = self.sessions.borrow().get(key) {
                entry.turn.set(Turn::Free);
                entry.waker.wake_by_ref();
            }
        };
        self.latecomers.run(wake).await;
    }

    /// The session is over. It may have waited for this backend.
    pub fn leave(&self, key: SessionKey, authority: &str) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.remove(key.0);
        self.counters.tables.sessions.set(sessions.len());
        let mut wheel = self.wheel.borrow_mut();
        wheel.disarm(key.0);
        self.counters.tables.timers.set(wheel.armed());
        drop(wheel);
        self.departure.leave(key);
        self.stop_waiting(authority, key);
    }

    /// Wakes the session at `deadline`, in place of an earlier arming.
    pub fn arm(&self, key: SessionKey, deadline: Instant) {
        let mut wheel = self.wheel.borrow_mut();
        let before = wheel.next_wake();
        wheel.arm(key.0, deadline);
        self.counters.tables.timers.set(wheel.armed());
        if before.is_none_or(|before| deadline < before) {
            self.wheel_changed.notify_one();
        }
    }

    /// What was found of the session's sockets, and what it was told, since it last asked.
    pub fn take_news(&self, key: SessionKey) -> (News, Option<Box<Orders>>) {
        let sessions = self.sessions.borrow();
        let Some(entry) = sessions.get(key.0) else { return Default::default() };
        (entry.news.take(), entry.orders.take())
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.borrow().len()
    }

    /// The session waits for this backend. The first to wait says so in the log, for all of its crowd.
    pub fn await_backend(&self, authority: &str, key: SessionKey) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.contains_key(authority) {
            waiting.insert(authority.into(), HashSet::new());
        }
        if let Some(keys) = waiting.get_mut(authority) {
            if keys.is_empty() {
                warn!(backend = authority, "the backend is away: holding its sessions");
            }
            if keys.insert(key) {
                self.counters.tables.waiting.add(1);
            }
        }
        self.departure.join(key);
    }

    /// The session does not wait for this backend any more, if it did.
    pub fn stop_waiting(&self, authority: &str, key: SessionKey) {
        if let Some(keys) = self.waiting.borrow_mut().get_mut(authority)
            && keys.remove(&key)
        {
            self.counters.tables.waiting.sub(1);
        }
    }

    /// A backend answered a session that had been held: the others need not wait for their own backoff, but they come one
    /// after the other.
    pub fn backend_is_back(&self, authority: &str) {
        let keys = self.waiting.borrow_mut().get_mut(authority).map(std::mem::take).unwrap_or_default();
        if keys.is_empty() {
            return;
        }
        self.counters.tables.waiting.sub(keys.len() as u64);
        info!(backend = authority, sessions = keys.len(), "the backend is back: binding its sessions");
        let mut wait = Duration::ZERO;
        for key in keys {
            self.tell(key, Command::BackendBack(wait));
            wait += RETURN_SPACING;
        }
    }

    fn tell(&self, key: SessionKey, command: Command) {
        if let Some(entry) = self.sessions.borrow().get(key.0) {
            entry.order(|orders| orders.command = Some(command));
        }
    }

    /// Wakes sessions when they are due, for ever. Asleep while nothing is.
    pub async fn run_timers(&self) {
        loop {
            let next = self.wheel.borrow().next_wake();
            match next {
                None => self.wheel_changed.notified().await,
                Some(next) => {
                    let away = next.since(Instant::now());
                    tokio::select! {
                        () = tokio::time::sleep(away) => {}
                        () = self.wheel_changed.notified() => {}
                    }
                }
            }
            let sessions = self.sessions.borrow();
            let mut wheel = self.wheel.borrow_mut();
            wheel.advance(Instant::now(), |key| {
                if let Some(entry) = sessions.get(key) {
                    entry.waker.wake_by_ref();
                }
            });
            self.counters.tables.timers.set(wheel.armed());
        }
    }
}
