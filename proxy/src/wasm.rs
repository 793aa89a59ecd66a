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
mod lives;
mod loaded;
mod machine;
mod moving;
mod program;
mod shortcut;
mod slots;
mod stats;
mod surroundings;
mod telling;
mod throttle;
mod ticker;
pub(crate) mod words;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use self::cache::Cache;
use self::context::Context;
pub(crate) use self::deadline::thread_cpu;
use self::engine::Compiling;
pub use self::error::{HostError, LoadError, LoadProblem};
use self::loaded::Compiled;
pub use self::loaded::{FilterView, LoadedFilter, NextVersion, Reloads};
pub use self::machine::{Isolated, MAPS_AN_INSTANCE, Machine, TooMuch};
use self::program::Program;
pub use self::services::breaker::BreakerState;
pub use self::services::{BreakerView, CountView, Services};
use self::state::State;
pub use self::stats::{CALL_NANOS, FilterStats, VERDICTS};
use self::surroundings::OfTheMachine;
pub use self::surroundings::Surroundings;
use self::ticker::Ticker;
use crate::dataplane::callout::Terms;
use crate::dataplane::route::FilterSpec;

/// Loads filters. One serves the process.
pub struct Host {
    engine: Engine,
    /// Compiles while the other serves.
    aside: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    services: Services,
    /// Those that something uses, by the sum of their bytes: one that many filters are made of is compiled once.
    programs: Mutex<HashMap<Box<str>, Weak<Program>>>,
    ticker: Arc<Ticker>,
}

/// A component that is compiled and of our world.
pub struct Checked(Compiled);

impl Checked {
    /// The interfaces that it imports, as `belay:filter/host@0.1.0`.
    pub fn imports(&self) -> Vec<String> {
        self.0.program.imports()
    }

    /// The interfaces that it exports.
    pub fn exports(&self) -> Vec<String> {
        self.0.program.exports()
    }

    /// Whether messages go into it by a shorter way than the component model's own.
    pub fn has_shortcut(&self) -> bool {
        self.0.program.has_shortcut()
    }

    /// Of its bytes, in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }
}

impl Host {
    /// Compiled components are kept in `cache_dir`, if one is given. A folder that others could write to is not used, and the
    /// log says so.
    pub fn new(cache_dir: Option<&Path>) -> Result<Self, HostError> {
        Self::within(cache_dir, Arc::new(OfTheMachine))
    }

    /// As [`Self::new`], with another time and chance.
    pub fn within(cache_dir: Option<&Path>, surroundings: Arc<dyn Surroundings>) -> Result<Self, HostError> {
        let engine_error = |error: wasmtime::Error| HostError::Engine(format!("{error:#}").into());
        let engine = engine::engine(Compiling::Together).map_err(engine_error)?;
        let aside = engine::engine(Compiling::Aside).map_err(engine_error)?;
        let linker = imports::linker(&engine).map_err(engine_error)?;
        let ticker = Arc::new(Ticker::start(engine.clone()).map_err(HostError::Ticker)?);
        let cache = cache_dir.and_then(|dir| {
            Cache::open(dir, &engine)
                .inspect_err(|error| tracing::warn!(dir = %dir.display(), %error, "compiled filters are not cached"))
                .ok()
        });
        let services = Services::within(surroundings);
        Ok(Self { engine, aside, linker, cache, services, programs: Mutex::default(), ticker })
    }

    /// Compiles a filter or takes it from the cache, checks it, and configures a first instance to see whether its config is
    /// good. Takes as long as compiling does: seconds for large components.
    pub fn load(&self, spec: &FilterSpec, component: &[u8]) -> Result<Arc<LoadedFilter>, LoadError> {
        self.load_by(spec, component, Compiling::Together)
    }

    /// As [`Self::load`], while workers serve: it takes the time of one thread.
    pub fn load_aside(&self, spec: &FilterSpec, component: &[u8]) -> Result<Arc<LoadedFilter>, LoadError> {
        self.load_by(spec, component, Compiling::Aside)
    }

    fn load_by(
        &self,
        spec: &FilterSpec,
        component: &[u8],
        compiling: Compiling,
    ) -> Result<Arc<LoadedFilter>, LoadError> {
        let fail = |problem| LoadError { filter: spec.name.clone(), problem };
        let component = self.compiled(component, compiling).map_err(fail)?;
        let services = self.services.of(&spec.name, spec.limits.table_entries_max);
        let places = lives::Places::new(spec.limits.instances_max);
        let terms = Terms::new(&spec.name, spec.callouts.clone());
        LoadedFilter::new(Context::of(spec, services, places, terms), component, &self.ticker).map(Arc::new)
    }

