//! What all instances of a loaded filter have in common.

use std::sync::Arc;
use std::time::Duration;

use super::deadline::Allowance;
use super::lives::Places;
use super::services::FilterServices;
use super::services::files::Files;
use crate::dataplane::callout::Terms;
use crate::dataplane::chain::{FailureKind, FilterFailure};
use crate::dataplane::route::{FailurePolicy, FilterLimits, FilterSpec, Isolation};
use crate::secret::Secrets;

/// `configure` reads keys and tables, once an instance; it may take longer than an event, but a worker waits for it.
pub(super) const CONFIGURE_DEADLINE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Context {
    /// The YAML's name of the filter.
    pub(super) name: Box<str>,
    /// Its config as JSON, secrets and all.
    pub(super) config: String,
    pub(super) secrets: Secrets,
    pub(super) limits: FilterLimits,
    /// Of an event.
    pub(super) allowance: Allowance,
    pub(super) policy: FailurePolicy,
    pub(super) isolation: Isolation,
    /// Of instances, where each session has its own.
    pub(super) places: Arc<Places>,
    pub(super) files: Files,
    pub(super) services: Arc<FilterServices>,
    /// Of its callouts.
    pub(super) terms: Arc<Terms>,
}

impl Context {
    /// As the YAML has it, with what it shares.
    pub(super) fn of(spec: &FilterSpec, services: Arc<FilterServices>, places: Arc<Places>, terms: Arc<Terms>) -> Self {
        Self {
            name: spec.name.clone(),
            config: spec.secrets.fill_json(&spec.config).to_string(),
            secrets: spec.secrets.clone(),
            limits: spec.limits,
            allowance: Allowance::of(spec.limits.deadline),
            policy: spec.on_failure,
            isolation: spec.isolation,
            places,
            files: Files::new(&spec.name, &spec.files),
            terms,
            services,
        }
    }

    /// A failure of this filter, answered by its policy.
    pub(super) fn failure(&self, kind: FailureKind, cause: impl Into<Box<str>>) -> FilterFailure {
        FilterFailure { filter: self.name.clone(), cause: cause.into(), kind, policy: self.policy }
    }
}
