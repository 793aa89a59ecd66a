//! A filter's breakers by name and key: who shares them, who hears of their transitions, who may list them.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::breaker::{Breaker, BreakerState, Settings, Transition};
use super::{limiters, lock};
use crate::time::Instant;

/// Keys that one breaker may have breakers for.
const KEYS_MAX: usize = 1024;

/// Shared by the instances of a filter.
pub(in crate::wasm) struct Breakers {
    filter: Arc<str>,
    by_name: Mutex<HashMap<Box<str>, Arc<SharedBreaker>>>,
}

/// One breaker, as instances hold it.
pub(in crate::wasm) struct SharedBreaker {
    filter: Arc<str>,
    name: Box<str>,
    breaker: Mutex<Breaker>,
    /// As the breaker is: every message of every worker asks, and while it is closed none of them takes the lock for it.
    closed: AtomicBool,
    /// Those of its keys; a keyed one has none of its own.
    keyed: Option<Mutex<HashMap<Box<str>, Arc<SharedBreaker>>>>,
}

/// A circuit breaker as operators see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakerView {
    /// The filter's name.
    pub filter: Box<str>,
    /// The breaker's own, with its key in brackets if it is one of a key.
    pub name: Box<str>,
    /// Without the key.
    pub kind: Box<str>,
    /// As of now.
    pub state: BreakerState,
    /// Results in its window; none while it is not closed.
    pub results: u32,
    /// Failures among them.
    pub failures: u32,
}

impl Breakers {
    pub(super) fn new(filter: &str) -> Self {
        Self { filter: filter.into(), by_name: Mutex::default() }
    }

    /// The breaker of this name; a new one if there is none, or one with other settings, as after a change of the YAML.
    pub(in crate::wasm) fn define(&self, name: &str, settings: Settings) -> Result<Arc<SharedBreaker>, String> {
        let settings = settings.check().map_err(|problem| format!("breaker {name}: {problem}"))?;
        let mut by_name = lock(&self.by_name);
        if let Some(breaker) = by_name.get(name).filter(|breaker| lock(&breaker.breaker).settings() == settings) {
            return Ok(Arc::clone(breaker));
        }
        if by_name.len() >= limiters::NAMES_MAX && !by_name.contains_key(name) {
            return Err(format!("filter {} has {} breakers already", self.filter, limiters::NAMES_MAX));
        }
        let breaker = Arc::new(SharedBreaker {
            filter: Arc::clone(&self.filter),
            name: name.into(),
            breaker: Mutex::new(Breaker::new(settings)),
            closed: AtomicBool::new(true),
            keyed: Some(Mutex::default()),
        });
        by_name.insert(name.into(), Arc::clone(&breaker));
        Ok(breaker)
    }

    pub(super) fn views(&self, filter: &str, now: Instant) -> Vec<BreakerView> {
        let breakers: Vec<Arc<SharedBreaker>> = lock(&self.by_name).values().cloned().collect();
        let keyed = |breaker: &SharedBreaker| match &breaker.keyed {
            Some(keyed) => lock(keyed).values().cloned().collect(),
            None => Vec::new(),
        };
        breakers
            .iter()
            .flat_map(|kind| {
                let all = keyed(kind).into_iter().chain([Arc::clone(kind)]);
                all.map(|breaker| breaker.view(filter, &kind.name, now)).collect::<Vec<_>>()
            })
            .collect()
    }
}

impl SharedBreaker {
    /// The breaker of this key, or nothing when this one stands in for it.
    pub(in crate::wasm) fn keyed(&self, key: &str) -> Option<Arc<SharedBreaker>> {
        let mut keyed = lock(self.keyed.as_ref()?);
        if let Some(breaker) = keyed.get(key) {
            return Some(Arc::clone(breaker));
        }
        if keyed.len() >= KEYS_MAX {
            return None;
        }
        let settings = lock(&self.breaker).settings();
        let breaker = Arc::new(Self {
            filter: Arc::clone(&self.filter),
            name: format!("{}[{key}]", self.name).into(),
            breaker: Mutex::new(Breaker::new(settings)),
            closed: AtomicBool::new(true),
            keyed: None,
        });
        keyed.insert(key.into(), Arc::clone(&breaker));
        Some(breaker)
    }

