//! Counters of a filter's own making.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use super::lock;

/// Names that one filter may count under: each becomes a series in whatever keeps the metrics.
const NAMES_MAX: usize = 32;
/// Bytes of such a name.
const NAME_BYTES_MAX: usize = 128;

/// Shared by the instances of a filter.
#[derive(Default)]
pub(in crate::wasm) struct Counts {
    by_name: Mutex<Vec<Count>>,
}

/// One counter; instances keep those they use at hand.
#[derive(Clone)]
pub(in crate::wasm) struct Count {
    pub(in crate::wasm) name: Arc<str>,
    sum: Arc<AtomicU64>,
}

impl Count {
    pub(in crate::wasm) fn add(&self, by: u64) {
        self.sum.fetch_add(by, Relaxed);
    }
}

impl Counts {
    /// The counter of this name, unless there are too many or the name is too long.
    pub(in crate::wasm) fn named(&self, name: &str) -> Option<Count> {
        let mut by_name = lock(&self.by_name);
        if let Some(count) = by_name.iter().find(|count| *count.name == *name) {
            return Some(count.clone());
        }
        if by_name.len() >= NAMES_MAX || name.len() > NAME_BYTES_MAX {
            return None;
        }
        let count = Count { name: name.into(), sum: Arc::default() };
        by_name.push(count.clone());
        Some(count)
    }

    pub(super) fn values(&self) -> Vec<(Box<str>, u64)> {
        lock(&self.by_name).iter().map(|count| (Box::from(&*count.name), count.sum.load(Relaxed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_are_not_counted() {
        let counts = Counts::default();
        for name in 0..NAMES_MAX {
            counts.named(&name.to_string()).unwrap().add(2);
        }
        assert!(counts.named("one more").is_none());
        counts.named("7").unwrap().add(1);
        assert_eq!(counts.values()[7], ("7".into(), 3));
        assert!(Counts::default().named(&"x".repeat(NAME_BYTES_MAX + 1)).is_none());
    }
}
