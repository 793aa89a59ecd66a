//! Keeps the process within its memory: finds what it may use, measures what it uses, and has newcomers turned away while that
//! is too much. What is open stays open.

mod cgroup;

use std::time::Duration;

use tracing::{info, warn};

use crate::admin::resident_bytes;
use crate::dataplane::memory::{Memory, Turn};
use crate::dataplane::route::MemoryBudget;

/// Of what the container may use. The rest is for what the kernel counts against it beside our own pages: the buffers of
/// sockets, above all, and for what comes between two measurements.
const SHARE_OF_CONTAINER: f64 = 0.8;
/// While most of the budget is free it is looked at less often: five thousand new sessions a second take no more than a fifth
/// of 256 MiB meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_CLOSELY_EVERY: Duration = Duration::from_millis(100);
const CLOSE: f64 = 0.5;

/// What it comes to, in bytes. Nothing: no limit.
pub(super) fn of_process(configured: MemoryBudget) -> Option<u64> {
    match configured {
        MemoryBudget::Bytes(bytes) => Some(bytes),
        MemoryBudget::Unlimited => None,
        MemoryBudget::OfContainer => cgroup::limit().map(|limit| (limit as f64 * SHARE_OF_CONTAINER) as u64),
    }
}

/// Measures from now on, on a thread of its own, to the end of the process.
pub(super) fn watch(configured: MemoryBudget) -> std::io::Result<Memory> {
    let memory = Memory::default();
    memory.set_budget(of_process(configured));
    look(&memory);
    match memory.budget() {
        Some(bytes) => info!(bytes, used = memory.used(), "newcomers are turned away when this much memory is used"),
        None => info!("memory is not limited: newcomers are never turned away for want of it"),
    }
    let watched = memory.clone();
    std::thread::Builder::new().name("belay-memory".into()).spawn(move || {
        loop {
            std::thread::sleep(match watched.budget() {
                Some(budget) if watched.used() as f64 > budget as f64 * CLOSE => LOOK_CLOSELY_EVERY,
                _ => LOOK_EVERY,
            });
            look(&watched);
        }
    })?;
    Ok(memory)
}

fn look(memory: &Memory) {
    // What the kernel ends us by, less its own buffers. The allocator's view would leave out filters' memories.
    let Some(used) = resident_bytes() else { return };
    let turn = memory.observe(used);
    let budget = memory.budget().unwrap_or_default();
    match turn {
        Some(Turn::Short) => warn!(
            used,
            budget,
            "the memory budget is used: newcomers are turned away, sessions go on; raise limits.memory, or run more of us"
        ),
        Some(Turn::Enough) => info!(used, budget, "there is memory again: newcomers are let in"),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_seen_to_grow() {
        let before = resident_bytes().unwrap();
        let taken = vec![1_u8; 64 << 20];
        let after = resident_bytes().unwrap();
        assert!(after >= before + (48 << 20), "{before} and then {after}, with {} more", taken.len());
    }

    #[test]
    fn a_budget_that_is_given_is_taken_as_it_is() {
        assert_eq!(of_process(MemoryBudget::Bytes(7)), Some(7));
        assert_eq!(of_process(MemoryBudget::Unlimited), None);
    }
}
