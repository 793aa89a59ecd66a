//! Whether the process has memory for further clients: what it may use, what it uses, and whether newcomers are turned away.
//! Whoever measures says so here; whoever lets clients in asks, at the price of one load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Shared by all its clones. Without a budget there is always memory.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Figures>);

#[derive(Debug, Default)]
struct Figures {
    /// Zero if there is none.
    budget: AtomicU64,
    used: AtomicU64,
    is_short: AtomicBool,
}

/// What a measurement has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// From now on newcomers are turned away.
    Short,
    /// They are let in again.
    Enough,
}

impl Memory {
    /// Clients are let in again below this share of the budget, so that one who goes does not open the door for one moment.
    pub const ENOUGH: f64 = 0.95;

    /// From now on so many bytes; nothing: as many as there are.
    pub fn set_budget(&self, bytes: Option<u64>) {
        self.0.budget.store(bytes.unwrap_or(0), Relaxed);
    }

    /// So many bytes are used now.
    pub fn observe(&self, used: u64) -> Option<Turn> {
        self.0.used.store(used, Relaxed);
        let was_short = self.is_short();
        let is_short = match self.budget() {
            None => false,
            Some(budget) if was_short => used as f64 >= budget as f64 * Self::ENOUGH,
            Some(budget) => used > budget,
        };
        self.0.is_short.store(is_short, Relaxed);
        match (was_short, is_short) {
            (false, true) => Some(Turn::Short),
            (true, false) => Some(Turn::Enough),
            _ => None,
        }
    }

    /// Whether newcomers are turned away.
    pub fn is_short(&self) -> bool {
        self.0.is_short.load(Relaxed)
    }

    /// Bytes that may be used.
    pub fn budget(&self) -> Option<u64> {
        Some(self.0.budget.load(Relaxed)).filter(|&bytes| bytes > 0)
    }

    /// Bytes that were used when it was last measured.
    pub fn used(&self) -> u64 {
        self.0.used.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_are_turned_away_above_the_budget_until_a_twentieth_of_it_is_free() {
        let memory = Memory::default();
        assert_eq!(memory.observe(u64::MAX), None);
        memory.set_budget(Some(1000));
        for (used, turn) in [
            (1000, None),
            (1001, Some(Turn::Short)),
            (1500, None),
            (950, None),
            (949, Some(Turn::Enough)),
            (1000, None),
            (1001, Some(Turn::Short)),
        ] {
            assert_eq!((memory.observe(used), memory.used()), (turn, used));
        }
        assert!(memory.is_short());
        memory.set_budget(None);
        assert_eq!(memory.observe(1500), Some(Turn::Enough));
    }
}
