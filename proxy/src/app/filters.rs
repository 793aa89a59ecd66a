//! The filters of a configuration: their components found, loaded once for the process, and made anew for each worker.

use std::sync::Arc;

use super::workers::FilterMaker;
use crate::admin::{self, Source};
use crate::config::Config;
use crate::dataplane::route::{FilterSource, FilterSpec};
use crate::shipped;
use crate::wasm::{Host, LoadedFilter};

/// All filters of a configuration, ready to serve.
pub(super) struct Filters {
    host: Arc<Host>,
    loaded: Vec<Arc<LoadedFilter>>,
}

impl Filters {
    /// Compiles, or takes from the cache, and tries each filter's config.
    ///
    /// # Errors
    /// What is wrong with each filter that cannot be used.
    pub(super) fn load(config: &Config) -> Result<Self, Vec<String>> {
        let host = Host::new(config.filter_cache.as_deref()).map_err(|error| vec![error.to_string()])?;
        let (mut loaded, mut errors) = (Vec::new(), Vec::new());
        for spec in &config.dataplane.filters {
            match component(spec).and_then(|bytes| host.load(spec, &bytes).map_err(|error| error.to_string())) {
                Ok(filter) => loaded.push(filter),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { host: Arc::new(host), loaded }) } else { Err(errors) }
    }

    /// Makes each worker's own.
    pub(super) fn maker(&self) -> FilterMaker {
        let loaded = self.loaded.clone();
        Arc::new(move || loaded.iter().map(|filter| filter.instantiate().map_err(|error| error.to_string())).collect())
    }

    /// Their numbers.
    pub(super) fn source(&self) -> Source {
        admin::filters(Arc::clone(&self.host), self.loaded.clone())
    }
}

fn component(spec: &FilterSpec) -> Result<std::borrow::Cow<'static, [u8]>, String> {
    match &spec.source {
        FilterSource::Shipped(name) => shipped::component(name)
            .map(Into::into)
            .ok_or_else(|| format!("filter {}: '{name}' does not ship with Belay", spec.name)),
        FilterSource::File(path) => std::fs::read(path)
            .map(Into::into)
            .map_err(|error| format!("filter {}: cannot read {}: {error}", spec.name, path.display())),
    }
}
