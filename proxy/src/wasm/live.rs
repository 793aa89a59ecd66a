//! One running instance of a component: its store, its functions, its sessions' slots. When it goes, all of its memory goes.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use wasmtime::{Store, UpdateDeadline};

use super::abi::types;
use super::answer;
use super::context::{CONFIGURE_DEADLINE, Context};
use super::deadline::{Allowance, Ruling};
use super::failure;
use super::lives::Site;
use super::moving::STATE_BYTES_MAX;
use super::program::{Exports, InstantiateError, Program};
use super::slots::Slots;
use super::state::{Phase, State};
use super::stats::FilterStats;
use super::ticker::Beat;
use crate::dataplane::chain::{Call, Subscription};
use crate::time::Instant;

/// See the module.
pub(super) struct Live {
    pub(super) store: Store<State>,
    pub(super) exports: Exports,
    pub(super) slots: Slots,
    /// No other instance of the process has or had this number: a session's handle of another instance is known as such.
    pub(super) generation: u32,
    pub(super) subscription: Subscription,
    pub(super) hears_close: HearsClose,
    /// Linear memory, once it was configured.
    first_memory_bytes: usize,
    stats: Arc<FilterStats>,
}

/// Whether a filter subscribed to the end of sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HearsClose {
    Yes,
    No,
}

/// Why an instance did not come to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum StartError {
    /// The component's functions are not ours.
    Mismatch(Box<str>),
    /// `configure` does not accept the config.
    Refused(Box<str>),
    /// It trapped, took too long, or used too much.
    Failed(Box<str>),
}

impl StartError {
    /// On one line.
    pub(super) fn cause(self) -> Box<str> {
        match self {
            Self::Mismatch(cause) | Self::Failed(cause) => cause,
            Self::Refused(cause) => format!("configure: it no longer accepts its config: {cause}").into(),
        }
    }
}

impl Live {
    /// Instantiates and configures.
    pub(super) fn start(
        program: &Program,
        context: &Arc<Context>,
        stats: &Arc<FilterStats>,
        beat: &Beat,
        now: Instant,
    ) -> Result<Self, StartError> {
        let mut store = Store::new(program.engine(), State::new(context, stats, now));
        store.limiter(|state| state);
        // What one call may make the host copy. Nothing honest is larger than the memory it stands in; a list of empty
        // strings could be, many times over.
        store.set_hostcall_fuel(context.limits.memory_bytes_max);
        store.epoch_deadline_callback(|mut store| {
            Ok(match store.data_mut().rule() {
                Ruling::Continue(epochs) => UpdateDeadline::Continue(epochs),
                Ruling::Stop => UpdateDeadline::Interrupt,
            })
        });
        let epochs = store.data_mut().begin(Allowance::of(CONFIGURE_DEADLINE));
        store.set_epoch_deadline(epochs);
        beat.begin();
        let configured = program.instantiate(&mut store).map(|exports| {
            let answer = exports.filter.call_configure(&mut store, &context.config);
            (exports, answer)
        });
        beat.end();
        let failed = |call, error: &wasmtime::Error, store: &Store<State>| {
            let deadline_ms = CONFIGURE_DEADLINE.as_millis();
            StartError::Failed(failure::describe(call, error, context, &store.data().memory, deadline_ms))
        };
        let (exports, answer) = configured.map_err(|error| match error {
            InstantiateError::Failed(error) => failed("instantiation", &error, &store),
            InstantiateError::Mismatch(error) => StartError::Mismatch(format!("{error:#}").into()),
        })?;
        let answer = answer.map_err(|error| failed("configure", &error, &store))?;
        let asked =
            answer.map_err(|text| StartError::Refused(failure::one_line(&context.secrets.mask(&text)).into()))?;
        if let Some(what) = store.data_mut().misuse.take() {
            return Err(StartError::Failed(format!("configure: {what}").into()));
        }
        let hears_close = if asked.events.contains(types::Events::CLOSE) { HearsClose::Yes } else { HearsClose::No };
        let first_memory_bytes = store.data().memory.bytes();
        Ok(Self {
            store,
            first_memory_bytes,
            exports,
            slots: Slots::default(),
            generation: next_generation(),
            subscription: answer::subscription(asked),
            hears_close,
            stats: Arc::clone(stats),
        })
    }

    /// A call of this event begins: the session's facts move in.
    pub(super) fn enter(&mut self, call: &mut Call<'_>, allowance: Allowance) {
        let state = self.store.data_mut();
        let epochs = state.begin(allowance);
        state.phase = Phase::Event(call.handshake.session, call.handshake.trace);
        state.now = call.now;
        state.position = call.position;
        std::mem::swap(&mut state.facts, call.facts);
        self.store.set_epoch_deadline(epochs);
    }

    /// The call is over: the facts move back. What the filter may not have asked for, if anything.
    pub(super) fn leave(&mut self, call: &mut Call<'_>) -> Option<Box<str>> {
        let state = self.store.data_mut();
        std::mem::swap(&mut state.facts, call.facts);
        state.misuse.take()
    }
}

impl Live {
    /// It was made aside, and comes to the worker that counts here.
    pub(super) fn count_in(&mut self, stats: &Arc<FilterStats>) {
        self.store.data_mut().count_in(stats);
        self.stats = Arc::clone(stats);
    }

    /// Whether a fresh instance should take its place (`limits.recycle`). Never before it has doubled: one that needs that much
    /// from the start would be replaced at every event.
    pub(super) fn is_worn(&self, recycle_bytes: Option<usize>) -> bool {
        recycle_bytes.is_some_and(|bytes| self.store.data().memory.bytes() > bytes.max(self.first_memory_bytes * 2))
    }

    /// What it keeps of a session, for its successor. It is of no more use after an error.
    pub(super) fn snapshot(&mut self, slot: u32, site: &Site<'_>) -> Result<Option<Vec<u8>>, Box<str>> {
        let Some(state) = &self.exports.state else { return Ok(None) };
        let deadline = site.context.limits.deadline;
        let data = self.store.data_mut();
        let epochs = data.begin(site.context.allowance);
        data.phase = Phase::Snapshot;
        data.now = site.now;
        self.store.set_epoch_deadline(epochs);
        site.beat.begin();
        let answer = state.call_snapshot(&mut self.store, slot);
        site.beat.end();
        let data = self.store.data_mut();
        let misuse = data.misuse.take();
        let answer = answer
            .map_err(|error| failure::describe("snapshot", &error, site.context, &data.memory, deadline.as_millis()))?;
        match (misuse, answer) {
            (Some(what), _) => Err(format!("snapshot: {what}").into()),
            (None, Some(bytes)) if bytes.len() > STATE_BYTES_MAX => Err(format!(
                "snapshot: {} bytes of one session, and {STATE_BYTES_MAX} may be carried over",
                bytes.len()
            )
            .into()),
            (None, answer) => Ok(answer),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stats.sessions.sub(self.slots.taken());
    }
}

/// Zero is a session that was never opened.
pub(super) fn next_generation() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    loop {
        let generation = NEXT.fetch_add(1, Relaxed);
        if generation != 0 {
            return generation;
        }
    }
}
