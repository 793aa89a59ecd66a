//! Tokens whose signature was found good: clients that come back in a crowd bring the tokens that they had, and to look at
//! one signature takes up to milliseconds where all arithmetic is a filter's own. What a token says is looked at each time.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// The SHA-256 of a token as it came, signature and all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sum([u8; 32]);

/// The last ones, in two halves: when the younger is full, it takes the place of the older.
#[derive(Default)]
pub(crate) struct Proven {
    younger: BTreeSet<Sum>,
    older: BTreeSet<Sum>,
}

/// In each half; some 45 bytes each, so 1.5 MB of a worker's instance at the most.
const HALF_MAX: usize = 16_384;

impl Sum {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl Proven {
    pub(crate) fn has(&self, sum: &Sum) -> bool {
        self.younger.contains(sum) || self.older.contains(sum)
    }

    /// By the keys as they are now.
    pub(crate) fn add(&mut self, sum: Sum) {
        if self.younger.len() >= HALF_MAX {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(sum);
    }

    /// The keys may be others.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_and_no_more_than_that() {
        let mut proven = Proven::default();
        let sum = |number: usize| Sum::of(&number.to_string());
        (0..3 * HALF_MAX).for_each(|number| proven.add(sum(number)));
        assert!((2 * HALF_MAX..3 * HALF_MAX).all(|number| proven.has(&sum(number))));
        assert!(!proven.has(&sum(0)));
        assert!(proven.younger.len() + proven.older.len() <= 2 * HALF_MAX);
        proven.forget();
        assert!(!proven.has(&sum(3 * HALF_MAX - 1)));
    }
}
