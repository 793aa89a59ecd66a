//! What an instance that was replaced by a newer version keeps of sessions, on its way to that. A session's state moves when
//! it is next heard of. What is left is asked for in turns, so that the old instance can go soon and no event waits long.

use std::collections::{HashMap, HashSet};

use super::live::Live;
use super::lives::{Settled, Site};
use super::stats::FilterStats;
use crate::dataplane::chain::Handle;

/// Bytes of one session's state, as `sdk/wit` has it. More is not carried over.
pub(super) const STATE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the states that wait for their sessions' next event, with their places, of one filter on one worker: small ones
/// of half a million sessions, or a thousand of the largest. What goes beyond is not carried over.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Sessions that are asked for in one turn: some ten microseconds.
const SESSIONS_A_TURN: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct Moving {
    retired: Option<Retired>,
    /// By the handle that the session still has.
    kept: HashMap<Handle, Box<[u8]>>,
    kept_bytes: usize,
}

/// An instance that no event goes to any more.
struct Retired {
    live: Box<Live>,
    /// Sessions to be asked for.
    waiting: Vec<u32>,
    /// Those of them that have moved already, or are over.
    gone: HashSet<u32>,
}

impl Moving {
    /// The instance has a successor that takes its state. Only when settled.
    pub(super) fn retire(&mut self, live: Box<Live>) {
        if live.exports.state.is_some() {
            let waiting = live.slots.list();
            self.retired = Some(Retired { live, waiting, gone: HashSet::new() });
        }
    }

    /// The successor takes no state.
    pub(super) fn give_up(&mut self, stats: &FilterStats) {
        stats.states_lost.add(self.kept.len() as u64);
        *self = Self::default();
    }

    /// Whether the last instance that was retired is gone.
    pub(super) fn settled(&self) -> Settled {
        if self.retired.is_some() { Settled::NotYet } else { Settled::Yes }
    }

    /// Asks for some more sessions.
    pub(super) fn turn(&mut self, site: &Site<'_>) {
        for _ in 0..SESSIONS_A_TURN {
            let Some(retired) = &mut self.retired else { return };
            let generation = retired.live.generation;
            match retired.waiting.pop() {
                None => self.retired = None,
                Some(slot) if retired.gone.contains(&slot) => {}
                Some(slot) => {
                    if let Some(state) = self.ask(slot, site) {
                        self.keep(Handle { generation, slot }, state, site);
                    }
                }
            }
        }
    }

    /// What was kept of the session that had this handle, which is over with it.
    pub(super) fn take(&mut self, handle: Handle, site: &Site<'_>) -> Option<Box<[u8]>> {
        if self.is_waiting(handle) {
            let state = self.ask(handle.slot, site);
            self.forget(handle);
            return state;
        }
        let state = self.kept.remove(&handle)?;
        self.kept_bytes -= cost(&state);
        Some(state)
    }

    /// The session is over.
    pub(super) fn forget(&mut self, handle: Handle) {
        if self.is_waiting(handle) {
            if let Some(retired) = &mut self.retired {
                retired.gone.insert(handle.slot);
            }
        } else if let Some(state) = self.kept.remove(&handle) {
            self.kept_bytes -= cost(&state);
        }
    }

    fn is_waiting(&self, handle: Handle) -> bool {
        self.retired
            .as_ref()
            .is_some_and(|retired| retired.live.generation == handle.generation && !self.kept.contains_key(&handle))
    }

    fn ask(&mut self, slot: u32, site: &Site<'_>) -> Option<Box<[u8]>> {
        let retired = self.retired.as_mut()?;
        let state = retired.live.snapshot(slot, site);
        match state {
            Ok(state) => state.map(Into::into),
            Err(cause) => {
                let left = retired.waiting.iter().filter(|slot| !retired.gone.contains(slot)).count() + 1;
                site.stats.states_lost.add(left as u64);
                tracing::warn!(
                    filter = &*site.context.name, %cause, sessions = left,
                    "a filter that was replaced failed on snapshot: these sessions are opened again without their state"
                );
                self.retired = None;
                None
            }
        }
    }

    fn keep(&mut self, handle: Handle, state: Box<[u8]>, site: &Site<'_>) {
        if self.kept_bytes + cost(&state) > KEPT_BYTES_MAX {
            site.stats.states_lost.add(1);
            return;
        }
        self.kept_bytes += cost(&state);
        self.kept.insert(handle, state);
    }
}

/// With its place in the table.
fn cost(state: &[u8]) -> usize {
    state.len() + size_of::<(Handle, Box<[u8]>)>()
}
