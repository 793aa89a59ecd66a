//! A filter as one worker has it: one instance for all of the worker's sessions, replaced when it fails, and when there is a
//! newer version.

use std::sync::Arc;

use wasmtime::Store;

use super::context::Context;
use super::failure::{self, Kind};
use super::handshake;
use super::live::{HearsClose, Live, StartError};
use super::loaded::{Update, Updates, Version};
use super::moving::{Asking, Moving, Settled};
use super::program::Exports;
use super::services::log::{Admitted, Gate};
use super::state::State;
use super::stats;
use super::stats::FilterStats;
use super::throttle::Throttle;
use super::ticker::Beat;
use crate::dataplane::chain::{Call, FilterFailure, Handle, Renewal, Subscription};
use crate::time::Instant;

/// See the module.
pub(super) struct Instance {
    version: Arc<Version>,
    pub(super) context: Arc<Context>,
    pub(super) stats: Arc<FilterStats>,
    beat: Beat,
    updates: Updates,
    pub(super) subscription: Subscription,
    life: Life,
    moving: Moving,
    throttle: Throttle,
    failures_told: Gate,
}

enum Life {
    Running(Box<Live>),
    /// The last instance failed; not before this time is there another.
    Failed {
        next: Instant,
    },
}

impl Instance {
    /// Makes the first instance.
    pub(super) fn start(
        version: Arc<Version>,
        context: Arc<Context>,
        stats: Arc<FilterStats>,
        beat: Beat,
        updates: Updates,
        now: Instant,
    ) -> Result<Self, StartError> {
        let live = Live::start(&version.program, &context, &stats, &beat, now)?;
        Ok(Self {
            subscription: live.subscription,
            version,
            context,
            stats,
            beat,
            updates,
            life: Life::Running(Box::new(live)),
            moving: Moving::default(),
            throttle: Throttle::default(),
            failures_told: Gate::default(),
        })
    }

    /// An event of a session that the filter may not know yet: it is told first.
    pub(super) fn event<R>(
        &mut self,
        call: &mut Call<'_>,
        name: &'static str,
        run: impl FnOnce(&Exports, &mut Store<State>, u32) -> wasmtime::Result<R>,
    ) -> Result<R, FilterFailure> {
        let earlier = *call.handle;
        if self.open(call)? == Known::New {
            self.introduce(call, earlier)?;
        }
        self.call(call, name, run)
    }

    /// The session may come from an instance that this one took the place of, with what that kept of it.
    fn introduce(&mut self, call: &mut Call<'_>, earlier: Handle) -> Result<(), FilterFailure> {
        let asking = Asking { context: &self.context, beat: &self.beat, stats: &self.stats, now: call.now };
        let carried = self.moving.take(earlier, &asking);
        if let Some(state) = carried
            && self.restore(call, &state)? == Restored::Yes
        {
            return Ok(());
        }
        if self.subscription.handshake {
            let handshake = handshake::Owned::new(call.route, call.handshake);
            self.call(call, "on-reopen", |exports, store, slot| {
                handshake.with(|handshake| exports.filter.call_on_reopen(store, slot, handshake))
            })?;
        }
        Ok(())
    }

    fn restore(&mut self, call: &mut Call<'_>, carried: &[u8]) -> Result<Restored, FilterFailure> {
        let handshake = handshake::Owned::new(call.route, call.handshake);
        let restored = self.call(call, "restore", |exports, store, slot| match &exports.state {
            Some(state) => handshake.with(|handshake| state.call_restore(store, slot, handshake, carried)),
            None => Ok(Err("this version has no restore".to_owned())),
        });
        match restored {
            Ok(Ok(())) => {
                self.stats.states_carried.add(1);
                Ok(Restored::Yes)
            }
            Ok(Err(complaint)) => {
                self.stats.states_lost.add(1);
                if let Admitted::Write { thinned } = self.failures_told.admit(call.now) {
                    let (filter, session) = (&*self.context.name, call.handshake.session);
                    let cause = failure::one_line(&complaint);
                    tracing::warn!(filter, %session, cause, untold = thinned, "a filter did not take in a session's state");
                }
                Ok(Restored::No)
            }
            Err(failure) => {
                self.stats.states_lost.add(1);
                Err(failure)
            }
        }
    }

    /// See [`Filter::renew`](crate::dataplane::chain::Filter::renew).
    pub(super) fn renewed(&mut self, now: Instant) -> Renewal {
        if self.moving.settled() == Settled::NotYet {
            self.moving.turn(&Asking { context: &self.context, beat: &self.beat, stats: &self.stats, now });
            return Renewal::More;
        }
        match self.updates.take() {
            Some(update) => {
                self.take_up(update);
                Renewal::More
            }
            None => Renewal::Done,
        }
    }

    fn take_up(&mut self, update: Update) {
        let Update { version, mut live } = update;
        live.count_in(&self.stats);
        self.subscription = live.subscription;
        self.version = version;
        self.throttle = Throttle::default();
        let carries = live.exports.state.is_some();
        match std::mem::replace(&mut self.life, Life::Running(live)) {
            Life::Running(old) if carries => self.moving.retire(old),
            Life::Failed { .. } if carries => {}
            Life::Running(_) | Life::Failed { .. } => self.moving.give_up(&self.stats),
        }
    }

