//! How many clients come, by route. Counted for every process: it costs a look for the route and one addition a session.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tracing::{info, warn};

use super::storm::{self, Detector, Storm, Weather};
use crate::dataplane::route::Route;
use crate::dataplane::state::{SessionState, StateChange};

/// One for each route. Only a reload writes it, and only the beginning of a session reads it.
pub(super) struct Arrivals(RwLock<Vec<Arc<Arrival>>>);

/// One route's.
pub(super) struct Arrival {
    route: Box<str>,
    /// Clients that asked for a session and were let in by the filters.
    came: AtomicU64,
    /// Of these, clients with an identity that had been gone.
    reconnects: AtomicU64,
    stormy: AtomicBool,
    watch: Mutex<Watch>,
}

/// The thread's side of an [`Arrival`].
#[derive(Default)]
struct Watch {
    detector: Detector,
    came: u64,
    reconnects: u64,
}

impl Arrivals {
    pub(super) fn new(routes: &[Arc<Route>]) -> Self {
        Self(RwLock::new(routes.iter().map(|route| Arc::new(Arrival::new(&route.name))).collect()))
    }

    /// There are these routes now. What was counted of those that stay goes on.
    pub(super) fn change(&self, routes: &[Arc<Route>]) {
        let before = self.read().clone();
        let kept = |route: &Arc<Route>| before.iter().find(|arrival| arrival.route == route.name).cloned();
        let next = routes.iter().map(|route| kept(route).unwrap_or_else(|| Arc::new(Arrival::new(&route.name))));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next.collect();
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Arc<Arrival>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, route: &Route, counter: fn(&Arrival) -> &AtomicU64) {
        if let Some(arrival) = self.read().iter().find(|arrival| arrival.route == route.name) {
            counter(arrival).fetch_add(1, Relaxed);
        }
    }

    pub(super) fn on_state(&self, change: &StateChange<'_>) {
        if change.state == SessionState::Connecting {
            self.count(change.route, |arrival| &arrival.came);
        }
    }

    pub(super) fn on_reconnect(&self, route: &Arc<Route>) {
        self.count(route, |arrival| &arrival.reconnects);
    }

    /// A second is over, or what became of one on a busy machine. One line in the log when a storm begins, and one when it
    /// ends.
    pub(super) fn handle_second(&self, took: Duration) {
        for arrival in self.each() {
            let watch = &mut *arrival.watch();
            let came = arrival.came.load(Relaxed);
            let a_second = (came - watch.came) as f64 / took.max(storm::EVERY).as_secs_f64();
            let weather = watch.detector.handle_second(a_second.round() as u64);
            watch.came = came;
            arrival.stormy.store(watch.detector.is_stormy(), Relaxed);
            let route = &*arrival.route;
            match weather {
                Weather::Same => {}
                Weather::Rising(storm) => {
                    watch.reconnects = arrival.reconnects.load(Relaxed);
                    warn!(
                        route,
                        rate = per_second(storm.peak),
                        usual = per_second(storm.usual),
                        "clients come in a storm: more new sessions a second than is usual"
                    );
                }
                Weather::Calm(Storm { seconds, sessions, peak, usual }) => info!(
                    route,
                    seconds,
                    sessions,
                    reconnects = arrival.reconnects.load(Relaxed) - watch.reconnects,
                    peak = per_second(peak),
                    usual = per_second(usual),
                    "the storm of clients is over"
                ),
            }
        }
    }

    pub(super) fn each(&self) -> Vec<Arc<Arrival>> {
        self.read().clone()
    }
}

impl Arrival {
    fn new(route: &str) -> Self {
        Self {
            route: route.into(),
            came: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            stormy: AtomicBool::new(false),
            watch: Mutex::default(),
        }
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn route(&self) -> &str {
        &self.route
    }

    pub(super) fn came(&self) -> u64 {
        self.came.load(Relaxed)
    }

    pub(super) fn reconnects(&self) -> u64 {
        self.reconnects.load(Relaxed)
    }

    pub(super) fn is_stormy(&self) -> bool {
        self.stormy.load(Relaxed)
    }
}

/// For people: one digit after the point.
fn per_second(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}
