//! A worker's going away: its sessions are told to end one after the other, those first that have no backend; who comes or
//! loses its backend meanwhile joins the line. For how long sockets stay open is the app's.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Command, SessionKey, Worker};
use crate::dataplane::drain::Drain;
use crate::time::Instant;

/// Nothing happens to it until the worker departs.
#[derive(Default)]
pub(super) struct Departure {
    /// There from the beginning of the departure on.
    line: RefCell<Option<Line>>,
    begun: Notify,
    /// Somebody joined the line, or left it.
    changed: Notify,
}

/// Who is to be told, each once, and when.
struct Line {
    order: VecDeque<SessionKey>,
    known: HashSet<SessionKey>,
    /// Between two that are told.
    spacing: Duration,
    due: Instant,
    /// Nobody stood in it when it was last looked at. Whoever comes then is told, and the next a spacing later; else each is
    /// told a spacing after the one before was *due*, as timers are late by a millisecond or more, which would add up.
    rests: bool,
    /// Whoever has a backend is left to it until then; never again once all have joined.
    all_at: Instant,
}

/// What is to be done.
#[derive(PartialEq, Eq, Debug)]
enum Step {
    /// This session is told.
    Tell(SessionKey),
    /// All sessions join.
    JoinAll,
    /// Nothing until then, unless the line changes.
    Wait(Instant),
}

impl Line {
    /// So many sessions are told evenly over the drain's time.
    fn new(drain: &Drain, sessions: usize, now: Instant) -> Self {
        let spacing = drain.over.checked_div(u32::try_from(sessions).unwrap_or(u32::MAX)).unwrap_or_default();
        let all_at = now + drain.wait_for_backend;
        Self { order: VecDeque::new(), known: HashSet::new(), spacing, due: now, rests: true, all_at }
    }

    fn join(&mut self, key: SessionKey) {
        if self.known.insert(key) {
            self.order.push_back(key);
        }
    }

    fn poll_step(&mut self, now: Instant) -> Step {
        if now >= self.all_at {
            self.all_at = Instant::NEVER;
            return Step::JoinAll;
        }
        if self.order.is_empty() {
            self.rests = true;
            return Step::Wait(self.all_at);
        }
        if now < self.due {
            return Step::Wait(self.due.min(self.all_at));
        }
        let since = if std::mem::take(&mut self.rests) { now } else { self.due };
        self.due = since + self.spacing;
        self.order.pop_front().map_or(Step::Wait(self.all_at), Step::Tell)
    }
}

impl Departure {
    /// If there is a line, this session is in it from now on.
    pub(super) fn join(&self, key: SessionKey) {
        if let Some(line) = &mut *self.line.borrow_mut() {
            line.join(key);
            self.changed.notify_one();
        }
    }

    /// The session is over; another may have its place.
    pub(super) fn leave(&self, key: SessionKey) {
        if let Some(line) = &mut *self.line.borrow_mut() {
            line.known.remove(&key);
            self.changed.notify_one();
        }
    }
}

impl Worker {
    /// Ends every session as the policy says, and returns when there is none.
    pub async fn depart(&self, drain: &Drain) {
        self.begin_departure(drain, Instant::now());
        while self.sessions() > 0 {
            let now = Instant::now();
            let step = self.departure.line.borrow_mut().as_mut().map(|line| line.poll_step(now));
            match step {
                Some(Step::Tell(key)) => {
                    let farewell = drain.farewell(&mut *self.random.borrow_mut());
                    self.tell(key, Command::Shutdown(farewell));
                }
                Some(Step::JoinAll) => {
                    self.sessions.borrow().iter().for_each(|(key, _)| self.departure.join(SessionKey(key)));
                }
                Some(Step::Wait(Instant::NEVER)) | None => self.departure.changed.notified().await,
                Some(Step::Wait(until)) => {
                    tokio::select! {
                        () = self.departure.changed.notified() => {}
                        () = tokio::time::sleep(until.since(now)) => {}
                    }
                }
            }
        }
    }

