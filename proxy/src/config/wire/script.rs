//! A script's shape, as serde and schemars see it.

mod answer;
mod payload;

pub(in crate::config) use answer::*;
pub(in crate::config) use payload::*;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{FilterLimits, Isolation, OnFailure};
use crate::config::scalar::{Address, Time, TimeOrZero};

/// Events for a filter, and what it is to answer. Keys that begin with `x-` are ignored: a place for YAML anchors.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "A script for belay filter test", rename = "Script")]
#[schemars(extend("required" = ["scenarios"], "patternProperties" = { "^x-": true }))]
pub(in crate::config) struct File {
    /// The filter's config, of each scenario that has none of its own.
    pub(in crate::config) config: Value,
    /// Each has a host of its own.
    #[schemars(length(min = 1))]
    pub(in crate::config) scenarios: Vec<Scenario>,
}

/// A filter is started, and things happen to it.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub(in crate::config) struct Scenario {
    /// What it shows, in words.
    pub(in crate::config) name: String,
    /// The filter's config. Without it, that of the script.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Value")]
    pub(in crate::config) config: Option<Value>,
    /// What is in the filter's files, by the name that it knows them under.
    pub(in crate::config) files: BTreeMap<String, PayloadOrText>,
    /// What a failure of the filter means.
    pub(in crate::config) on_failure: OnFailure,
    /// Which sessions share an instance of the filter.
    pub(in crate::config) isolation: Isolation,
    /// What one instance of the filter may use.
    pub(in crate::config) limits: FilterLimits,
    /// What the filter may ask. Without it, anything: the script answers.
    pub(in crate::config) callouts: Option<Allowed>,
    /// The wall clock at the beginning, in milliseconds since 1970. Without it, the first of January 2026.
    pub(in crate::config) unix_ms: Option<u64>,
    /// What `host.random` gives, in turn and over and over. Without it, numbers that are the same each time.
    pub(in crate::config) random: Vec<u64>,
    /// `configure` must fail and say this. There are no steps then.
    pub(in crate::config) refused: Option<TextMatch>,
    /// What `configure` answers.
    pub(in crate::config) subscription: Option<Subscription>,
    /// What happens, in order.
    pub(in crate::config) steps: Vec<Step>,
}

/// What a filter may ask of HTTP services.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Allowed {
    /// Origins that it may ask: scheme, host and port. What it asks of others must be answered by `{ error: forbidden }`.
    pub(in crate::config) allow: Vec<String>,
}

/// A value that may be null, and is not the same as none.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What a filter wants to hear. What is not written is not compared.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Subscription {
    /// How much of messages to the backend.
    pub(in crate::config) to_backend: Option<Interest>,
    /// How much of messages to the client.
    pub(in crate::config) to_client: Option<Interest>,
    /// All the events that it wants.
    pub(in crate::config) events: Option<Vec<EventName>>,
}

/// How much of each message.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Interest {
    /// Nothing.
    Ignore,
    /// Kind and size.
    Size,
    /// This many leading bytes.
    Prefix(u32),
    /// All of it.
    Whole,
}

/// What a filter can subscribe to besides messages.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum EventName {
    /// Clients that ask to be let in.
    Handshake,
    /// What becomes of upstreams.
    Upstream,
    /// Heartbeats that were answered at the edge.
    Heartbeat,
    /// The end of sessions.
    Close,
}

