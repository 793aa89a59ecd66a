//! What telemetry is given, validated. Reading it from YAML is the config room's; the environment fills in what the YAML
//! leaves open.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::LogFilter;
use crate::tls::ClientTls;

/// The YAML's `telemetry`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `service.name`. Default: the environment's, or `belay`.
    pub service_name: Option<Box<str>>,
    /// Further attributes of the resource; they win over the environment's and over our own.
    pub resource: Vec<(Box<str>, Box<str>)>,
    /// Where traces, numbers and logs go. With nothing here and nothing in the environment, nowhere.
    pub otlp: Otlp,
    /// How much is traced.
    pub sample: Sample,
    /// The log.
    pub log: Log,
}

/// A collector, and what it gets.
#[derive(Clone, Debug, Default)]
pub struct Otlp {
    /// The collector's URL. For HTTP without a path, that of each signal is added. Default: the environment's, or none.
    pub endpoint: Option<Box<str>>,
    /// What is sent. Default: what the environment says, or traces alone.
    pub signals: Option<Vec<Signal>>,
    /// From one export of numbers to the next. Default: the environment's, or 60 s.
    pub metrics_every: Option<Duration>,
    /// For `https://`. Default: the system's roots.
    pub tls: Option<Arc<ClientTls>>,
    /// Default: the environment's, or gRPC.
    pub protocol: Option<Protocol>,
    /// Sent with every export; they win over the environment's of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// For one export with its retries. Default: the environment's, or 10 s.
    pub timeout: Option<Duration>,
}

/// A kind of telemetry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Spans.
    Traces,
    /// The numbers of the admin port's `/metrics`.
    Metrics,
    /// The log.
    Logs,
}

/// How telemetry is put on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    /// OTLP/gRPC, port 4317 by custom.
    #[default]
    Grpc,
    /// OTLP/HTTP with protobuf, port 4318 by custom.
    Http,
}

/// How much is traced. What is kept in any case is in `docs/tracing.md`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// The share of sessions, and of plain requests, that come without a decision of their client's: 0 to 1. Default 1.
    pub sessions: f64,
    /// The share of messages in sampled sessions: 0 to 1. Default 0.
    pub messages: f64,
}

/// The log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// What is logged. Default: `info`.
    pub filter: LogFilter,
    /// How.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Pretty,
}

/// How spans, or lines of the log, wait for their export: the specification's `OTEL_BSP_*` and `OTEL_BLRP_*` variables and
/// their defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batching {
    /// The longest that one waits. Default 5 s for spans, 1 s for lines.
    pub every: Duration,
    /// How many may wait, about 1 KiB each; more are dropped. Default 2,048.
    pub queue_max: usize,
    /// How many there are in one export, and the count that wakes the exporter before its time. Default 512.
    pub batch_max: usize,
}

impl LogFormat {
    /// Pretty if somebody looks on, JSON otherwise.
    pub fn for_stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Pretty } else { Self::Json }
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self { sessions: 1.0, messages: 0.0 }
    }
}

impl Batching {
    /// The specification's defaults.
    pub fn of(signal: Signal) -> Self {
        let every = match signal {
            Signal::Logs => Duration::from_secs(1),
            Signal::Traces | Signal::Metrics => Duration::from_secs(5),
        };
        Self { every, queue_max: 2_048, batch_max: 512 }
    }
}
