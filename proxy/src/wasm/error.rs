//! Why a filter cannot be loaded: each says what is wrong, where, and what to do.

use super::abi::{PACKAGE, VERSION};

/// A filter cannot be loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("filter {filter}: {problem}")]
pub struct LoadError {
    /// The filter's name.
    pub filter: Box<str>,
    /// What is wrong.
    pub problem: LoadProblem,
}

/// What is wrong with a filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadProblem {
    /// Neither a component nor a module.
    #[error("not a WebAssembly component: it begins with {begins}. Is this the right file?")]
    NotWasm {
        /// Its first bytes.
        begins: Box<str>,
    },
    /// A core module.
    #[error(
        "a core WebAssembly module, not a component. Build it with one of Belay's SDKs, or make a component of it with \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// Damaged, or of a proposal that is not supported.
    #[error("not a valid component: {0}")]
    Invalid(Box<str>),
    /// It has nothing that we would call.
    #[error(
        "a component of another world: it exports {exports}, not {PACKAGE}/filter@{VERSION}. Build it for the world \
         belay-filter of sdk/wit"
    )]
    OtherWorld {
        /// What it exports.
        exports: Box<str>,
    },
    /// It was built for another version of our interfaces.
    #[error("made for {PACKAGE}@{theirs}, and this is {PACKAGE}@{VERSION}. Build it with the SDK of this version")]
    OtherVersion {
        /// The version that it was made for.
        theirs: Box<str>,
    },
    /// It needs what filters are not given.
    #[error("it imports what filters are not given: {imports}.{hint}")]
    Imports {
        /// Their names.
        imports: Box<str>,
        /// What to do, with a space before it, or nothing.
        hint: &'static str,
    },
    /// Its interface has the right name and other functions.
    #[error("it does not match {PACKAGE}@{VERSION} of this proxy: {0}. Build it with the SDK of this version")]
    Mismatch(Box<str>),
    /// `configure` said no.
    #[error("it does not accept its config: {0}")]
    Config(Box<str>),
    /// Workers are still taking up the version before.
    #[error("{workers} workers are still taking up the version before: try again in a moment")]
    Busy {
        /// How many.
        workers: usize,
    },
    /// It could not be instantiated, or `configure` failed.
    #[error("it failed before it could serve: {0}")]
    Failed(Box<str>),
}

/// The host could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// WebAssembly cannot run here.
    #[error("the WebAssembly engine cannot run on this machine: {0}")]
    Engine(Box<str>),
    /// No thread could be started.
    #[error("the thread that measures filters' deadlines cannot be started: {0}")]
    Ticker(#[source] std::io::Error),
}

/// For components that were built for the system interface.
pub(super) const WASI_HINT: &str = " Filters have no files, sockets, clocks or environment but through the host: build for \
                                    wasm32-unknown-unknown, or stub WASI out";