/// One thing that happens, and what is to come of it.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Step {
    /// A client asks to be let in.
    pub(in crate::config) connect: Option<ConnectOrTarget>,
    /// The client says this.
    pub(in crate::config) to_backend: Option<PayloadOrText>,
    /// The backend says this.
    pub(in crate::config) to_client: Option<PayloadOrText>,
    /// Something became of the session's upstream.
    pub(in crate::config) upstream: Option<Upstream>,
    /// A heartbeat that came in this direction was answered at the edge.
    pub(in crate::config) heartbeat: Option<Direction>,
    /// So much time passes. Timers that become due are called at their time.
    pub(in crate::config) advance: Option<Time>,
    /// What is answered to the filter's callout.
    pub(in crate::config) answer: Option<CalloutAnswer>,
    /// Files of the filter have another content, or are gone. Files are looked at once a second.
    pub(in crate::config) files: Option<BTreeMap<String, Option<PayloadOrText>>>,
    /// A new version of the filter comes.
    pub(in crate::config) reload: Option<Reload>,
    /// Something becomes of the filter's instance.
    pub(in crate::config) instance: Option<Fate>,
    /// The session is over.
    pub(in crate::config) close: Option<CloseOrCode>,

    /// Which session it is about, by any name. Without it, that of the step before, `client` at first.
    pub(in crate::config) session: Option<String>,
    /// It happens so many times, each with the same answer.
    #[schemars(range(min = 1, max = 100_000))]
    pub(in crate::config) repeat: Option<u32>,
    /// The filter's answer. Without it, the one that lets things pass.
    pub(in crate::config) expect: Option<Expect>,
    /// All lines that the filter writes during the step.
    pub(in crate::config) log: Option<Vec<Line>>,
    /// Sums of the filter's counters after the step. Null: never counted.
    pub(in crate::config) counters: BTreeMap<String, Option<u64>>,
    /// Of the session, after the step. Null: not there.
    pub(in crate::config) attributes: BTreeMap<String, Option<TextMatch>>,
    /// What the session's backend is told, after the step. Null: not there.
    pub(in crate::config) upstream_headers: BTreeMap<String, Option<TextMatch>>,
    /// What the backend is offered in place of the client's, after the step.
    pub(in crate::config) subprotocols: Option<Vec<String>>,
    /// What the client is told if the backend picks none, after the step.
    pub(in crate::config) default_subprotocol: Option<String>,
    /// In how long the session's timers are due, after the step. Null: not set.
    pub(in crate::config) timers: BTreeMap<String, Option<TimeOrZero>>,
    /// The state that the session took in during the step.
    pub(in crate::config) restored: Option<Restored>,
    /// What the filter said when it refused the session's state during the step.
    pub(in crate::config) not_restored: Option<TextMatch>,
    /// Of `reload`: the new version must be refused, and say this.
    pub(in crate::config) refused: Option<TextMatch>,
    /// Of `advance`: all timers that become due, in order. Without it, each must answer `none`.
    pub(in crate::config) fires: Option<Vec<Fire>>,
}

/// A client by what it asks for, or with more.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum ConnectOrTarget {
    /// Path and query.
    Target(String),
    /// With more.
    Connect(Connect),
}

/// A client that asks to be let in.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["target"]))]
pub(in crate::config) struct Connect {
    /// Path and query.
    pub(in crate::config) target: String,
    /// The name of the route that matched. Without it, `route`.
    pub(in crate::config) route: Option<String>,
    /// Where the client comes from. Without it, 192.0.2.1:40000.
    pub(in crate::config) peer: Option<Address>,
    /// Its headers.
    pub(in crate::config) headers: BTreeMap<String, String>,
    /// What it offers in Sec-WebSocket-Protocol, in its order.
    pub(in crate::config) subprotocols: Vec<String>,
}

/// What became of a session's upstream.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Upstream {
    /// It is there, after this time.
    Connected(TimeOrZero),
    /// An attempt to connect failed.
    Failed,
    /// It was there and is gone.
    Lost,
    /// It proved that it has read what it was sent, after this time.
    Latency(TimeOrZero),
}

/// Where something is going.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Direction {
    /// From the client.
    ToBackend,
    /// From the backend.
    ToClient,
}

/// A new version of the filter.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Reload {
    /// Its config. Without it, that of the version before.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Value")]
    pub(in crate::config) config: Option<Value>,
    /// Its component's file, relative to this file. Without it, the same again.
    pub(in crate::config) wasm: Option<String>,
    /// What is carried over of sessions, in place of what the version before keeps of them.
    pub(in crate::config) states: BTreeMap<String, PayloadOrText>,
}

/// What becomes of the filter's instance.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Fate {
    /// As after a trap: what it kept is gone, and sessions are opened again in another.
    Lost,
}

/// A timer that is due.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["timer"]))]
pub(in crate::config) struct Fire {
    /// The filter's number for it.
    pub(in crate::config) timer: u32,
    /// Whose it is. Without it, the step's session.
    pub(in crate::config) session: Option<String>,
    /// How long after the beginning of the step. Without it, at any time.
    pub(in crate::config) after: Option<TimeOrZero>,
    /// The filter's answer. Without it, `none`.
    pub(in crate::config) expect: Option<Expect>,
}
