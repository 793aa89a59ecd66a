//! A filter as one worker has it: calls its running instances, counts what comes of it, and takes up newer versions. Which
//! instance a session's events go to is `lives`'.

use std::sync::Arc;

use wasmtime::Store;

use super::context::Context;
use super::failure;
use super::handshake;
use super::live::{HearsClose, Live, StartError};
use super::lives::{Isolated, Knows, Lives, OpenError, Opened, Settled, Shared, Site};
use super::loaded::{Updates, Version};
use super::program::Exports;
use super::state::State;
use super::stats;
use super::stats::FilterStats;
use super::ticker::Beat;
use crate::dataplane::chain::{Call, FailureKind, FilterFailure, Handle, Renewal, Subscription};
use crate::dataplane::route::Isolation;
use crate::gate::{Admitted, Gate};
use crate::time::Instant;

/// See the module.
pub(super) struct Instance {
    version: Arc<Version>,
    pub(super) context: Arc<Context>,
    pub(super) stats: Arc<FilterStats>,
    beat: Beat,
    updates: Updates,
    pub(super) subscription: Subscription,
    lives: Lives,
    pub(super) answers_told: Gate,
    told: Told,
}

impl Instance {
    /// Makes the first instance, if all sessions share it.
    pub(super) fn start(
        version: Arc<Version>,
        stats: Arc<FilterStats>,
        beat: Beat,
        updates: Updates,
        now: Instant,
    ) -> Result<Self, StartError> {
        let context = Arc::clone(&version.context);
        let lives = match context.isolation {
            Isolation::Shared => {
                Lives::Shared(Box::new(Shared::new(Live::start(&version.program, &context, &stats, &beat, now)?)))
            }
            Isolation::Session => Lives::Isolated(Isolated::default()),
        };
        Ok(Self {
            subscription: version.subscription,
            version,
            context,
            stats,
            beat,
            updates,
            lives,
            answers_told: Gate::default(),
            told: Told::default(),
        })
    }

    /// An event of a session that the filter may not know yet: it is told first.
    pub(super) fn event<R>(
        &mut self,
        call: &mut Call<'_>,
        name: &'static str,
        run: impl FnOnce(&Exports, &mut Store<State>, u32) -> wasmtime::Result<R>,
    ) -> Result<R, FilterFailure> {
        if self.lives.knows(*call.handle, &self.version) == Knows::No
            && let Opened::Anew { carried } = self.open(call)?
        {
            self.introduce(call, carried)?;
        }
        self.call(call, name, run)
    }

