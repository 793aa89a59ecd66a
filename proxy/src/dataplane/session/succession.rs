//! A session that goes on by another version of its route, after a reload: between two events, so that each message meets
//! one route and one chain.

use std::rc::Rc;
use std::time::Duration;

use rand::Rng;

use super::holding::Redial;
use super::{Context, Core, Errand, Session, State};
use crate::dataplane::chain::{Facts, FilterTimer};
use crate::dataplane::message::CloseReason;
use crate::dataplane::worker::RouteState;

/// Held sessions dial a backend's new address spread over this time.
const MOVED_OVER: Duration = Duration::from_secs(1);

impl Session {
    /// The route that it is to go on by, if its own has a successor. One that is ending goes the way that it went, and a
    /// message that waits within the chain goes through the rest of that first.
    pub fn successor(&self) -> Option<&Rc<RouteState>> {
        match self.core.state {
            State::Bound(_) | State::Holding(_) if !self.awaits_any() => self.core.route.successor(),
            State::Bound(_) | State::Holding(_) | State::Closing(_) | State::Closed => None,
        }
    }

    fn awaits_any(&self) -> bool {
        Errand::ALL.into_iter().any(|errand| self.core.waiting.holds(errand))
    }

    /// Goes on by the successor of its route, if there is one: its filters from the next event on, its backend from the next
    /// dial, its limits and waits from the next time that they begin. Gives the route that it had.
    pub fn handle_successor(&mut self, cx: &mut Context<'_>) -> Option<Rc<RouteState>> {
        let next = Rc::clone(self.successor()?);
        Some(self.core.take_up(cx, next))
    }
}

impl Core {
    fn take_up(&mut self, cx: &mut Context<'_>, next: Rc<RouteState>) -> Rc<RouteState> {
        self.change_filters(cx, &next);
        let before = std::mem::replace(&mut self.route, next);
        let (old, new) = (&before.route, &self.route.route);
        let (old_beat, new_beat) = (&old.heartbeat, &new.heartbeat);
        let has_moved = old.backend.authority != new.backend.authority;
        if (&old_beat.probe, &old_beat.probe_message) != (&new_beat.probe, &new_beat.probe_message) {
            self.begin_probing(cx);
        } else if old_beat.expect != new_beat.expect {
            self.arm_probe();
        }
        if has_moved {
            self.on_backend_moved(cx);
        }
        before
    }

    /// What filters keep of the session, and their timers, goes with them to their new places. Those that are gone are told;
    /// those that are new hear of the session with its next event.
    fn change_filters(&mut self, cx: &mut Context<'_>, next: &RouteState) {
        let places = self.route.chain.places_in(&next.chain);
        let reason = CloseReason { code: None, reason: "off the route".into() };
        for position in (0..places.len()).filter(|&position| places[position].is_none()) {
            self.ask_chain(cx, |chain, subject| chain.leave(subject, position, &reason));
        }
        let mut handles = next.chain.handles();
        for (handle, place) in self.handles.iter().zip(&places) {
            if let Some(place) = *place {
                handles[place] = *handle;
            }
        }
        self.handles = handles;
        move_timers(&mut self.facts, &places);
    }

    /// A held session need not wait for its backoff from the old address; a crowd of them does not come at once.
    fn on_backend_moved(&mut self, cx: &mut Context<'_>) {
        let wait = MOVED_OVER.mul_f64(cx.random.random());
        let State::Holding(holding) = &mut self.state else { return };
        if holding.redial == Redial::Wary {
            holding.redial = Redial::Waiting;
        }
        self.failures = 0;
        self.on_backend_back(cx, wait);
    }
}

fn move_timers(facts: &mut Facts, places: &[Option<usize>]) {
    if facts.inner().is_none_or(|facts| facts.timers.is_empty()) {
        return;
    }
    let timers = &mut facts.inner_mut().timers;
    *timers = timers
        .iter()
        .filter_map(|timer| Some(FilterTimer { position: places.get(timer.position).copied()??, ..*timer }))
        .collect();
}
