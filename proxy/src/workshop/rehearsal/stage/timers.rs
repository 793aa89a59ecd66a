//! Time passes: what is due is called at its time.

use std::time::Duration;

use super::{Difference, Stage, impossible};
use crate::dataplane::chain::FilterTimer;
use crate::time::Instant;
use crate::workshop::rehearsal::{compare, say};
use crate::workshop::script::{Event, Fire};

/// Timers that may fire in one step: one that sets itself anew at once would never end.
const FIRES_MAX: usize = 100_000;

impl Stage<'_> {
    /// Timers are called in the order of their times, those of one time in the order of their sessions' names.
    pub(super) fn advance(&mut self, by: Duration, wanted: Option<&[Fire]>) -> Result<(), Vec<Difference>> {
        let (began, until) = (self.now, self.now + by);
        let mut wanted_in_turn = wanted.map(<[Fire]>::iter);
        for _ in 0..FIRES_MAX {
            let Some((session, due)) = self.next_timer(until) else {
                self.set_now(until);
                let left = wanted_in_turn.and_then(|mut wanted| wanted.next());
                return left.map_or(Ok(()), |fire| {
                    Err(vec![Difference::new("the timers", say::fire(fire), "no further timer is due")])
                });
            };
            self.set_now(due.at.max(self.now));
            let answer = self.call(&session, |filter, call| filter.on_timer(call, due.timer))?;
            let got = self.reacted(&session, answer);
            let fire = wanted_in_turn.as_mut().map(Iterator::next);
            let after = self.now.since(began);
            let difference = match fire {
                None => compare::answer(None, &got, &Event::Advance { by, fires: None }),
                Some(None) => Some(Difference::new("the timers", "no further timer is due", "")),
                Some(Some(fire)) => compare::fire(fire, &session, due.timer, after, &got),
            };
            if let Some(mut difference) = difference {
                let what = format!("timer {} of '{session}' after {}: ", due.timer, say::duration(after));
                difference.got = what + &compare::in_words(&got);
                return Err(vec![difference]);
            }
        }
        Err(vec![impossible(&format!("more than {FIRES_MAX} timers became due"))])
    }

    /// The first that is due by then; its session knows it no more.
    fn next_timer(&mut self, until: Instant) -> Option<(Box<str>, FilterTimer)> {
        let due = self.sessions.iter().filter_map(|(name, actor)| Some((actor.solo.facts.next_timer()?, name)));
        let due = due.filter(|(timer, _)| timer.at <= until);
        let (timer, session) = due.min_by_key(|(timer, name)| (timer.at, (*name).clone()))?;
        let session = session.clone();
        let actor = self.sessions.get_mut(&session)?;
        actor.solo.facts.inner_mut().timers.retain(|known| *known != timer);
        Some((session, timer))
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.scripted.set_now(now);
    }
}
