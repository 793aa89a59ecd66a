//! Visits to a worker's sessions, see [`crate::dataplane::visit`]: a slice of them is woken, and the next when all of it was
//! met, so that whatever else happens comes in between.

use std::rc::Rc;

use super::Worker;
use crate::dataplane::visit::{Round, SLICE, Visit};

impl Worker {
    /// Does what the visit asks for, events of sessions coming in between.
    pub async fn receive(&self, visit: Visit) {
        let Visit { from, places_max, visitor, done } = visit;
        let round = Round::new(visitor);
        let until = from.saturating_add(places_max);
        let mut place = from;
        let mut end = self.sessions.borrow().capacity();
        while place < end.min(until) && !round.is_enough() && !done.is_closed() {
            let next = place.saturating_add(SLICE).min(end);
            self.hand_out(place..next, &round);
            while Rc::strong_count(&round) > 1 {
                tokio::task::yield_now().await;
            }
            place = next;
            end = self.sessions.borrow().capacity();
        }
        drop(round);
        // An error means that whoever asked has gone.
        let _ = done.send((place < end).then_some(place));
    }

    fn hand_out(&self, places: std::ops::Range<usize>, round: &Rc<Round>) {
        let sessions = self.sessions.borrow();
        for entry in places.filter_map(|place| sessions.get(place)) {
            entry.order(|orders| orders.visitor = Some(Rc::clone(round)));
        }
    }
}
