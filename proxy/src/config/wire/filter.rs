//! `filters`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientTls, count};
use crate::config::scalar::{Size, Time};
use crate::dataplane::callout::CalloutPolicy;
use crate::dataplane::route as validated;

/// A filter: a WASM component that sees each event of the sessions whose route names it.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["use"] }, { "required": ["wasm"] }]))]
pub(in crate::config) struct Filter {
    /// The name of a filter that ships with Belay.
    #[serde(rename = "use")]
    pub(in crate::config) shipped: Option<String>,
    /// The file of a component, relative to this file; or one in a registry, by its digest:
    /// `oci://registry/repository@sha256:…`, see [filters](filters.md#provenance).
    pub(in crate::config) wasm: Option<String>,
    /// The SHA-256 digest of the component, in 64 hexadecimal digits, as `sha256sum` says it. Another component is refused, at
    /// start and when its file changes.
    ///
    /// Set it where somebody else could write to the file.
    pub(in crate::config) sha256: Option<String>,
    /// What the filter itself is told; see the filter's own page. Texts in it may name secrets, by `${file:PATH}` or
    /// `${env:NAME}`.
    pub(in crate::config) config: serde_json::Value,
    /// Files that the filter may read, by the name it knows them under, relative to this file.
    pub(in crate::config) files: BTreeMap<String, String>,
    /// What happens to an event when the filter fails: it traps, or takes too long.
    ///
    /// `allow` is for filters that the service can do without. Never for those that guard it.
    pub(in crate::config) on_failure: OnFailure,
    /// Which sessions share an instance of the filter.
    ///
    /// `session` for filters that are not trusted with other sessions' data. It costs memory and time for each session.
    pub(in crate::config) isolation: Isolation,
    /// What one instance of the filter may use.
    pub(in crate::config) limits: FilterLimits,
    /// What the filter may ask of HTTP services.
    pub(in crate::config) callouts: Callouts,
}

/// What a filter may ask of HTTP services, such as an auth server. What waits for an answer is one message, or one client;
/// see [Callouts](filters.md#callouts).
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Callouts {
    /// Origins that it may ask: scheme, host and port, as in `https://auth.internal:8443`. None: it may ask nothing.
    pub(in crate::config) allow: Vec<String>,
    /// How origins of `https` are trusted.
    pub(in crate::config) tls: Option<ClientTls>,
    /// The longest from the dial to the end of an answer. The filter may ask for less.
    ///
    /// Lower it if clients should rather be refused than wait.
    pub(in crate::config) timeout: Time,
    /// The longest body of an answer.
    pub(in crate::config) body: Size,
    /// The most that are under way at a time, in the whole process. One more fails at once.
    ///
    /// Raise it to the connects a second that are expected, times the seconds that the service takes.
    #[schemars(range(min = 1))]
    pub(in crate::config) in_flight: u32,
}

impl Default for Callouts {
    fn default() -> Self {
        let policy = CalloutPolicy::default();
        Self {
            allow: Vec::new(),
            tls: None,
            timeout: Time(policy.timeout),
            body: Size(policy.body_bytes_max),
            in_flight: count(policy.in_flight_max),
        }
    }
}

/// What a failure of the filter means to the event it failed on.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum OnFailure {
    /// A handshake is refused with 503, a message closes its session with 1011.
    #[default]
    Deny,
    /// As if the filter were not there.
    Allow,
}

/// Which sessions share an instance of a filter.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Isolation {
    /// All of one worker.
    #[default]
    Shared,
    /// None: each has its own, as many as `limits.instances` allows. A session too many is answered as `on_failure` says.
    Session,
}

/// What one instance of a filter may use. Each worker has one instance of each filter, unless each session has its own.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "FilterLimits")]
pub(in crate::config) struct FilterLimits {
    /// Its linear memory.
    ///
    /// Raise it for filters written in JavaScript or Python, whose runtimes need more.
    pub(in crate::config) memory: Size,
    /// An instance that has grown beyond this, and to twice what it had at first, is replaced by a fresh one between two events.
    ///
    /// For filters whose runtime loses memory as it goes, such as Python's: well above what the filter begins with, well below
    /// `memory`. What it keeps of sessions goes over by its `snapshot` and `restore`, or `on-reopen` begins anew.
    pub(in crate::config) recycle: Option<Size>,
    /// The longest for one event. It keeps the other sessions of its worker waiting.
    ///
    /// Raise it with care, for filters that compute much, such as signatures by RSA.
    pub(in crate::config) deadline: Time,
    /// The most calls to the host in one event.
    #[schemars(range(min = 1))]
    pub(in crate::config) host_calls: u32,
    /// The most keys in one of its limiters, and the most entries in its store.
    ///
    /// Raise it above the number of users who are online at a time, if limits are kept by user.
    #[schemars(range(min = 1))]
    pub(in crate::config) table_entries: u32,
    /// The most instances over all workers, with `isolation: session`.
    ///
    /// Raise it to the sessions that are to be open at a time. What the machine cannot have is refused at start.
    #[schemars(range(min = 1))]
    pub(in crate::config) instances: u32,
}

impl Default for FilterLimits {
    fn default() -> Self {
        let limits = validated::FilterLimits::default();
        Self {
            memory: Size(limits.memory_bytes_max),
            recycle: limits.recycle_bytes.map(Size),
            deadline: Time(limits.deadline),
            host_calls: limits.host_calls_max,
            table_entries: count(limits.table_entries_max),
            instances: count(limits.instances_max),
        }
    }
}
