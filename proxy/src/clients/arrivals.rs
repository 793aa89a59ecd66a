//! How many clients come, by route. Counted for every process: it costs one addition a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tracing::{info, warn};

use super::storm::{self, Detector, Storm, Weather};
use crate::dataplane::route::Route;
use crate::dataplane::state::{SessionState, StateChange};

/// One for each route.
pub(super) struct Arrivals(Vec<Arrival>);

/// One route's.
pub(super) struct Arrival {
    route: Arc<Route>,
    /// Clients that asked for a session and were let in by the filters.
    came: AtomicU64,
    /// Of these, clients with an identity that had been gone.
    reconnects: AtomicU64,
    stormy: AtomicBool,
}

/// The thread's side of an [`Arrival`].
#[derive(Clone, Default)]
pub(super) struct Watch {
    detector: Detector,
    came: u64,
    reconnects: u64,
}

impl Arrivals {
    pub(super) fn new(routes: &[Arc<Route>]) -> Self {
        let arrival = |route: &Arc<Route>| Arrival {
            route: Arc::clone(route),
            came: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            stormy: AtomicBool::new(false),
        };
        Self(routes.iter().map(arrival).collect())
    }

    fn find(&self, route: &Arc<Route>) -> Option<&Arrival> {
        self.0.iter().find(|arrival| Arc::ptr_eq(&arrival.route, route))
    }

    pub(super) fn on_state(&self, change: &StateChange<'_>) {
        if change.state == SessionState::Connecting
            && let Some(arrival) = self.find(change.route)
        {
            arrival.came.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn on_reconnect(&self, route: &Arc<Route>) {
        if let Some(arrival) = self.find(route) {
            arrival.reconnects.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn watches(&self) -> Vec<Watch> {
        vec![Watch::default(); self.0.len()]
    }

    /// A second is over, or what became of one on a busy machine. One line in the log when a storm begins, and one when it
    /// ends.
    pub(super) fn handle_second(&self, watches: &mut [Watch], took: Duration) {
        for (arrival, watch) in self.0.iter().zip(watches) {
            let came = arrival.came.load(Relaxed);
            let a_second = (came - watch.came) as f64 / took.max(storm::EVERY).as_secs_f64();
            let weather = watch.detector.handle_second(a_second.round() as u64);
            watch.came = came;
            arrival.stormy.store(watch.detector.is_stormy(), Relaxed);
            let route = &*arrival.route.name;
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

    pub(super) fn each(&self) -> impl Iterator<Item = &Arrival> {
        self.0.iter()
    }
}

impl Arrival {
    pub(super) fn route(&self) -> &str {
        &self.route.name
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