    /// The session may come from an instance that this one took the place of, with what that kept of it.
    fn introduce(&mut self, call: &mut Call<'_>, carried: Option<Box<[u8]>>) -> Result<(), FilterFailure> {
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
        let services = Arc::clone(&self.context.services);
        let carried = services.surroundings.carried(call.handshake.session, carried);
        let restored = self.call(call, "restore", |exports, store, slot| match &exports.state {
            Some(state) => handshake.with(|handshake| state.call_restore(store, slot, handshake, &carried)),
            None => Ok(Err("this version has no restore".to_owned())),
        });
        match restored {
            Ok(Ok(())) => {
                self.stats.states_carried.add(1);
                Ok(Restored::Yes)
            }
            Ok(Err(complaint)) => {
                self.stats.states_lost.add(1);
                if let Admitted::Write { thinned } = self.told.states.admit(call.now) {
                    let (filter, session) = (&*self.context.name, call.handshake.session);
                    let (cause, trace_id) = (failure::one_line(&complaint), call.handshake.trace.logged());
                    tracing::warn!(filter, %session, trace_id, cause, untold = thinned, "a filter did not take in a session's state");
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
        let Self { version, context, stats, beat, .. } = self;
        let site = Site { version, context, stats, beat, now };
        if self.lives.settle(&site) == Settled::NotYet {
            return Renewal::More;
        }
        match self.updates.take() {
            Some(update) => {
                self.version = Arc::clone(&update.version);
                self.context = Arc::clone(&self.version.context);
                self.subscription = self.version.subscription;
                self.lives.take_up(update, &self.stats);
                Renewal::More
            }
            None => Renewal::Done,
        }
    }

    /// Gives the session its place in a running instance.
    pub(super) fn open(&mut self, call: &mut Call<'_>) -> Result<Opened, FilterFailure> {
        let Self { version, context, stats, beat, .. } = self;
        let site = Site { version, context, stats, beat, now: call.now };
        let opened = self.lives.open(call.handle, &site);
        opened.map_err(|error| match error {
            OpenError::Throttled(wait) => {
                self.stats.throttled.add(1);
                self.stats.failures.add(1);
                let cause = format!("it keeps failing, and is tried again in {} ms", wait.as_millis());
                self.context.failure(FailureKind::Unavailable, cause)
            }
            OpenError::Start(error) => self.failed(call, FailureKind::Unavailable, error.cause()),
            OpenError::Full { instances_max } => {
                self.stats.instances_refused.add(1);
                let cause =
                    format!("{instances_max} sessions have an instance of it, and no more may (limits.instances)");
                self.failed(call, FailureKind::Unavailable, cause.into())
            }
        })
    }

    /// One call into the running instance, for a session that has its slot.
    pub(super) fn call<R>(
        &mut self,
        call: &mut Call<'_>,
        name: &'static str,
        run: impl FnOnce(&Exports, &mut Store<State>, u32) -> wasmtime::Result<R>,
    ) -> Result<R, FilterFailure> {
        let Some((live, slot)) = self.lives.find(*call.handle) else {
            return Err(self.context.failure(FailureKind::Unavailable, "it is not running"));
        };
        let calls = self.stats.calls.value();
        self.stats.calls.add(1);
        let timed = calls.is_multiple_of(stats::TIMED_ONE_IN).then(std::time::Instant::now);
        live.enter(call, self.context.allowance);
        self.beat.begin();
        let result = run(&live.exports, &mut live.store, slot);
        self.beat.end();
        let misuse = live.leave(call);
        if let Some(started) = timed {
            self.stats.count_time(started.elapsed().as_nanos() as u64);
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
        let kind = failure::kind(error);
        if kind == FailureKind::Deadline {
            self.stats.deadlines.add(1);
        }
        let deadline_ms = self.context.limits.deadline.as_millis();
        let cause = match self.lives.find(*call.handle) {
            Some((live, _)) => failure::describe(name, error, &self.context, &live.store.data().memory, deadline_ms),
            None => error.to_string().into(),
        };
        self.lives.died(*call.handle, call.now);
        self.failed(call, kind, cause)
    }

    /// Whether the session is open in a running instance that wants to hear of its end.
    pub(super) fn closing(&mut self, handle: Handle) -> Closing {
        match self.lives.find(handle) {
            Some((live, _)) => match live.hears_close {
                HearsClose::Yes => Closing::Told,
                HearsClose::No => Closing::Silent,
            },
            None => Closing::Unknown,
        }
    }

    /// The session's place is free for another.
    pub(super) fn forget(&mut self, handle: &mut Handle) {
        self.lives.forget(*handle, &self.stats);
        *handle = Handle::default();
    }

    /// The call ended well, but its answer or what it asked for is not allowed. The instance goes on.
    #[cold]
    pub(super) fn misused(&mut self, call: &Call<'_>, name: &str, what: &str) -> FilterFailure {
        self.stats.misuses.add(1);
        self.failed(call, FailureKind::Misuse, format!("{name}: {what}").into())
    }

    fn failed(&mut self, call: &Call<'_>, kind: FailureKind, cause: Box<str>) -> FilterFailure {
        self.stats.failures.add(1);
        if let Admitted::Write { thinned } = self.told.gate(kind).admit(call.now) {
            let (filter, session, cause) = (&*self.context.name, call.handshake.session, &*cause);
            let (kind, policy, trace_id) = (kind.label(), &self.context.policy, call.handshake.trace.logged());
            tracing::warn!(filter, %session, trace_id, kind, cause, ?policy, untold = thinned, "a filter failed");
        }
        self.context.failure(kind, cause)
    }
}

/// How much has been said of each kind of failure: a flood of one must not hide the others.
#[derive(Default)]
struct Told {
    traps: Gate,
    deadlines: Gate,
    misuses: Gate,
    unavailable: Gate,
    states: Gate,
}

impl Told {
    fn gate(&mut self, kind: FailureKind) -> &mut Gate {
        match kind {
            FailureKind::Trap => &mut self.traps,
            FailureKind::Deadline => &mut self.deadlines,
            FailureKind::Misuse => &mut self.misuses,
            FailureKind::Unavailable => &mut self.unavailable,
        }
    }
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
