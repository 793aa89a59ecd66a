//! The small dense numbers that an instance knows its sessions by.

/// Numbers given out by one instance; the smallest free ones first come back last-in first-out, so that a filter's table of
/// sessions stays as short as the most sessions it ever had at once.
#[derive(Debug, Default)]
pub(super) struct Slots {
    next: u32,
    free: Vec<u32>,
}

impl Slots {
    /// A number that no open session has.
    pub(super) fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let slot = self.next;
            self.next = self.next.saturating_add(1);
            slot
        })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> u64 {
        u64::from(self.next).saturating_sub(self.free.len() as u64)
    }

    /// Those that are taken.
    pub(super) fn list(&self) -> Vec<u32> {
        let mut taken = vec![true; self.next as usize];
        for &slot in &self.free {
            taken[slot as usize] = false;
        }
        (0..self.next).filter(|&slot| taken[slot as usize]).collect()
    }

    /// The session is over.
    pub(super) fn give_back(&mut self, slot: u32) {
        self.free.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_used_again() {
        let mut slots = Slots::default();
        assert_eq!([slots.take(), slots.take(), slots.take()], [0, 1, 2]);
        slots.give_back(1);
        assert_eq!(slots.list(), [0, 2]);
        assert_eq!([slots.take(), slots.take()], [1, 3]);
    }
}
