//! Wakes sessions: one hierarchical timing wheel a worker (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels",
//! 1987), with 12 bytes an entry and no allocation to arm one. It has no clock of its own; what to do with a key that is
//! due is the worker's.

use std::time::Duration;

use crate::time::Instant;

/// The resolution: an entry fires up to this much late, never early.
pub const TICK: Duration = Duration::from_millis(4);

const TICK_MICROS: u64 = TICK.as_micros() as u64;
const SLOTS: usize = 64;
const SLOT_BITS: u32 = 6;
/// 64⁵ ticks are 49 days; what is later waits in the last level and is looked at again.
const LEVELS: usize = 5;

/// Marks the absence of a neighbour.
const NONE: u32 = u32::MAX;
/// In `previous`: the entry is the first of this slot. Keys stay below it.
const HEAD: u32 = 1 << 31;

/// A key's place in the wheel. The key is its index.
#[derive(Clone, Copy)]
struct Entry {
    next: u32,
    /// The previous key, or `HEAD | level and slot`, or `NONE` when not armed.
    previous: u32,
    /// In ticks.
    deadline: u32,
}

const UNARMED: Entry = Entry { next: NONE, previous: NONE, deadline: 0 };

/// See the module. Keys are small dense numbers, as a slab gives them.
pub struct Wheel {
    entries: Vec<Entry>,
    heads: [[u32; SLOTS]; LEVELS],
    /// A bit for each slot that has entries.
    occupied: [u64; LEVELS],
    /// All ticks before this one have fired.
    tick: u32,
    /// Keys that are armed.
    armed: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { entries: Vec::new(), heads: [[NONE; SLOTS]; LEVELS], occupied: [0; LEVELS], tick: 0, armed: 0 }
    }
}

impl Wheel {
    /// Fires `key` at `deadline`, in place of an earlier arming.
    pub fn arm(&mut self, key: usize, deadline: Instant) {
        debug_assert!(key < HEAD as usize);
        if key >= self.entries.len() {
            self.entries.resize(key + 1, UNARMED);
        }
        self.unlink(key as u32);
        let ticks = deadline.as_micros().div_ceil(TICK_MICROS);
        self.entries[key].deadline = u32::try_from(ticks).unwrap_or(u32::MAX - 1);
        self.link(key as u32);
        self.armed += 1;
    }

    /// Forgets `key`.
    pub fn disarm(&mut self, key: usize) {
        if key < self.entries.len() {
            self.unlink(key as u32);
        }
    }

    /// How many keys are armed.
    pub fn armed(&self) -> usize {
        self.armed
    }

    /// When to call [`Wheel::advance`] next; it may turn out that nothing is due then.
    pub fn next_wake(&self) -> Option<Instant> {
        let tick = (0..LEVELS).filter_map(|level| self.next_occupied(level)).min()?;
        Some(Instant::ZERO + Duration::from_micros(u64::from(tick) * TICK_MICROS))
    }

    /// Hands every key that is due at `now` to `fire`. A key is not armed any more when it is handed over.
    pub fn advance(&mut self, now: Instant, mut fire: impl FnMut(usize)) {
        let target = u32::try_from(now.as_micros() / TICK_MICROS).unwrap_or(u32::MAX - 1);
        while self.tick <= target {
            // Nothing stands between here and the next occupied slot: go there at once.
            let next = (0..LEVELS).filter_map(|level| self.next_occupied(level)).min();
            match next {
                Some(next) if next <= target => self.tick = next.max(self.tick),
                _ => {
                    self.tick = target + 1;
                    return;
                }
            }
            for level in (1..LEVELS).rev() {
                if self.tick.trailing_zeros() >= SLOT_BITS * level as u32 {
                    self.cascade(level);
                }
            }
            let slot = slot_of(self.tick, 0);
            let mut key = std::mem::replace(&mut self.heads[0][slot], NONE);
            self.occupied[0] &= !(1 << slot);
            self.tick += 1;
            while key != NONE {
                let entry = std::mem::replace(&mut self.entries[key as usize], UNARMED);
                self.armed -= 1;
                fire(key as usize);
                key = entry.next;
            }
        }
    }

    /// The tick at which this level's next occupied slot comes up.
    fn next_occupied(&self, level: usize) -> Option<u32> {
        let occupied = self.occupied[level];
        if occupied == 0 {
            return None;
        }
        let width = SLOT_BITS * level as u32;
        let position = self.tick >> width;
        // A higher level's current slot is emptied when its first tick comes; past that it stands for the next turn.
        let current = (position << width) == self.tick;
        let start = if level == 0 || current { position } else { position + 1 };
        let away = occupied.rotate_right(start % SLOTS as u32).trailing_zeros();
        Some(start.saturating_add(away).checked_shl(width).unwrap_or(u32::MAX))
    }

