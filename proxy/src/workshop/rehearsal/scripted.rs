//! Time and chance as a script has them, and what it puts in place of sessions' states.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

use crate::id::SessionId;
use crate::time::Instant;
use crate::wasm::Surroundings;
use crate::workshop::script::Setup;

/// The proxy has run for a while: no clock of a filter's reads zero.
const BEGINNING: Duration = Duration::from_secs(3_600);

/// See the module.
pub(super) struct Scripted(Mutex<Inner>);

struct Inner {
    now: Instant,
    unix_ms_at_beginning: u64,
    chance: Chance,
    /// In place of what sessions' old instances kept.
    states: HashMap<SessionId, Vec<u8>>,
    /// What was taken in last.
    carried: Option<Vec<u8>>,
}

enum Chance {
    /// These, over and over.
    Numbers {
        numbers: Vec<u64>,
        next: usize,
    },
    Seeded(Box<SmallRng>),
}

impl Default for Scripted {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            now: Instant::ZERO + BEGINNING,
            unix_ms_at_beginning: 0,
            chance: Chance::Seeded(Box::new(SmallRng::seed_from_u64(0))),
            states: HashMap::new(),
            carried: None,
        }))
    }
}

impl Scripted {
    /// A scenario begins.
    pub(super) fn begin(&self, setup: &Setup) {
        let chance = if setup.random.is_empty() {
            Chance::Seeded(Box::new(SmallRng::seed_from_u64(0)))
        } else {
            Chance::Numbers { numbers: setup.random.clone(), next: 0 }
        };
        *self.inner() = Inner {
            now: Instant::ZERO + BEGINNING,
            unix_ms_at_beginning: setup.unix_ms,
            chance,
            states: HashMap::new(),
            carried: None,
        };
    }

    pub(super) fn set_now(&self, now: Instant) {
        self.inner().now = now;
    }

    /// What is carried over of these sessions next.
    pub(super) fn replace_states(&self, states: HashMap<SessionId, Vec<u8>>) {
        self.inner().states = states;
    }

    /// What was carried over since this was last asked.
    pub(super) fn take_carried(&self) -> Option<Vec<u8>> {
        self.inner().carried.take()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Surroundings for Scripted {
    fn now(&self) -> Instant {
        self.inner().now
    }

    fn unix_ms(&self) -> u64 {
        let inner = self.inner();
        let passed = inner.now.since(Instant::ZERO + BEGINNING).as_millis();
        inner.unix_ms_at_beginning + u64::try_from(passed).unwrap_or(u64::MAX)
    }

    fn random(&self) -> u64 {
        match &mut self.inner().chance {
            Chance::Numbers { numbers, next } => {
                let number = numbers[*next];
                *next = (*next + 1) % numbers.len();
                number
            }
            Chance::Seeded(random) => random.next_u64(),
        }
    }

    fn carried<'a>(&self, session: SessionId, state: &'a [u8]) -> Cow<'a, [u8]> {
        let mut inner = self.inner();
        let state = inner.states.remove(&session).map_or(Cow::Borrowed(state), Cow::Owned);
        inner.carried = Some(state.to_vec());
        state
    }
}
