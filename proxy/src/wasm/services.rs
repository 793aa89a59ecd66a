//! What filters share across workers: limiters, breakers, the store, their own counters. All of it is kept by the filter's
//! name, so that it outlives both an instance and, in a reload, the component; it goes when no filter of that name is left.

pub(super) mod breaker;
mod breakers;
mod counts;
pub(super) mod files;
mod limiters;
pub(super) mod log;
mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use self::breakers::BreakerView;
pub(super) use self::breakers::{Breakers, SharedBreaker};
pub(super) use self::counts::{Count, Counts};
pub(super) use self::limiters::Limiters;
pub(super) use self::store::Store;
use super::surroundings::Surroundings;
use crate::time::Instant;

/// The shared state of all filters of the process.
pub struct Services {
    surroundings: Arc<dyn Surroundings>,
    filters: Mutex<HashMap<Box<str>, Weak<FilterServices>>>,
}

/// The shared state of the filters of one name.
pub(super) struct FilterServices {
    pub(super) surroundings: Arc<dyn Surroundings>,
    pub(super) limiters: Limiters,
    pub(super) breakers: Breakers,
    pub(super) store: Store,
    pub(super) counts: Counts,
}

/// A counter of a filter's own making.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CountView {
    /// The filter's name.
    pub filter: Box<str>,
    /// The counter's name.
    pub name: Box<str>,
    /// Its sum.
    pub value: u64,
}

impl Services {
    pub(super) fn within(surroundings: Arc<dyn Surroundings>) -> Self {
        Self { surroundings, filters: Mutex::default() }
    }

    /// Every circuit breaker, by filter and name.
    pub fn breakers(&self, now: Instant) -> Vec<BreakerView> {
        let mut views: Vec<BreakerView> =
            self.living().into_iter().flat_map(|(name, services)| services.breakers.views(&name, now)).collect();
        views.sort_by(|a, b| (&a.filter, &a.name).cmp(&(&b.filter, &b.name)));
        views
    }

    /// Every counter that filters made with `count`, by filter and name.
    pub fn counts(&self) -> Vec<CountView> {
        let mut views: Vec<CountView> = self
            .living()
            .into_iter()
            .flat_map(|(filter, services)| {
                let counts = services.counts.values();
                counts.into_iter().map(move |(name, value)| CountView { filter: filter.clone(), name, value })
            })
            .collect();
        views.sort_by(|a, b| (&a.filter, &a.name).cmp(&(&b.filter, &b.name)));
        views
    }

    /// The services of the filters of this name, new or those that are there.
    pub(super) fn of(&self, filter: &str, table_entries_max: usize) -> Arc<FilterServices> {
        let mut filters = lock(&self.filters);
        filters.retain(|_, services| services.strong_count() > 0);
        if let Some(services) = filters.get(filter).and_then(Weak::upgrade) {
            services.store.set_entries_max(table_entries_max);
            return services;
        }
        let services = Arc::new(FilterServices {
            surroundings: Arc::clone(&self.surroundings),
            limiters: Limiters::new(filter),
            breakers: Breakers::new(filter),
            store: Store::new(table_entries_max),
            counts: Counts::default(),
        });
        filters.insert(filter.into(), Arc::downgrade(&services));
        services
    }

    fn living(&self) -> Vec<(Box<str>, Arc<FilterServices>)> {
        let filters = lock(&self.filters);
        filters.iter().filter_map(|(name, services)| Some((name.clone(), services.upgrade()?))).collect()
    }
}

/// None of these tables is left half changed by a panic, so a poisoned lock is as good as another.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
