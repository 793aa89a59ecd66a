//! How each backend stands, as those who dial it find. Locked by who dials and by who reads the numbers; never on the path of
//! a message.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Of one worker, by authority.
#[derive(Debug, Default)]
pub struct Backends(Mutex<BTreeMap<Box<str>, Standing>>);

/// One backend.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// What the last attempt to connect came to.
    pub last: Reached,
    /// Attempts.
    pub dials: u64,
    /// Of these, failed: a backend that answers and refuses one client has been reached.
    pub failed: u64,
}

/// Whether a backend was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reached {
    /// It answered.
    #[default]
    Yes,
    /// It did not.
    No,
}

/// As many as a configuration may name and more: reloads may bring others. Further ones are not told.
const BACKENDS_MAX: usize = 1024;

impl Backends {
    /// An attempt to connect is over.
    pub fn on_dialled(&self, authority: &str, reached: Reached) {
        let mut backends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !backends.contains_key(authority) {
            if backends.len() >= BACKENDS_MAX {
                return;
            }
            backends.insert(authority.into(), Standing::default());
        }
        if let Some(standing) = backends.get_mut(authority) {
            standing.last = reached;
            standing.dials += 1;
            standing.failed += u64::from(reached == Reached::No);
        }
    }

    /// Adds what is known here to what is known elsewhere: away is a backend that a worker did not reach.
    pub fn add_to(&self, all: &mut BTreeMap<Box<str>, Standing>) {
        for (authority, standing) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let known = all.entry(authority.clone()).or_default();
            known.dials += standing.dials;
            known.failed += standing.failed;
            if standing.last == Reached::No {
                known.last = Reached::No;
            }
        }
    }
}