    /// Gives the session its slot, in a running instance.
    pub(super) fn open(&mut self, call: &mut Call<'_>) -> Result<Known, FilterFailure> {
        let live = match &mut self.life {
            Life::Running(live) => live,
            Life::Failed { next } => {
                let next = *next;
                self.restart(call, next)?
            }
        };
        if call.handle.generation == live.generation {
            return Ok(Known::Before);
        }
        *call.handle = Handle { generation: live.generation, slot: live.slots.take() };
        self.stats.sessions.add(1);
        Ok(Known::New)
    }

    #[cold]
    fn restart(&mut self, call: &Call<'_>, next: Instant) -> Result<&mut Box<Live>, FilterFailure> {
        if call.now < next {
            self.stats.throttled.add(1);
            self.stats.failures.add(1);
            let wait = next.since(call.now).as_millis();
            return Err(self.context.failure(format!("it keeps failing, and is tried again in {wait} ms")));
        }
        match Live::start(&self.version.program, &self.context, &self.stats, &self.beat, call.now) {
            Ok(live) => {
                self.stats.restarts.add(1);
                self.subscription = live.subscription;
                self.life = Life::Running(Box::new(live));
            }
            Err(error) => return Err(self.died(call, error.cause())),
        }
        match &mut self.life {
            Life::Running(live) => Ok(live),
            Life::Failed { .. } => Err(self.context.failure("it could not be started again")),
        }
    }

    /// One call into the running instance, for a session that has its slot.
    pub(super) fn call<R>(
        &mut self,
        call: &mut Call<'_>,
        name: &'static str,
        run: impl FnOnce(&Exports, &mut Store<State>, u32) -> wasmtime::Result<R>,
    ) -> Result<R, FilterFailure> {
        let Life::Running(live) = &mut self.life else {
            return Err(self.context.failure("it is not running"));
        };
        let calls = self.stats.calls.value();
        self.stats.calls.add(1);
        let timed = calls.is_multiple_of(stats::TIMED_ONE_IN).then(std::time::Instant::now);
        live.enter(call, self.context.limits.deadline);
        self.beat.begin();
        let result = run(&live.exports, &mut live.store, call.handle.slot);
        self.beat.end();
        let misuse = live.leave(call);
        if let Some(started) = timed {
            self.stats.timed_calls.add(1);
            self.stats.timed_nanos.add(started.elapsed().as_nanos() as u64);
        }
        match (result, misuse) {
            (Ok(answer), None) => Ok(answer),
            (Ok(_), Some(what)) => Err(self.misused(call, name, &what)),
            (Err(error), _) => Err(self.trapped(call, name, &error)),
        }
    }

    /// The call ended badly and left the instance unusable.
    #[cold]
    fn trapped(&mut self, call: &Call<'_>, name: &str, error: &wasmtime::Error) -> FilterFailure {
        self.stats.traps.add(1);
        if failure::kind(error) == Kind::Deadline {
            self.stats.deadlines.add(1);
        }
        let deadline_ms = self.context.limits.deadline.as_millis();
        let cause = match &self.life {
            Life::Running(live) => {
                failure::describe(name, error, &self.context, &live.store.data().memory, deadline_ms)
            }
            Life::Failed { .. } => error.to_string().into(),
        };
        self.died(call, cause)
    }

    /// Whether the session is open in the running instance, and wants to hear of its end.
    pub(super) fn closing(&self, handle: Handle) -> Closing {
        match &self.life {
            Life::Running(live) if live.generation == handle.generation => match live.hears_close {
                HearsClose::Yes => Closing::Told,
                HearsClose::No => Closing::Silent,
            },
            Life::Running(_) | Life::Failed { .. } => Closing::Unknown,
        }
    }

    /// The session's slot is free for another.
    pub(super) fn forget(&mut self, handle: &mut Handle) {
        if let Life::Running(live) = &mut self.life
            && live.generation == handle.generation
        {
            live.slots.give_back(handle.slot);
            self.stats.sessions.sub(1);
        } else {
            self.moving.forget(*handle);
        }
        *handle = Handle::default();
    }

    /// Frees all that the instance had, and says when there may be another.
    fn died(&mut self, call: &Call<'_>, cause: Box<str>) -> FilterFailure {
        self.life = Life::Failed { next: self.throttle.failed(call.now) };
        self.failed(call, cause)
    }

    /// The call ended well, but its answer or what it asked for is not allowed. The instance goes on.
    #[cold]
    pub(super) fn misused(&mut self, call: &Call<'_>, name: &str, what: &str) -> FilterFailure {
        self.stats.misuses.add(1);
        self.failed(call, format!("{name}: {what}").into())
    }

    fn failed(&mut self, call: &Call<'_>, cause: Box<str>) -> FilterFailure {
        self.stats.failures.add(1);
        if let Admitted::Write { thinned } = self.failures_told.admit(call.now) {
            let (filter, session, cause) = (&*self.context.name, call.handshake.session, &*cause);
            tracing::warn!(filter, %session, cause, policy = ?self.context.policy, untold = thinned, "a filter failed");
        }
        self.context.failure(cause)
    }
}

/// Whether the instance knew a session before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Before,
    New,
}

/// Whether a session goes on with what an earlier instance kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restored {
    Yes,
    No,
}

/// What the end of a session means to the running instance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It wants to be told.
    Told,
    /// It knows the session, and does not want to be told.
    Silent,
    /// It does not know the session.
    Unknown,
}
