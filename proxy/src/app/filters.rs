//! The filters of a configuration: their components found, loaded once for the process, and made anew for each worker.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use serde_json::{Value, json};

use super::workers::FilterMaker;
use crate::admin::{self, Page, Source};
use crate::config::Config;
use crate::dataplane::route::{FilterSource, FilterSpec};
use crate::shipped;
use crate::stamp::Stamp;
use crate::wasm::{Host, LoadedFilter, Machine};

/// A component's file. JavaScript's and Python's are a few megabytes to forty.
const COMPONENT_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// All filters of a configuration, ready to serve.
pub(super) struct Filters {
    pub(super) host: Arc<Host>,
    pub(super) served: Vec<Arc<Served>>,
}

/// A filter that is loaded, and where it came from.
pub(super) struct Served {
    pub(super) spec: FilterSpec,
    pub(super) loaded: Arc<LoadedFilter>,
    /// Of its file, when it was loaded.
    pub(super) loaded_from: Option<Stamp>,
}

impl Filters {
    /// Compiles, or takes from the cache, and tries each filter's config.
    ///
    /// # Errors
    /// What is wrong with each filter that cannot be used.
    pub(super) fn load(config: &Config) -> Result<Self, Vec<String>> {
        let host = Host::new(config.filter_cache.as_deref()).map_err(|error| vec![error.to_string()])?;
        let (mut served, mut errors) = (Vec::new(), Vec::new());
        for spec in &config.dataplane.filters {
            // The stamp is taken first: a file that is swapped in between is found to have changed.
            let loaded_from = stamp(spec);
            match component(spec).and_then(|bytes| host.load(spec, &bytes).map_err(|error| error.to_string())) {
                Ok(loaded) => served.push(Arc::new(Served { spec: spec.clone(), loaded, loaded_from })),
                Err(error) => errors.push(error),
            }
        }
        let isolated: Vec<_> = served.iter().filter_map(|filter: &Arc<Served>| filter.loaded.isolated()).collect();
        if let Err(error) = Machine::here().can_have(&isolated) {
            errors.push(error.to_string());
        }
        if errors.is_empty() { Ok(Self { host: Arc::new(host), served }) } else { Err(errors) }
    }

    /// Makes each worker's own.
    pub(super) fn maker(&self) -> FilterMaker {
        let served = self.served.clone();
        Arc::new(move || {
            served.iter().map(|filter| filter.loaded.instantiate().map_err(|error| error.to_string())).collect()
        })
    }

    /// Their numbers.
    pub(super) fn source(&self) -> Source {
        let loaded = self.served.iter().map(|filter| Arc::clone(&filter.loaded)).collect();
        admin::filters(Arc::clone(&self.host), loaded)
    }

    /// `GET /filters`: which version of each serves, and what came of the last reload.
    pub(super) fn page(&self) -> Page {
        let served = self.served.clone();
        let all = move || Value::Array(served.iter().map(|filter| describe(filter)).collect());
        Page { path: "/filters", answer: Box::new(move |_query| Some(json!({ "filters": all() }))) }
    }
}

impl Served {
    /// Of its file as it is now, if it comes from one.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        stamp(&self.spec)
    }

    /// Its component as it is now.
    pub(super) fn component(&self) -> Result<Cow<'static, [u8]>, String> {
        component(&self.spec)
    }
}

/// A filter for people and scripts.
pub(super) fn describe(filter: &Served) -> Value {
    let view = filter.loaded.view();
    let source = match &filter.spec.source {
        FilterSource::Shipped(name) => json!({ "use": name }),
        FilterSource::File(path) => json!({ "wasm": path }),
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

fn stamp(spec: &FilterSpec) -> Option<Stamp> {
    let FilterSource::File(path) = &spec.source else { return None };
    std::fs::metadata(path).ok().map(|metadata| Stamp::from(&metadata))
}

fn component(spec: &FilterSpec) -> Result<Cow<'static, [u8]>, String> {
    match &spec.source {
        FilterSource::Shipped(name) => shipped::component(name)
            .map(Into::into)
            .ok_or_else(|| format!("filter {}: '{name}' does not ship with Belay", spec.name)),
        FilterSource::File(path) => {
            let cannot =
                |why: &dyn std::fmt::Display| format!("filter {}: cannot read {}: {why}", spec.name, path.display());
            let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
            let mut bytes = Vec::new();
            file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
            if bytes.len() as u64 > COMPONENT_BYTES_MAX {
                return Err(cannot(&"it is longer than 128 MiB"));
            }
            Ok(bytes.into())
        }
    }
}
