//! What a worker serves by: what was configured, with its own filters and routes made of it. A reload puts another table in
//! its place, whole; a session goes on by the route that it has until it takes up that route's successor, between two events.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::dataplane::chain::{Chain, SharedFilter};
use crate::dataplane::heartbeat::Overheard;
use crate::dataplane::hold::Line;
use crate::dataplane::route::{Dataplane, Route};

/// See the module.
pub struct Table {
    /// What was configured.
    pub dataplane: Arc<Dataplane>,
    routes: Vec<Rc<RouteState>>,
    filters: Vec<SharedFilter>,
}

/// A route as one worker has it.
pub struct RouteState {
    /// What was configured.
    pub route: Arc<Route>,
    /// Its filters.
    pub chain: Chain,
    /// What its plain HTTP tells of the heartbeats of sessions to come.
    pub overheard: Arc<Overheard>,
    /// Where its held sessions wait to dial.
    pub line: Line,
    successor: OnceCell<Rc<RouteState>>,
}

impl Table {
    /// With filters of the worker's own, one for each of [`Dataplane::filters`].
    pub fn new(dataplane: Arc<Dataplane>, filters: Vec<SharedFilter>) -> Self {
        Self::made(dataplane, filters, &[])
    }

    /// The table that takes this one's place. A route of a name that is known succeeds the one of that name, unless messages
    /// stand otherwise on its connections: whoever is in the midst of one cannot change that.
    pub fn succeeded_by(&self, dataplane: Arc<Dataplane>, filters: Vec<SharedFilter>) -> Self {
        Self::made(dataplane, filters, &self.routes)
    }

    fn made(dataplane: Arc<Dataplane>, filters: Vec<SharedFilter>, before: &[Rc<RouteState>]) -> Self {
        let routes = dataplane.routes.0.iter().map(|route| {
            let chain = route.filters.iter().filter_map(|&index| filters.get(index).cloned()).collect();
            let before = before.iter().find(|before| before.route.name == route.name);
            let before = before.filter(|before| before.route.framing == route.framing);
            let overheard = before.map(|before| Arc::clone(&before.overheard)).unwrap_or_default();
            let state = Rc::new(RouteState::new(Arc::clone(route), Chain::new(chain), overheard));
            if let Some(before) = before {
                // It has none yet: the table that it stood in was the last.
                let _ = before.successor.set(Rc::clone(&state));
            }
            state
        });
        Self { routes: routes.collect(), filters, dataplane }
    }

    /// This worker's own of that route.
    pub fn route(&self, route: &Arc<Route>) -> Option<&Rc<RouteState>> {
        self.routes.iter().find(|state| Arc::ptr_eq(&state.route, route))
    }

    /// This worker's own, one for each of [`Dataplane::filters`].
    pub fn filters(&self) -> &[SharedFilter] {
        &self.filters
    }

    /// Has the chains ask their filters anew what they want to hear.
    pub(super) fn ask_anew(&self) {
        self.routes.iter().for_each(|route| route.chain.ask_anew());
    }
}

impl RouteState {
    /// A route that no other has taken the place of.
    pub fn new(route: Arc<Route>, chain: Chain, overheard: Arc<Overheard>) -> Self {
        Self { route, chain, overheard, line: Line::default(), successor: OnceCell::new() }
    }

    /// The last of those that took its place, one after the other.
    pub fn successor(&self) -> Option<&Rc<Self>> {
        let mut last = self.successor.get()?;
        while let Some(next) = last.successor.get() {
            last = next;
        }
        Some(last)
    }

    /// Another takes its place: see [`Table::succeeded_by`].
    #[cfg(test)]
    pub(in crate::dataplane) fn succeed(&self, next: &Rc<Self>) {
        assert!(self.successor.set(Rc::clone(next)).is_ok(), "it has a successor");
    }
}