    /// Spreads the slot of `level` that begins at the current tick over the lower levels.
    fn cascade(&mut self, level: usize) {
        let slot = slot_of(self.tick, level);
        let mut key = std::mem::replace(&mut self.heads[level][slot], NONE);
        self.occupied[level] &= !(1 << slot);
        while key != NONE {
            let next = self.entries[key as usize].next;
            self.link(key);
            key = next;
        }
    }

    fn link(&mut self, key: u32) {
        let deadline = self.entries[key as usize].deadline.max(self.tick);
        let away = deadline - self.tick;
        let level = (0..LEVELS - 1).find(|&level| away >> (SLOT_BITS * (level as u32 + 1)) == 0).unwrap_or(LEVELS - 1);
        // The farthest slot of the last level stands for all that is later still.
        let reach = (1u32 << (SLOT_BITS * LEVELS as u32)) - (1 << (SLOT_BITS * (LEVELS as u32 - 1)));
        let slot = slot_of(self.tick + away.min(reach - 1), level);
        let head = std::mem::replace(&mut self.heads[level][slot], key);
        self.occupied[level] |= 1 << slot;
        if head != NONE {
            self.entries[head as usize].previous = key;
        }
        let entry = &mut self.entries[key as usize];
        entry.next = head;
        entry.previous = HEAD | (level * SLOTS + slot) as u32;
    }

    fn unlink(&mut self, key: u32) {
        let Entry { next, previous, .. } = self.entries[key as usize];
        if previous == NONE {
            return;
        }
        self.armed -= 1;
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if previous & HEAD == 0 {
            self.entries[previous as usize].next = next;
        } else {
            let place = (previous & !HEAD) as usize;
            let (level, slot) = (place / SLOTS, place % SLOTS);
            self.heads[level][slot] = next;
            if next == NONE {
                self.occupied[level] &= !(1 << slot);
            }
        }
        self.entries[key as usize] = UNARMED;
    }
}

fn slot_of(tick: u32, level: usize) -> usize {
    (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn fired(wheel: &mut Wheel, now: Instant) -> Vec<usize> {
        let mut keys = Vec::new();
        wheel.advance(now, |key| keys.push(key));
        keys.sort_unstable();
        keys
    }

    #[test]
    fn a_key_fires_once_and_not_early() {
        let mut wheel = Wheel::default();
        wheel.arm(3, at(1_000));
        assert!(fired(&mut wheel, at(999)).is_empty());
        assert_eq!(fired(&mut wheel, at(1_004)), [3]);
        assert!(fired(&mut wheel, at(100_000)).is_empty());
    }

    #[test]
    fn arming_again_moves_a_key() {
        let mut wheel = Wheel::default();
        wheel.arm(0, at(100));
        wheel.arm(0, at(90_000));
        assert!(fired(&mut wheel, at(89_999)).is_empty());
        assert_eq!(fired(&mut wheel, at(90_004)), [0]);
    }

    #[test]
    fn a_disarmed_key_does_not_fire() {
        let mut wheel = Wheel::default();
        for key in 0..3 {
            wheel.arm(key, at(50));
        }
        wheel.disarm(1);
        assert_eq!(fired(&mut wheel, at(60)), [0, 2]);
        assert_eq!(wheel.next_wake(), None);
    }

    #[test]
    fn next_wake_is_never_after_the_first_deadline() {
        let mut wheel = Wheel::default();
        wheel.arm(0, at(3_600_000));
        let mut wakes = 0;
        loop {
            let wake = wheel.next_wake().expect("armed");
            assert!(wake <= at(3_600_004));
            wakes += 1;
            if fired(&mut wheel, wake) == [0] {
                break;
            }
        }
        assert!(wakes <= LEVELS, "{wakes} wakes for one timer");
    }

    #[test]
    fn agrees_with_a_sorted_list() {
        for seed in 0..200 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut wheel = Wheel::default();
            let mut model: Vec<Option<u64>> = vec![None; 40];
            let mut now = 0u64;
            for _ in 0..400 {
                let key = rng.random_range(0..model.len());
                match rng.random_range(0..10) {
                    0 => {
                        wheel.disarm(key);
                        model[key] = None;
                    }
                    1..=6 => {
                        let deadline = now + (1u64 << rng.random_range(0..33)) + rng.random_range(0..1000);
                        wheel.arm(key, at(deadline));
                        model[key] = Some(deadline);
                    }
                    _ => {
                        now += 1u64 << rng.random_range(0..28);
                        let mut due = Vec::new();
                        for (key, deadline) in model.iter_mut().enumerate() {
                            let tick = deadline.map(|d| d.div_ceil(4));
                            if tick.is_some_and(|tick| tick <= now / 4) {
                                due.push(key);
                                *deadline = None;
                            }
                        }
                        assert_eq!(fired(&mut wheel, at(now)), due, "seed {seed} at {now}");
                    }
                }
            }
        }
    }
}