    pub(in crate::wasm) fn admit(&self, now: Instant) -> Result<(), Duration> {
        if self.closed.load(Acquire) {
            return Ok(());
        }
        self.change(|breaker| breaker.admit(now))
    }

    pub(in crate::wasm) fn success(&self, latency: Duration, now: Instant) {
        self.change(|breaker| ((), breaker.success(latency, now)));
    }

    pub(in crate::wasm) fn failure(&self, now: Instant) {
        self.change(|breaker| ((), breaker.failure(now)));
    }

    pub(in crate::wasm) fn state(&self, now: Instant) -> BreakerState {
        if self.closed.load(Acquire) { BreakerState::Closed } else { lock(&self.breaker).state(now) }
    }

    fn change<R>(&self, change: impl FnOnce(&mut Breaker) -> (R, Option<Transition>)) -> R {
        let mut breaker = lock(&self.breaker);
        let (answer, transition) = change(&mut breaker);
        if let Some(Transition { to, .. }) = transition {
            self.closed.store(to == BreakerState::Closed, Release);
        }
        drop(breaker);
        self.tell(transition);
        answer
    }

    /// Once for each transition, by whoever brought it about.
    fn tell(&self, transition: Option<Transition>) {
        let Some(Transition { from, to }) = transition else { return };
        let (filter, breaker) = (&*self.filter, &*self.name);
        match to {
            BreakerState::Open => tracing::warn!(filter, breaker, ?from, ?to, "circuit breaker opened"),
            BreakerState::HalfOpen => {
                tracing::info!(filter, breaker, ?from, ?to, "circuit breaker lets probes through")
            }
            BreakerState::Closed => tracing::info!(filter, breaker, ?from, ?to, "circuit breaker closed"),
        }
    }

    fn view(&self, filter: &str, kind: &str, now: Instant) -> BreakerView {
        let mut breaker = lock(&self.breaker);
        let (results, failures) = breaker.results(now);
        let (name, state) = (self.name.clone(), breaker.state(now));
        BreakerView { filter: filter.into(), name, kind: kind.into(), state, results, failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        window: Duration::from_secs(10),
        results_min: 1,
        failure_percent: 1,
        slow: Duration::ZERO,
        open: Duration::from_secs(5),
        probes: 1,
    };

    #[test]
    fn the_same_name_and_key_mean_the_same_breaker() {
        let breakers = Breakers::new("guard");
        let one = breakers.define("backend", SETTINGS).unwrap();
        one.keyed("chat").unwrap().failure(Instant::ZERO);
        let two = breakers.define("backend", SETTINGS).unwrap();
        assert_eq!(two.keyed("chat").unwrap().state(Instant::ZERO), BreakerState::Open);
        assert_eq!(two.keyed("games").unwrap().state(Instant::ZERO), BreakerState::Closed);
        assert_eq!(two.state(Instant::ZERO), BreakerState::Closed);
        let mut names: Vec<_> = breakers.views("guard", Instant::ZERO).into_iter().map(|view| view.name).collect();
        names.sort();
        assert_eq!(names, ["backend".into(), "backend[chat]".into(), "backend[games]".into()] as [Box<str>; 3]);
    }

    #[test]
    fn keys_and_names_are_bounded() {
        let breakers = Breakers::new("guard");
        let one = breakers.define("backend", SETTINGS).unwrap();
        for key in 0..KEYS_MAX {
            assert!(one.keyed(&key.to_string()).is_some());
        }
        assert!(one.keyed("one more").is_none());
        assert!(one.keyed("7").is_some_and(|keyed| keyed.keyed("deeper").is_none()));
        for name in 1..limiters::NAMES_MAX {
            breakers.define(&name.to_string(), SETTINGS).unwrap();
        }
        assert!(breakers.define("one more", SETTINGS).is_err());
    }

    #[test]
    fn other_settings_make_a_new_breaker_under_the_old_name() {
        let breakers = Breakers::new("guard");
        breakers.define("backend", SETTINGS).unwrap().failure(Instant::ZERO);
        let changed = breakers.define("backend", Settings { probes: 2, ..SETTINGS }).unwrap();
        assert_eq!(changed.state(Instant::ZERO), BreakerState::Closed);
    }
}
