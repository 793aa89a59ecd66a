//! A filter that can serve: the version that is current, the workers that have an instance of it, and how the next version
//! gets to them. Where components come from, and when to look for another, is the application's.

use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::context::Context;
use super::error::{LoadError, LoadProblem};
use super::instance::Instance;
use super::live::{HearsClose, Live, StartError};
use super::machine::Isolated;
use super::program::Program;
use super::stats::FilterStats;
use super::ticker::Ticker;
use crate::dataplane::callout::CalloutCounts;
use crate::dataplane::chain::{Filter, Subscription};
use crate::dataplane::route::Isolation;
use crate::digest::sha256;

/// A filter that can serve: compiled, checked, its config accepted. Shared by workers.
pub struct LoadedFilter {
    name: Box<str>,
    ticker: Arc<Ticker>,
    seats: Mutex<Seats>,
    /// Held while instances are made, one after the other: those who only look need not wait for that.
    making: Mutex<()>,
}

/// The current version, and who serves with it.
struct Seats {
    version: Arc<Version>,
    workers: Vec<Seat>,
    reloads: Reloads,
}

/// One version of a filter: its component, and what it is given.
pub(super) struct Version {
    /// From 1 on.
    pub(super) generation: u32,
    pub(super) program: Arc<Program>,
    pub(super) context: Arc<Context>,
    /// Linear memory of a first instance, once it was configured.
    first_memory_bytes: u64,
    pub(super) subscription: Subscription,
    hears_close: HearsClose,
    sha256: Box<str>,
}

/// One worker's, as those outside it know it.
struct Seat {
    stats: Arc<FilterStats>,
    /// The generation that the worker has taken up.
    taken: Arc<AtomicU32>,
    next: SyncSender<Update>,
}

/// A version for a worker, with an instance that was made and configured aside.
pub(super) struct Update {
    pub(super) version: Arc<Version>,
    pub(super) live: Box<Live>,
}

/// A version that could serve: made, checked and configured aside.
pub struct NextVersion {
    version: Arc<Version>,
    lives: Vec<Live>,
}

/// Where a worker finds its next version, at most one.
pub(super) struct Updates {
    next: Receiver<Update>,
    taken: Arc<AtomicU32>,
}

/// What came of reloads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reloads {
    /// Versions that came into service after the first.
    pub accepted: u64,
    /// Versions that did not.
    pub refused: u64,
    /// Why the last one was refused, unless one was accepted since.
    pub last_error: Option<Box<str>>,
}

/// A filter as operators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterView {
    /// Counts versions, from 1 on.
    pub generation: u32,
    /// Of the component, in hexadecimal digits.
    pub sha256: Box<str>,
    /// Workers that have it.
    pub workers: usize,
    /// Of these, those that still run the version before.
    pub workers_behind: usize,
    /// See there.
    pub reloads: Reloads,
}

impl LoadedFilter {
    /// Configures a first instance to see whether the config is good.
    pub(super) fn new(context: Context, component: Compiled, ticker: &Arc<Ticker>) -> Result<Self, LoadError> {
        let context = Arc::new(context);
        let trial = trial(&context, &component.program, ticker)
            .map_err(|problem| LoadError { filter: context.name.clone(), problem })?;
        let name = context.name.clone();
        let version = Arc::new(component.into_version(1, context, &trial));
        let seats = Seats { version, workers: Vec::new(), reloads: Reloads::default() };
        Ok(Self { name, ticker: Arc::clone(ticker), seats: Mutex::new(seats), making: Mutex::default() })
    }

    /// The name that the YAML gives it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is given.
    pub(super) fn context(&self) -> Arc<Context> {
        Arc::clone(&self.seats().version.context)
    }

    /// What came of its callouts.
    pub fn callouts(&self) -> Arc<CalloutCounts> {
        Arc::clone(&self.seats().version.context.terms.counts)
    }

