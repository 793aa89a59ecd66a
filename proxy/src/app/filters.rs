//! The filters of a configuration: their components found, loaded once for the process, and made anew for each worker. When
//! another configuration comes, all that it needs is made aside first.

mod component;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::workers::{FilterMaker, Next, NextFilters};
use crate::admin::{self, Access, Answered, Endpoint, Source};
use crate::config::Config;
use crate::dataplane::route::{FilterSource, FilterSpec, Isolation};
use crate::oci::Puller;
use crate::stamp::Stamp;
use crate::wasm::{Host, LoadError, LoadedFilter, Machine, NextVersion};

/// All filters of a configuration, ready to serve.
#[derive(Clone)]
pub(super) struct Filters {
    pub(super) host: Arc<Host>,
    served: Arc<Mutex<Vec<Arc<Served>>>>,
}

/// A filter that is loaded, and where it came from.
pub(super) struct Served {
    pub(super) spec: FilterSpec,
    puller: Arc<Puller>,
    pub(super) loaded: Arc<LoadedFilter>,
    /// Of its file, when it was loaded.
    pub(super) loaded_from: Option<Stamp>,
}

/// The filters of another configuration, made aside. Nothing has changed before [`Prepared::serve`].
pub(super) struct Prepared {
    puller: Arc<Puller>,
    served: Vec<Arc<Served>>,
    versions: Vec<(Arc<LoadedFilter>, NextVersion)>,
    /// For each worker.
    pub(super) workers: Vec<NextFilters>,
}

impl Filters {
    /// Compiles, or takes from the cache, and tries each filter's config.
    ///
    /// # Errors
    /// What is wrong with each filter that cannot be used.
    pub(super) fn load(config: &Config) -> Result<Self, Vec<String>> {
        let host = Host::new(config.filter_cache.as_deref()).map_err(|error| vec![error.to_string()])?;
        let puller = Arc::new(Puller::new(config.registries.clone()));
        let (mut served, mut errors) = (Vec::new(), Vec::new());
        for spec in &config.dataplane.filters {
            // The stamp is taken first: a file that is swapped in between is found to have changed.
            let loaded_from = component::stamp(spec);
            let loaded = component::read(spec, &puller).and_then(|bytes| host.load(spec, &bytes).map_err(said));
            match loaded {
                Ok(loaded) => {
                    let (spec, puller) = (spec.clone(), Arc::clone(&puller));
                    served.push(Arc::new(Served { spec, puller, loaded, loaded_from }));
                }
                Err(error) => errors.push(error),
            }
        }
        let isolated: Vec<_> = served.iter().filter_map(|filter: &Arc<Served>| filter.loaded.isolated()).collect();
        if let Err(error) = Machine::here().can_have(&isolated) {
            errors.push(error.to_string());
        }
        let (host, served) = (Arc::new(host), Arc::new(Mutex::new(served)));
        if errors.is_empty() { Ok(Self { host, served }) } else { Err(errors) }
    }

    /// Those that serve, in the order of the configuration.
    pub(super) fn served(&self) -> Vec<Arc<Served>> {
        self.lock().clone()
    }

    /// Makes each worker's own.
    pub(super) fn maker(&self) -> FilterMaker {
        let filters = self.clone();
        Arc::new(move || {
            filters.served().iter().map(|filter| filter.loaded.instantiate_aside().map_err(said)).collect()
        })
    }

    /// Compiles and configures what another configuration needs beyond this one, for so many workers.
    ///
    /// # Errors
    /// What is wrong with each filter that cannot be used.
    pub(super) fn prepare(&self, config: &Config, workers: usize) -> Result<Prepared, Vec<String>> {
        let before = self.served();
        let puller = Arc::new(Puller::new(config.registries.clone()));
        let mut prepared = Prepared { puller, served: Vec::new(), versions: Vec::new(), workers: Vec::new() };
        prepared.workers.resize_with(workers, Vec::new);
        let mut errors = Vec::new();
        for spec in &config.dataplane.filters {
            errors.extend(prepared.add(&self.host, &before, spec).err());
        }
        let versions = prepared.versions.iter();
        let replaced = |filter: &&Arc<Served>| !versions.clone().any(|(loaded, _)| Arc::ptr_eq(loaded, &filter.loaded));
        let kept = prepared.served.iter().filter(replaced).filter_map(|filter| filter.loaded.isolated());
        let isolated: Vec<_> = versions.clone().filter_map(|(_, version)| version.isolated()).chain(kept).collect();
        if let Err(error) = Machine::here().can_have(&isolated) {
            errors.push(error.to_string());
        }
        if errors.is_empty() { Ok(prepared) } else { Err(errors) }
    }

