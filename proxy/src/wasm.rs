//! Runs filters: WebAssembly components of the world in `sdk/wit/filter.wit`, behind the seam of [`dataplane::chain`].
//!
//! A [`Host`] serves the process. It loads a filter once ([`LoadedFilter`]: compiled, checked, its config tried), and each
//! worker makes an instance of its own from that, for all of its sessions. What filters share across workers stands in
//! [`Services`].
//!
//! A filter can hurt nobody: its memory, its processor time, its calls to the host and its log are bounded, its answers are
//! checked, and an instance that fails is thrown away with all that it had. Sessions and the order of filters are the data
//! path's; which component belongs to a name is the config's and the application's.
//!
//! [`dataplane::chain`]: crate::dataplane::chain

mod abi;
mod engine;

mod cache;
mod check;
mod error;

mod context;
mod imports;
mod services;
mod state;

mod answer;
mod deadline;
mod failure;
mod filter;
mod handshake;
mod instance;
mod live;
mod slots;
mod stats;
mod throttle;
mod ticker;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use self::cache::Cache;
use self::context::Context;
pub use self::error::{HostError, LoadError, LoadProblem};
use self::instance::Instance;
use self::live::{Program, StartError};
pub use self::services::breaker::BreakerState;
pub use self::services::{BreakerView, CountView, Services};
use self::state::State;
pub use self::stats::{FilterStats, VERDICTS};
use self::ticker::Ticker;
use crate::dataplane::chain::{Filter, Subscription};
use crate::dataplane::route::FilterSpec;
use crate::time::Instant;

/// Loads filters. One serves the process.
pub struct Host {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    services: Services,
    ticker: Arc<Ticker>,
}

/// A filter that can serve: compiled, checked, its config accepted. Shared by workers.
pub struct LoadedFilter {
    context: Arc<Context>,
    program: Program,
    ticker: Arc<Ticker>,
    subscription: Subscription,
    /// One for each instance ever made: a few hundred bytes for each worker.
    stats: Mutex<Vec<Arc<FilterStats>>>,
}

impl Host {
    /// Compiled components are kept in `cache_dir`, if one is given. A folder that others could write to is not used, and the
    /// log says so.
    pub fn new(cache_dir: Option<&Path>) -> Result<Self, HostError> {
        let engine_error = |error: wasmtime::Error| HostError::Engine(format!("{error:#}").into());
        let engine = engine::engine().map_err(engine_error)?;
        let linker = imports::linker(&engine).map_err(engine_error)?;
        let ticker = Arc::new(Ticker::start(engine.clone()).map_err(HostError::Ticker)?);
        let cache = cache_dir.and_then(|dir| {
            Cache::open(dir, &engine)
                .inspect_err(|error| tracing::warn!(dir = %dir.display(), %error, "compiled filters are not cached"))
                .ok()
        });
        Ok(Self { engine, linker, cache, services: Services::default(), ticker })
    }

    /// Compiles a filter or takes it from the cache, checks it, and configures a first instance to see whether its config is
    /// good. Takes as long as compiling does: seconds for large components.
    pub fn load(&self, spec: &FilterSpec, component: &[u8]) -> Result<Arc<LoadedFilter>, LoadError> {
        let fail = |problem| LoadError { filter: spec.name.clone(), problem };
        let program = self.program(component).map_err(fail)?;
        let context = Arc::new(Context {
            name: spec.name.clone(),
            config: spec.config.to_string(),
            limits: spec.limits,
            policy: spec.on_failure,
            files: services::files::Files::new(&spec.name, &spec.files),
            services: self.services.of(&spec.name, spec.limits.table_entries_max),
        });
        let mut filter = LoadedFilter {
            context,
            program,
            ticker: Arc::clone(&self.ticker),
            subscription: Subscription::default(),
            stats: Mutex::default(),
        };
        filter.subscription = filter.start(&Arc::default()).map_err(fail)?.subscription();
        Ok(Arc::new(filter))
    }

    /// What filters share, for those who show it.
    pub fn services(&self) -> &Services {
        &self.services
    }

    fn program(&self, bytes: &[u8]) -> Result<Program, LoadProblem> {
        check::is_component(bytes)?;
        let component = match self.cache.as_ref().and_then(|cache| cache.get(bytes, &self.engine)) {
            Some(component) => component,
            None => {
                let component = Component::from_binary(&self.engine, bytes)
                    .map_err(|error| LoadProblem::Invalid(failure::one_line(&format!("{error:#}")).into()))?;
                check::is_of_our_world(&component, &self.engine)?;
                if let Some(cache) = &self.cache {
                    cache.put(bytes, &component);
                }
                component
            }
        };
        let mismatch = |error: wasmtime::Error| LoadProblem::Mismatch(failure::one_line(&format!("{error:#}")).into());
        let linked = self.linker.instantiate_pre(&component).map_err(mismatch)?;
        Program::new(linked).map_err(mismatch)
    }
}

impl LoadedFilter {
    /// The name that the YAML gives it.
    pub fn name(&self) -> &str {
        &self.context.name
    }

    /// What it wanted to hear when it was loaded.
    pub fn subscription(&self) -> Subscription {
        self.subscription
    }

    /// A worker's own instance, to be made and used on its thread. Costs some ten microseconds and what `configure` takes.
    pub fn instantiate(&self) -> Result<Box<dyn Filter>, LoadError> {
        let stats = Arc::<FilterStats>::default();
        let instance =
            self.start(&stats).map_err(|problem| LoadError { filter: self.context.name.clone(), problem })?;
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).push(stats);
        Ok(Box::new(instance))
    }

    /// The counts of all workers' instances together, as of now.
    pub fn stats(&self) -> FilterStats {
        let sum = FilterStats::default();
        for stats in self.stats.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            sum.absorb(stats);
        }
        sum
    }

    fn start(&self, stats: &Arc<FilterStats>) -> Result<Instance, LoadProblem> {
        let (context, beat) = (Arc::clone(&self.context), self.ticker.beat());
        Instance::start(self.program.clone(), context, Arc::clone(stats), beat, Instant::now()).map_err(|error| {
            match error {
                StartError::Mismatch(cause) => LoadProblem::Mismatch(cause),
                StartError::Refused(cause) => LoadProblem::Config(cause),
                StartError::Failed(cause) => LoadProblem::Failed(cause),
            }
        })
    }
}

impl fmt::Debug for LoadedFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedFilter").field("name", &self.name()).field("subscription", &self.subscription).finish()
    }
}