    /// Those that wait for a backend now are the first in the line.
    fn begin_departure(&self, drain: &Drain, now: Instant) {
        self.departure.line.replace(Some(Line::new(drain, self.sessions(), now)));
        self.departure.begun.notify_waiters();
        self.waiting.borrow().values().flatten().for_each(|&key| self.departure.join(key));
    }

    /// Returns when the worker departs, at once if it does already.
    pub async fn departs(&self) {
        // Before it is looked at: what begins in between is noticed.
        let begun = self.departure.begun.notified();
        if self.departure.line.borrow().is_none() {
            begun.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionKey = SessionKey(0);
    const B: SessionKey = SessionKey(1);
    const C: SessionKey = SessionKey(2);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn line(over_ms: u64, wait_ms: u64) -> Line {
        let (over, wait_for_backend) = (Duration::from_millis(over_ms), Duration::from_millis(wait_ms));
        Line::new(&Drain { over, wait_for_backend, ..Drain::default() }, 3, at(0))
    }

    #[test]
    fn sessions_are_told_one_after_the_other_and_those_without_a_backend_first() {
        let mut line = line(300, 0);
        line.join(C);
        assert_eq!(line.poll_step(at(0)), Step::JoinAll);
        [A, B, C].into_iter().for_each(|key| line.join(key));
        for (millis, key) in [(0, C), (100, A), (200, B)] {
            assert_eq!(line.poll_step(at(millis)), Step::Tell(key));
            if key != B {
                assert_eq!(line.poll_step(at(millis + 1)), Step::Wait(at(millis + 100)));
            }
        }
        assert_eq!(line.poll_step(at(200)), Step::Wait(Instant::NEVER));
    }

    #[test]
    fn a_session_is_left_to_its_backend_until_it_loses_it_or_the_time_is_up() {
        let mut line = line(30, 10_000);
        assert_eq!(line.poll_step(at(0)), Step::Wait(at(10_000)));
        line.join(B);
        line.join(B);
        assert_eq!(line.poll_step(at(5_000)), Step::Tell(B));
        assert_eq!(line.poll_step(at(5_001)), Step::Wait(at(10_000)));
        assert_eq!(line.poll_step(at(10_000)), Step::JoinAll);
        [A, B].into_iter().for_each(|key| line.join(key));
        assert_eq!(line.poll_step(at(10_000)), Step::Tell(A));
        assert_eq!(line.poll_step(at(10_010)), Step::Wait(Instant::NEVER));
    }

    #[test]
    fn a_crowd_that_loses_its_backend_at_once_is_told_one_after_the_other() {
        let mut line = line(300, 10_000);
        [A, B, C].into_iter().for_each(|key| line.join(key));
        assert_eq!(line.poll_step(at(2_000)), Step::Tell(A));
        assert_eq!(line.poll_step(at(2_001)), Step::Wait(at(2_100)));
        assert_eq!(line.poll_step(at(2_100)), Step::Tell(B));
    }

    #[test]
    fn timers_that_are_late_make_a_drain_no_longer() {
        let mut line = Line::new(&Drain { over: Duration::from_secs(1), ..Drain::default() }, 1_000, at(0));
        assert_eq!(line.poll_step(at(0)), Step::JoinAll);
        (0..1_000).for_each(|key| line.join(SessionKey(key)));
        let mut told = 0;
        for millis in (0..=1_001).step_by(7) {
            while let Step::Tell(_) = line.poll_step(at(millis)) {
                told += 1;
            }
            assert_eq!(told, (millis + 1).min(1_000), "after {millis} ms");
        }
        assert_eq!(told, 1_000);
    }

    #[test]
    fn whoever_comes_to_a_place_that_was_left_is_told_too() {
        let departure = Departure::default();
        departure.join(A);
        departure.line.replace(Some(line(0, 0)));
        let step = |millis| departure.line.borrow_mut().as_mut().unwrap().poll_step(at(millis));
        assert_eq!(step(0), Step::JoinAll);
        departure.join(A);
        assert_eq!(step(1), Step::Tell(A));
        departure.leave(A);
        departure.join(A);
        assert_eq!(step(2), Step::Tell(A));
    }
}