    /// Their numbers.
    pub(super) fn source(&self) -> Source {
        let filters = self.clone();
        let loaded = move || filters.served().iter().map(|filter| Arc::clone(&filter.loaded)).collect();
        admin::filters(Arc::clone(&self.host), loaded)
    }

    /// `GET /filters`: which version of each serves, and what came of the last reload.
    pub(super) fn endpoint(&self) -> Endpoint {
        let filters = self.clone();
        let all = move || Value::Array(filters.served().iter().map(|filter| describe(filter)).collect());
        Endpoint::page("/filters", Access::Read, "Which version of each filter serves.", move |_| {
            Answered::ok(&json!({ "filters": all() }))
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Served>>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Prepared {
    /// A filter goes on as it is if nothing has changed, is reloaded if it can be, and is another filter of the same name
    /// if other sessions are to share its instances.
    fn add(&mut self, host: &Host, before: &[Arc<Served>], spec: &FilterSpec) -> Result<(), String> {
        let loaded_from = component::stamp(spec);
        let place = before.iter().position(|filter| filter.spec.name == spec.name && shares_as(&filter.spec, spec));
        let loaded = match place {
            Some(place) => {
                let loaded = Arc::clone(&before[place].loaded);
                let is_as_before = before[place].spec == *spec;
                // What a digest names does not change.
                if !(is_as_before && matches!(spec.source, FilterSource::Registry(_))) {
                    let bytes = component::read(spec, &self.puller)?;
                    if !is_as_before || !loaded.is_of(&bytes) {
                        let version = host.prepare(&loaded, spec, &bytes).map_err(said)?;
                        self.versions.push((Arc::clone(&loaded), version));
                    }
                }
                self.workers.iter_mut().for_each(|worker| worker.push(Next::Kept(place)));
                loaded
            }
            None => {
                let bytes = component::read(spec, &self.puller)?;
                let loaded = host.load_aside(spec, &bytes).map_err(said)?;
                for worker in &mut self.workers {
                    worker.push(Next::New(loaded.instantiate_aside().map_err(said)?));
                }
                loaded
            }
        };
        let puller = Arc::clone(&self.puller);
        self.served.push(Arc::new(Served { spec: spec.clone(), puller, loaded, loaded_from }));
        Ok(())
    }

    /// From now on these serve. What is left is to give each worker its own.
    pub(super) fn serve(self, filters: &Filters) -> Vec<NextFilters> {
        for (loaded, version) in self.versions {
            loaded.serve(version);
        }
        *filters.lock() = self.served;
        self.workers
    }
}

/// Whether sessions can go from the one to the other with what an instance keeps of them.
fn shares_as(before: &FilterSpec, next: &FilterSpec) -> bool {
    before.isolation == next.isolation
        && (next.isolation == Isolation::Shared || before.limits.instances_max == next.limits.instances_max)
}

impl Served {
    /// Of its file as it is now, if it comes from one.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        component::stamp(&self.spec)
    }

    /// Its component as it is now.
    pub(super) fn component(&self) -> Result<std::borrow::Cow<'static, [u8]>, String> {
        component::read(&self.spec, &self.puller)
    }
}

/// A filter for people and scripts.
pub(super) fn describe(filter: &Served) -> Value {
    let view = filter.loaded.view();
    let source = match &filter.spec.source {
        FilterSource::Shipped(name) => json!({ "use": name }),
        FilterSource::File(path) => json!({ "wasm": path }),
        FilterSource::Registry(reference) => json!({ "wasm": reference.to_string() }),
    };
    json!({
        "name": filter.spec.name,
        "source": source,
        "sha256": view.sha256,
        "generation": view.generation,
        "state": if view.workers_behind > 0 { "swapping" } else { "serving" },
        "workers": view.workers,
        "reloads": { "accepted": view.reloads.accepted, "refused": view.reloads.refused },
        "last_error": view.reloads.last_error,
    })
}

fn said(error: LoadError) -> String {
    error.to_string()
}
