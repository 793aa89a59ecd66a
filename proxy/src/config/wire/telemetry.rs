//! `telemetry`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientTls;
use crate::config::scalar::{HttpUrl, Time};
use crate::telemetry;

/// Traces, logs, and where numbers are sent.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Telemetry {
    /// What traces call this service. Without it, what the environment says (`OTEL_SERVICE_NAME`), or `belay`.
    ///
    /// Set it to the name of the application that Belay stands in front of, with `-belay` after it.
    pub(in crate::config) service_name: Option<String>,
    /// Further attributes of the resource, as OpenTelemetry calls it: `deployment.environment.name: staging`.
    pub(in crate::config) resource: BTreeMap<String, String>,
    /// The collector that traces, and what else is wanted, are sent to. Without it the one that the environment names
    /// (`OTEL_EXPORTER_OTLP_ENDPOINT`), or none.
    pub(in crate::config) otlp: Option<Otlp>,
    /// How much is traced.
    pub(in crate::config) sample: Sample,
    /// What is logged to standard error, and how.
    pub(in crate::config) log: Log,
}

/// A collector.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint"]))]
pub(in crate::config) struct Otlp {
    /// Its URL. For `http` the path of what is sent is added if there is none: /v1/traces, /v1/metrics, /v1/logs.
    pub(in crate::config) endpoint: Option<HttpUrl>,
    /// What is sent: `traces`, `metrics` (all numbers of the admin port's `/metrics`), `logs` (what is logged, too). Without it,
    /// what the environment says (`OTEL_TRACES_EXPORTER` and its like), or traces alone.
    ///
    /// Add `metrics` where nothing scrapes `/metrics`, and `logs` where nothing reads standard error.
    #[schemars(length(min = 1))]
    pub(in crate::config) signals: Option<Vec<Signal>>,
    /// From one sending of all numbers to the next. Without it, what the environment says, or 60s.
    pub(in crate::config) metrics_every: Option<Time>,
    /// How an `https://` endpoint is trusted.
    pub(in crate::config) tls: Option<ClientTls>,
    /// How to speak to it. Without it, what the environment says, or `grpc`.
    pub(in crate::config) protocol: Option<Protocol>,
    /// Headers of each request, for collectors that ask who sends. A secret is named, by `${file:PATH}` or `${env:NAME}`:
    /// `authorization: Bearer ${file:token}`.
    pub(in crate::config) headers: BTreeMap<String, String>,
    /// The longest for one export. Without it, what the environment says, or 10s.
    pub(in crate::config) timeout: Option<Time>,
}

/// What is sent to a collector.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Signal {
    /// Spans.
    Traces,
    /// Numbers.
    Metrics,
    /// Lines of the log.
    Logs,
}

/// How to speak to a collector.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Protocol {
    /// OTLP over gRPC, on port 4317 by custom.
    Grpc,
    /// OTLP over HTTP in protobuf, on port 4318 by custom.
    Http,
}

/// How much is traced, where the client has not decided it.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Sample {
    /// The share of sessions, from 0 to 1.
    ///
    /// Lower it when the collector has too much to do.
    #[schemars(range(min = 0, max = 1))]
    pub(in crate::config) sessions: f64,
    /// The share of messages in those sessions, from 0 to 1.
    ///
    /// Raise it to 0.01 or so to see what single messages wait for.
    #[schemars(range(min = 0, max = 1))]
    pub(in crate::config) messages: f64,
}

/// What is logged to standard error, and how.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Log {
    /// The least important that is logged.
    pub(in crate::config) level: Level,
    /// How lines look. Without it, `pretty` on a terminal and `json` elsewhere.
    pub(in crate::config) format: Option<Format>,
}

/// How important a line is.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Level {
    /// Somebody should look.
    Error,
    /// Something may be wrong.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// Each session's life.
    Debug,
    /// Each event; builds for release leave it out.
    Trace,
}

/// How lines look.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl From<Signal> for telemetry::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Traces => Self::Traces,
            Signal::Metrics => Self::Metrics,
            Signal::Logs => Self::Logs,
        }
    }
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

impl Default for Sample {
    fn default() -> Self {
        let sample = telemetry::Sample::default();
        Self { sessions: sample.sessions, messages: sample.messages }
    }
}