    /// Compiles another version of a filter, checks it and configures an instance of it for each worker: all of it on the
    /// thread that asks. Workers take theirs up when [`Filter::renew`] is next called there. If this fails, nothing has
    /// changed but that [`LoadedFilter::view`] says so. Gives the new generation.
    ///
    /// [`Filter::renew`]: crate::dataplane::chain::Filter::renew
    pub fn reload(&self, filter: &LoadedFilter, component: &[u8]) -> Result<u32, LoadError> {
        let next = self.version_of(filter, filter.context(), component);
        let next = next.inspect_err(|error| filter.refused(&error.problem.to_string()))?;
        Ok(filter.serve(next))
    }

    /// The first half of a reload, with all that the YAML says of the filter by now: nothing has changed before
    /// [`LoadedFilter::serve`]. Who shares an instance stays as it was, and so does how many there may be.
    pub fn prepare(
        &self,
        filter: &LoadedFilter,
        spec: &FilterSpec,
        component: &[u8],
    ) -> Result<NextVersion, LoadError> {
        let before = filter.context();
        let (services, places) = (Arc::clone(&before.services), Arc::clone(&before.places));
        let context = Context::of(spec, services, places, before.terms.changed_to(&spec.callouts));
        self.version_of(filter, Arc::new(context), component)
    }

    fn version_of(
        &self,
        filter: &LoadedFilter,
        context: Arc<Context>,
        component: &[u8],
    ) -> Result<NextVersion, LoadError> {
        let compiled = self.compiled(component, Compiling::Aside);
        let next = compiled.and_then(|component| filter.prepare(context, component));
        next.map_err(|problem| LoadError { filter: filter.name().into(), problem })
    }

    /// Compiles a component or takes it from the cache, and checks that it is of our world; no config is needed. As long as
    /// this is kept, filters that are loaded from the same bytes are not compiled again.
    pub fn check(&self, component: &[u8]) -> Result<Checked, LoadProblem> {
        self.compiled(component, Compiling::Together).map(Checked)
    }

    /// As [`Self::check`], but compiled whatever is cached, for those who ask how long that takes. What is made is cached.
    pub fn check_anew(&self, component: &[u8]) -> Result<Checked, LoadProblem> {
        check::is_component(component)?;
        let program =
            Arc::new(self.linked(&self.compile(component, &shortcut::added(component), Compiling::Together)?)?);
        Ok(Checked(self.keep(program, crate::digest::sha256(component).into())))
    }

    /// What filters share, for those who show it.
    pub fn services(&self) -> &Services {
        &self.services
    }

    fn compiled(&self, bytes: &[u8], compiling: Compiling) -> Result<Compiled, LoadProblem> {
        let sha256: Box<str> = crate::digest::sha256(bytes).into();
        let known = self.programs.lock().unwrap_or_else(PoisonError::into_inner).get(&sha256).and_then(Weak::upgrade);
        if let Some(program) = known {
            return Ok(Compiled { program, sha256 });
        }
        check::is_component(bytes)?;
        let wanted = shortcut::added(bytes);
        let component = match self.cache.as_ref().and_then(|cache| cache.get(&wanted, &self.engine)) {
            Some(component) => component,
            None => self.compile(bytes, &wanted, compiling)?,
        };
        Ok(self.keep(Arc::new(self.linked(&component)?), sha256))
    }

    /// Found by whoever loads the same bytes as long as somebody has it.
    fn keep(&self, program: Arc<Program>, sha256: Box<str>) -> Compiled {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.retain(|_, program| program.strong_count() > 0);
        programs.insert(sha256.clone(), Arc::downgrade(&program));
        Compiled { program, sha256 }
    }

    /// As it is wanted, or else as it is.
    fn compile(&self, bytes: &[u8], wanted: &[u8], compiling: Compiling) -> Result<Component, LoadProblem> {
        let compiled = |bytes: &[u8]| match compiling {
            Compiling::Together => Component::from_binary(&self.engine, bytes),
            Compiling::Aside => {
                let compiled = self.aside.precompile_component(bytes);
                compiled.and_then(|compiled| cache::fresh(&compiled, &self.engine))
            }
        };
        let component = compiled(wanted)
            .or_else(|error| if wanted.len() == bytes.len() { Err(error) } else { compiled(bytes) })
            .map_err(|error| LoadProblem::Invalid(failure::one_line(&format!("{error:#}")).into()))?;
        check::is_of_our_world(&component, &self.engine)?;
        if let Some(cache) = &self.cache {
            cache.put(wanted, &component);
        }
        Ok(component)
    }

    fn linked(&self, component: &Component) -> Result<Program, LoadProblem> {
        let mismatch = |error: wasmtime::Error| LoadProblem::Mismatch(failure::one_line(&format!("{error:#}")).into());
        let linked = self.linker.instantiate_pre(component).map_err(mismatch)?;
        Program::new(linked).map_err(mismatch)
    }
}
