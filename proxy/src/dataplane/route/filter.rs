//! Filters, as they are configured: where each comes from, and what it may do and use.

use std::path::PathBuf;
use std::time::Duration;

use crate::dataplane::callout::CalloutPolicy;
use crate::oci;
use crate::secret::Secrets;

/// A filter as the YAML names it.
#[derive(Clone, PartialEq, Debug)]
pub struct FilterSpec {
    /// Unique.
    pub name: Box<str>,
    /// Its component.
    pub source: FilterSource,
    /// The SHA-256 sum of the component that is meant, in lower-case hexadecimal digits; any other is refused.
    pub sha256: Option<Box<str>>,
    /// Handed to `configure` as JSON, with `secrets` in place of their names.
    pub config: serde_json::Value,
    /// What `config` names.
    pub secrets: Secrets,
    /// Files it may read, by the name it knows them under.
    pub files: Vec<(Box<str>, PathBuf)>,
    /// What a failure of the filter means to the event it failed on.
    pub on_failure: FailurePolicy,
    /// Who shares an instance.
    pub isolation: Isolation,
    /// What it may use.
    pub limits: FilterLimits,
    /// What it may ask of HTTP services.
    pub callouts: CalloutPolicy,
}

/// Where a filter's component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterSource {
    /// One that ships inside the binary.
    Shipped(Box<str>),
    /// A file.
    File(PathBuf),
    /// A registry.
    Registry(oci::Reference),
}

/// What a failure of the filter means to the event it failed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// A handshake is refused with 503, a message closes its session with 1011.
    #[default]
    Deny,
    /// As if the filter were not there.
    Allow,
}

/// Which sessions share an instance of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All of one worker.
    #[default]
    Shared,
    /// None: each has its own.
    Session,
}

/// What one instance of a filter may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterLimits {
    /// Linear memory. Default 16 MiB.
    pub memory_bytes_max: usize,
    /// An instance that has grown beyond this is replaced by a fresh one, its state carried over. Default: never.
    pub recycle_bytes: Option<usize>,
    /// One event. Default 10 ms.
    pub deadline: Duration,
    /// Calls to the host in one event. Default 1,000.
    pub host_calls_max: u32,
    /// Keys in one of its limiters, and entries in its store. Default 100,000.
    pub table_entries_max: usize,
    /// Instances over all workers, where each session has its own. Default 1,000: some hundred megabytes, and well under
    /// what Linux lets a process map.
    pub instances_max: usize,
}

impl FilterSpec {
    /// The one of this name that ships, or one that is loaded from bytes at hand: without a config, and with all else as it is
    /// where the YAML says nothing.
    pub fn shipped(name: &str) -> Self {
        Self {
            name: name.into(),
            source: FilterSource::Shipped(name.into()),
            sha256: None,
            config: serde_json::Value::Null,
            secrets: Secrets::default(),
            files: Vec::new(),
            on_failure: FailurePolicy::default(),
            isolation: Isolation::default(),
            limits: FilterLimits::default(),
            callouts: CalloutPolicy::default(),
        }
    }
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 16 * 1024 * 1024,
            recycle_bytes: None,
            deadline: Duration::from_millis(10),
            host_calls_max: 1_000,
            table_entries_max: 100_000,
            instances_max: 1_000,
        }
    }
}