    /// What it asks of the machine if each session has an instance of its own.
    pub fn isolated(&self) -> Option<Isolated<'_>> {
        self.seats().version.isolated(&self.name)
    }

    /// What its current version wants to hear.
    pub fn subscription(&self) -> Subscription {
        self.seats().version.subscription
    }

    /// Whether it subscribed to the end of sessions: the data path tells that to every filter, and need not ask.
    pub fn hears_close(&self) -> bool {
        self.seats().version.hears_close == HearsClose::Yes
    }

    /// A worker's own instance. Costs some ten microseconds and what `configure` takes.
    pub fn instantiate(&self) -> Result<Box<dyn Filter>, LoadError> {
        let instance = self.instantiate_aside()?;
        Ok(instance)
    }

    /// The same for a worker of another thread, which alone is to use it.
    pub fn instantiate_aside(&self) -> Result<Box<dyn Filter + Send>, LoadError> {
        let _making = lock(&self.making);
        let version = Arc::clone(&self.seats().version);
        let stats = Arc::<FilterStats>::default();
        let taken = Arc::new(AtomicU32::new(version.generation));
        let (sender, next) = sync_channel(1);
        let updates = Updates { next, taken: Arc::clone(&taken) };
        let (now, beat) = (version.context.services.surroundings.now(), self.ticker.beat());
        let instance = Instance::start(version, Arc::clone(&stats), beat, updates, now)
            .map_err(|error| LoadError { filter: self.name.clone(), problem: error.into() })?;
        self.seats().workers.push(Seat { stats, taken, next: sender });
        Ok(Box::new(instance))
    }

    /// Makes an instance of this component for each worker: [`Self::serve`] sends it there. Nothing has changed yet.
    pub(super) fn prepare(&self, context: Arc<Context>, component: Compiled) -> Result<NextVersion, LoadProblem> {
        let _making = lock(&self.making);
        let FilterView { workers_behind, workers, generation, .. } = self.view();
        if workers_behind > 0 {
            return Err(LoadProblem::Busy { workers: workers_behind });
        }
        let lives = (0..workers.max(1)).map(|_| trial(&context, &component.program, &self.ticker));
        let lives = lives.collect::<Result<Vec<Live>, LoadProblem>>()?;
        let Some(first) = lives.first() else { return Err(LoadProblem::Busy { workers: 0 }) };
        let version = component.into_version(generation.saturating_add(1), context, first);
        Ok(NextVersion { version: Arc::new(version), lives })
    }

    /// Workers take this version up between two events, when they are told to look. Gives its generation. One at a time is
    /// prepared and comes to serve: what is prepared meanwhile is of no use.
    pub fn serve(&self, next: NextVersion) -> u32 {
        let NextVersion { version, lives } = next;
        let mut seats = self.seats();
        for (seat, live) in seats.workers.iter().zip(lives) {
            // There is room, for none is behind; who does not listen any more has ended.
            let _ = seat.next.try_send(Update { version: Arc::clone(&version), live: Box::new(live) });
        }
        version.context.services.store.set_entries_max(version.context.limits.table_entries_max);
        seats.version = version;
        seats.reloads.accepted += 1;
        seats.reloads.last_error = None;
        seats.version.generation
    }

    /// Whether the current version was made of these bytes.
    pub fn is_of(&self, component: &[u8]) -> bool {
        *self.seats().version.sha256 == *sha256(component)
    }

    /// A version does not come into service: for those who look at the filter.
    pub fn refused(&self, why: &str) {
        let reloads = &mut self.seats().reloads;
        reloads.refused += 1;
        reloads.last_error = Some(why.into());
    }

    /// The counts of all workers' instances together, as of now.
    pub fn stats(&self) -> FilterStats {
        let sum = FilterStats::default();
        for seat in &self.seats().workers {
            sum.absorb(&seat.stats);
        }
        sum
    }

    /// As of now.
    pub fn view(&self) -> FilterView {
        let seats = self.seats();
        FilterView {
            generation: seats.version.generation,
            sha256: seats.version.sha256.clone(),
            workers: seats.workers.len(),
            workers_behind: seats.behind(),
            reloads: seats.reloads.clone(),
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        lock(&self.seats)
    }
}

impl Seats {
    /// Workers that have not taken up the current version, and are still there to do so.
    fn behind(&self) -> usize {
        let is_behind = |seat: &&Seat| seat.taken.load(Acquire) != self.version.generation;
        self.workers.iter().filter(|seat| Arc::strong_count(&seat.taken) > 1).filter(is_behind).count()
    }
}

impl NextVersion {
    /// As [`LoadedFilter::isolated`], of this version.
    pub fn isolated(&self) -> Option<Isolated<'_>> {
        self.version.isolated(&self.version.context.name)
    }
}

impl Updates {
    /// The next version, if there is one.
    pub(super) fn take(&self) -> Option<Update> {
        let update = self.next.try_recv().ok()?;
        self.taken.store(update.version.generation, Release);
        Some(update)
    }
}

/// A component that passed the checks which need no instance.
pub(super) struct Compiled {
    pub(super) program: Arc<Program>,
    pub(super) sha256: Box<str>,
}

impl Compiled {
    fn into_version(self, generation: u32, context: Arc<Context>, trial: &Live) -> Version {
        Version {
            generation,
            program: self.program,
            context,
            first_memory_bytes: trial.store.data().memory.bytes() as u64,
            subscription: trial.subscription,
            hears_close: trial.hears_close,
            sha256: self.sha256,
        }
    }
}

impl Version {
    fn isolated<'a>(&self, filter: &'a str) -> Option<Isolated<'a>> {
        let (instances_max, memory_bytes) = (self.context.limits.instances_max, self.first_memory_bytes);
        match self.context.isolation {
            Isolation::Shared => None,
            Isolation::Session => Some(Isolated { filter, instances_max, memory_bytes }),
        }
    }
}

/// Nothing is left half changed by a panic, so a poisoned lock is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn trial(context: &Arc<Context>, program: &Program, ticker: &Arc<Ticker>) -> Result<Live, LoadProblem> {
    let now = context.services.surroundings.now();
    Ok(Live::start(program, context, &Arc::default(), &ticker.beat(), now)?)
}

impl From<StartError> for LoadProblem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Mismatch(cause) => Self::Mismatch(cause),
            StartError::Refused(cause) => Self::Config(cause),
            StartError::Failed(cause) => Self::Failed(cause),
        }
    }
}

impl fmt::Debug for LoadedFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedFilter").field("name", &self.name()).field("view", &self.view()).finish()
    }
}
