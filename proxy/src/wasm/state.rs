//! What the host keeps beside an instance: the event that it is in, what it has left of its limits, and its handles of what
//! filters share. Lives in the instance's store and goes with it.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::context::Context;
use super::deadline::{Allowance, Deadline, Ruling, thread_cpu};
use super::services::{Count, SharedBreaker};
use super::stats::FilterStats;
use crate::dataplane::chain::Facts;
use crate::dataplane::trace::TraceContext;
use crate::gate::Gate;
use crate::id::SessionId;
use crate::limiter::Limiter;
use crate::time::Instant;

/// Elements of all tables of an instance: function pointers, mostly. Python's are about 30,000.
const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Core instances, memories and tables that one component may be made of. Python's is made of about forty.
const PARTS_MAX: usize = 256;

/// See the module.
pub(super) struct State {
    pub(super) context: Arc<Context>,
    pub(super) stats: Arc<FilterStats>,
    pub(super) phase: Phase,
    pub(super) now: Instant,
    /// The filter's place in the chain of the session of the event.
    pub(super) position: usize,
    /// The session's own while an event is about it; they change places for the call.
    pub(super) facts: Facts,
    pub(super) host_calls_left: u32,
    pub(super) deadline: Deadline,
    /// What the filter asked for in this event and may not have; the first of it.
    pub(super) misuse: Option<Box<str>>,
    pub(super) gate: Gate,
    pub(super) limiters: Vec<Arc<Limiter>>,
    pub(super) breakers: Vec<HeldBreaker>,
    pub(super) counts: Vec<Count>,
    pub(super) memory: Memory,
}

/// When a filter is being called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// While it is instantiated and configured: there is no session, and it may define limiters and breakers.
    Configure,
    /// In an event of this session.
    Event(SessionId, TraceContext),
    /// While it tells what it keeps of a session: for a successor, not in an event.
    Snapshot,
}

/// A breaker under the number that the instance knows it by, and the numbers of its keys.
pub(super) struct HeldBreaker {
    pub(super) shared: Arc<SharedBreaker>,
    pub(super) keys: HashMap<Box<str>, u32>,
}

/// What an instance has of linear memory and tables.
#[derive(Debug, Default)]
pub(super) struct Memory {
    bytes_max: usize,
    bytes: usize,
    table_elements: usize,
    /// It was refused more since the call began.
    pub(super) refused: bool,
}

/// The host's own end of a call that must not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it called the host more than {0} times in one event")]
pub(super) struct HostCallsExceeded(u32);

impl State {
    /// For an instance that is about to be made.
    pub(super) fn new(context: &Arc<Context>, stats: &Arc<FilterStats>, now: Instant) -> Self {
        Self {
            context: Arc::clone(context),
            stats: Arc::clone(stats),
            phase: Phase::Configure,
            now,
            position: 0,
            facts: Facts::default(),
            host_calls_left: context.limits.host_calls_max,
            deadline: Deadline::default(),
            misuse: None,
            gate: Gate::default(),
            limiters: Vec::new(),
            breakers: Vec::new(),
            counts: Vec::new(),
            memory: Memory { bytes_max: context.limits.memory_bytes_max, ..Memory::default() },
        }
    }

    /// An instance that was made aside comes to the worker that counts here.
    pub(super) fn count_in(&mut self, stats: &Arc<FilterStats>) {
        stats.memory_bytes.add(self.memory.bytes as u64);
        self.stats = Arc::clone(stats);
    }

    /// A call begins. The epochs that it may take before [`State::rule`] is asked.
    pub(super) fn begin(&mut self, allowance: Allowance) -> u64 {
        self.host_calls_left = self.context.limits.host_calls_max;
        self.misuse = None;
        self.memory.refused = false;
        self.deadline.arm(allowance)
    }

    /// The epochs are over.
    pub(super) fn rule(&mut self) -> Ruling {
        self.deadline.rule(thread_cpu())
    }

    /// Every import begins with this.
    pub(super) fn host_call(&mut self) -> Result<(), HostCallsExceeded> {
        match self.host_calls_left.checked_sub(1) {
            Some(left) => {
                self.host_calls_left = left;
                Ok(())
            }
            None => Err(HostCallsExceeded(self.context.limits.host_calls_max)),
        }
    }

    /// The filter asked for what it may not have: not done, and the event has failed.
    pub(super) fn misused(&mut self, what: impl Into<Box<str>>) {
        self.misuse.get_or_insert_with(|| what.into());
    }

    /// The session of the event, and its trace.
    pub(super) fn about(&self) -> Option<(SessionId, TraceContext)> {
        match self.phase {
            Phase::Configure | Phase::Snapshot => None,
            Phase::Event(session, trace) => Some((session, trace)),
        }
    }
}

impl Memory {
    /// In use now.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let memory = &mut self.memory;
        let bytes = memory.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > memory.bytes_max {
            memory.refused = true;
            return Ok(false);
        }
        memory.bytes = bytes;
        self.stats.memory_bytes.add((desired - current) as u64);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.memory.table_elements.saturating_add(desired.saturating_sub(current));
        let fits = elements <= TABLE_ELEMENTS_MAX;
        if fits {
            self.memory.table_elements = elements;
        } else {
            self.memory.refused = true;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.stats.memory_bytes.sub(self.memory.bytes as u64);
        super::services::log::write_thinned(&self.context.name, self.gate.untold());
    }
}
