//! The file's shape, as serde and schemars see it. The defaults are those of the validated types, so that there is one
//! place for each; the doc comments are the schema's descriptions and docs/configuration.md: what an option means, and in a
//! second paragraph when to change it.
//!
//! Everything has a default here, also what must be given: that it is missing is found by the walk over the schema, and
//! with a default the rest of a file can still be read and checked.

mod drain;
mod filter;
mod listener;
mod registries;
mod report;
mod route;
pub(super) mod script;
mod telemetry;
mod tls;

pub(super) use drain::*;
pub(super) use filter::*;
pub(super) use listener::*;
pub(super) use registries::*;
pub(super) use report::*;
pub(super) use route::*;
pub(super) use telemetry::*;
pub(super) use tls::*;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::{Address, Size};
use crate::dataplane::route as validated;

/// Keys that begin with `x-` are ignored: a place for YAML anchors.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Belay's configuration", rename = "Configuration")]
#[schemars(extend("required" = ["listeners", "routes"], "patternProperties" = { "^x-": true }))]
pub(super) struct File {
    /// Where clients connect.
    #[schemars(length(min = 1))]
    pub(super) listeners: Vec<Listener>,
    /// Which requests go where, and how their sessions are treated. Of the routes that match, the one is taken that says most
    /// about the request: first by whether it names the listener, then by its host, then by its path (an exact one before a
    /// prefix, a longer prefix before a shorter one), then by how many headers and query parameters it asks for; of equals,
    /// the first.
    #[schemars(length(min = 1))]
    pub(super) routes: Vec<Route>,
    /// Filters by the name that routes give them. Each is either `use`, one that ships with Belay, or `wasm`, a file.
    pub(super) filters: BTreeMap<String, Filter>,
    /// Bounds on the process as a whole.
    pub(super) limits: Limits,
    /// How the process goes away on SIGTERM.
    pub(super) drain: Drain,
    /// Threads that carry sessions. Without it, one for each processor that the process may use.
    ///
    /// Set it where a container has fewer processors than the machine shows.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) workers: Option<u32>,
    /// A folder for compiled filters, made if it is not there. Without it, filters are compiled at each start.
    ///
    /// Set it when filters are large: those made from JavaScript or Python take seconds to compile.
    pub(super) filter_cache: Option<String>,
    /// How registries are spoken to that filters are pulled from.
    pub(super) registries: Registries,
    /// The port for operators: liveness, readiness, metrics. Without it there is none.
    pub(super) admin: Option<Admin>,
    /// What adaptive probes learn of the clients' networks.
    pub(super) networks: Networks,
    /// Traces and logs.
    pub(super) telemetry: Telemetry,
    /// Follows clients over all their sessions. Without it, or `report`, they are not followed.
    pub(super) clients: Option<Clients>,
    /// Tells an HTTP endpoint what becomes of clients, see [connection-state.md](connection-state.md).
    pub(super) report: Option<Report>,
}

/// Bounds on the process as a whole.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// The most payload kept for all sessions together, in both directions. A session that needs more is closed.
    ///
    /// Set it to what the container's memory leaves, about half; raise it if the count of lost messages names this limit.
    pub(super) held_bytes: Size,
    /// Memory of the process. With more in use, new connections are refused and `/ready` says no; sessions go on. Without it,
    /// four fifths of what the container may use, if that is limited; `off` takes everybody.
    ///
    /// Set it where there is no container, to what the machine can spare.
    pub(super) memory: Option<SizeOrOff>,
}

/// A number of bytes, or none.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(untagged)]
pub(super) enum SizeOrOff {
    /// As much as there is.
    Off(Off),
    /// So many.
    Size(Size),
}

/// The port for operators.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(super) struct Admin {
    /// The IP address and port.
    ///
    /// Loopback is for those on the same machine or in the same pod. Elsewhere set `token` too: without it only probes and
    /// scrapers are answered.
    pub(super) address: Option<Address>,
    /// The token that is asked for, by name: `${file:PATH}`, such as a mounted Kubernetes Secret, or `${env:NAME}`. With it, all
    /// but `/live`, `/ready` and `/metrics` takes `Authorization: Bearer …`, on loopback too. Read at the start.
    pub(super) token: Option<String>,
}

/// What adaptive probes learn of the clients' networks.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Networks {
    /// A file to keep it in. It is read at the start, and written every five minutes and at the end. Without it, it is learned
    /// anew after each start.
    ///
    /// Set it where there is a disk that outlives the container.
    pub(super) learned: Option<String>,
    /// The most networks that are known at a time; those that were used least lately are forgotten first.
    ///
    /// Raise it when clients come from more networks than that.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) entries: u32,
}

impl Default for Networks {
    fn default() -> Self {
        Self { learned: None, entries: count(crate::dataplane::probe::NETWORKS_DEFAULT) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { held_bytes: Size(validated::Limits::default().held_bytes_max), memory: None }
    }
}

/// Counts are 32 bits wide in the file, on every machine.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
