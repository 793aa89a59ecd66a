//! A component as instances are made of it: compiled, checked, linked, its exports found. Shared by all workers.

use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store};

use super::abi::exports::belay::filter::{filter, state};
use super::abi::{PACKAGE, VERSION, types};
use super::answer::Said;
use super::shortcut::{self, Shortcut};
use super::state::State;

/// See the module.
pub(super) struct Program {
    linked: InstancePre<State>,
    filter: filter::GuestIndices,
    /// Of those whose sessions' state can be carried over.
    state: Option<state::GuestIndices>,
    shortcut: Option<shortcut::Indices>,
}

/// The functions of one instance.
pub(super) struct Exports {
    pub(super) filter: filter::Guest,
    pub(super) state: Option<state::Guest>,
    /// To `on-message`, where there is one.
    pub(super) shortcut: Option<Shortcut>,
}

impl Program {
    /// Fails if an interface has the right name and other functions.
    pub(super) fn new(linked: InstancePre<State>) -> wasmtime::Result<Self> {
        let filter = filter::GuestIndices::new(&linked)?;
        let offers_state = linked.component().get_export_index(None, format!("{PACKAGE}/state@{VERSION}")).is_some();
        let state = offers_state.then(|| state::GuestIndices::new(&linked)).transpose()?;
        let shortcut = shortcut::Indices::new(linked.component());
        Ok(Self { linked, filter, state, shortcut })
    }

    pub(super) fn imports(&self) -> Vec<String> {
        let ty = self.linked.component().component_type();
        ty.imports(self.engine()).map(|(name, _)| name.to_owned()).collect()
    }

    pub(super) fn exports(&self) -> Vec<String> {
        let ty = self.linked.component().component_type();
        let names = ty.exports(self.engine()).map(|(name, _)| name).filter(|name| !shortcut::is_ours(name));
        names.map(str::to_owned).collect()
    }

    /// Whether messages go by the shortcut.
    pub(super) fn has_shortcut(&self) -> bool {
        self.shortcut.is_some()
    }

    pub(super) fn engine(&self) -> &Engine {
        self.linked.engine()
    }

    /// Runs what the component runs when it begins, and finds its functions.
    pub(super) fn instantiate(&self, store: &mut Store<State>) -> Result<Exports, InstantiateError> {
        let instance = self.linked.instantiate(&mut *store).map_err(InstantiateError::Failed)?;
        let filter = self.filter.load(&mut *store, &instance).map_err(InstantiateError::Mismatch)?;
        let state = self.state.as_ref().map(|state| state.load(&mut *store, &instance)).transpose();
        let shortcut = self.shortcut.as_ref().and_then(|shortcut| shortcut.load(&mut *store, &instance));
        Ok(Exports { filter, state: state.map_err(InstantiateError::Mismatch)?, shortcut })
    }
}

impl Exports {
    /// The one of all calls that every message pays.
    pub(super) fn on_message(
        &self,
        store: &mut Store<State>,
        session: u32,
        direction: types::Direction,
        kind: types::MessageKind,
        size: u32,
        payload: &[u8],
    ) -> wasmtime::Result<Said> {
        match &self.shortcut {
            Some(shortcut) => shortcut.on_message(store, session, direction, kind, size, payload),
            None => self.filter.call_on_message(store, session, direction, kind, size, payload).map(Said::from),
        }
    }
}

/// Why there is no instance.
pub(super) enum InstantiateError {
    /// It trapped, took too long, or used too much.
    Failed(wasmtime::Error),
    /// Its functions have other types than ours.
    Mismatch(wasmtime::Error),
}
