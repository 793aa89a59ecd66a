//! The networks that are known, for all workers. The table is locked when a session begins, a network when one of its probes
//! is due, answered or missed; no message waits for either.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::LearnedError;
use super::learned;
use super::network::{Bounds, Counts, Network, Search};
use crate::time::Instant;

/// At most so many are known, unless configured otherwise: about 2 MiB.
pub const NETWORKS_DEFAULT: usize = 10_000;
/// Of a full table, one in so many goes at once, so that a full table is not searched for each newcomer.
const EVICTED_AT_ONCE: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct Networks {
    table: Mutex<HashMap<Box<str>, Shared>>,
    networks_max: usize,
}

/// One network and the sessions in it. A session that is in a network keeps it, also when the table has no more room for it.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Network>>);

/// One network, for people to read.
#[derive(Clone, PartialEq, Debug)]
pub struct NetworkState {
    /// As [`super::GroupBy::name`] has it.
    pub name: Box<str>,
    /// Sessions that are in it now.
    pub sessions: usize,
    /// The longest silence that stood its test; zero before the first.
    pub good: Duration,
    /// Where a longer one is looked for.
    pub search: Search,
    /// What became of its probes since the process began.
    pub counts: Counts,
}

impl Default for Networks {
    fn default() -> Self {
        Self::new(NETWORKS_DEFAULT)
    }
}

impl Networks {
    /// An empty table for so many.
    pub fn new(networks_max: usize) -> Self {
        Self { table: Mutex::default(), networks_max: networks_max.max(1) }
    }

    /// The network of that name. Of a full table, those that were used least lately make room.
    pub fn join(&self, now: Instant, name: Box<str>) -> Shared {
        let mut table = lock(&self.table);
        if let Some(known) = table.get(&name) {
            known.network().touch(now);
            return known.clone();
        }
        if table.len() >= self.networks_max {
            evict(&mut table, self.networks_max);
        }
        let network = Shared::new(Network::new(now));
        table.insert(name, network.clone());
        network
    }

    /// All that are known, by name.
    pub fn states(&self) -> Vec<NetworkState> {
        let table = lock(&self.table);
        let mut states: Vec<_> = table.iter().map(|(name, shared)| shared.state(name)).collect();
        states.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        states
    }

    /// What was learned, as the text of a file. Networks of which nothing is known yet are left out.
    pub fn to_text(&self, now: Instant) -> String {
        learned::to_text(now, self.states().iter())
    }

    /// Knows what such a text says, beside what it knows already.
    ///
    /// # Errors
    /// The text is damaged or of another version; nothing is taken from it then.
    pub fn learn(&self, now: Instant, text: &str) -> Result<usize, LearnedError> {
        let networks = learned::from_text(now, text)?;
        let mut table = lock(&self.table);
        let known = networks.len().min(self.networks_max);
        for (name, network) in networks.into_iter().take(self.networks_max) {
            table.entry(name).or_insert_with(|| Shared::new(network));
        }
        Ok(known)
    }
}

impl Shared {
    /// One alone.
    pub fn new(network: Network) -> Self {
        Self(Arc::new(Mutex::new(network)))
    }

    /// The silence after which its clients are to be asked.
    pub(super) fn interval(&self, bounds: Bounds) -> Duration {
        self.network().interval(bounds)
    }

    /// See [`Network::poll_explorer`].
    pub(super) fn poll_explorer(&self, now: Instant, bounds: Bounds) -> Option<Duration> {
        self.network().poll_explorer(now, bounds, self.sessions())
    }

    /// See [`Network::on_answered`]. Returns the silence that is safe now.
    pub(super) fn on_answered(&self, now: Instant, bounds: Bounds, silence: Duration) -> Duration {
        let sessions = self.sessions();
        let mut network = self.network();
        network.on_answered(now, bounds, sessions, silence);
        network.interval(bounds)
    }

    /// See [`Network::on_missed`].
    pub(super) fn on_missed(&self, now: Instant, bounds: Bounds, silence: Duration) {
        self.network().on_missed(now, bounds, self.sessions(), silence);
    }

    /// Those in it; the table has one of the references.
    fn sessions(&self) -> usize {
        Arc::strong_count(&self.0).saturating_sub(1)
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        lock(&self.0)
    }

    fn state(&self, name: &str) -> NetworkState {
        let network = self.network();
        NetworkState {
            name: name.into(),
            sessions: self.sessions(),
            good: network.good(),
            search: network.search(),
            counts: network.counts(),
        }
    }
}

fn evict(table: &mut HashMap<Box<str>, Shared>, networks_max: usize) {
    let mut by_use: Vec<_> = table.iter().map(|(name, shared)| (shared.network().used(), name.clone())).collect();
    by_use.sort_unstable();
    for (_, name) in by_use.into_iter().take(networks_max.div_ceil(EVICTED_AT_ONCE)) {
        table.remove(&name);
    }
}

/// What a panicking thread left behind are numbers, and as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
