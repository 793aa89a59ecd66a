//! What the telemetry room is given, validated. What it does with it is its own.

use std::io::IsTerminal;
use std::time::Duration;

/// Traces and logs.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// OpenTelemetry's `service.name`. Default `belay`.
    pub service_name: Box<str>,
    /// Further attributes of the resource, by name.
    pub resource: Vec<(Box<str>, Box<str>)>,
    /// Where traces are sent; nothing: nowhere, the default.
    pub otlp: Option<Otlp>,
    /// How much is traced, if there is somewhere to send it.
    pub sample: Sample,
    /// What is logged to standard error.
    pub log: Log,
}

/// A collector of traces.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// An http or https URL with a host, as the file gives it.
    pub endpoint: Box<str>,
    /// Default gRPC.
    pub protocol: OtlpProtocol,
    /// Sent with each export: lower-case name and value, both valid in HTTP.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// For one export. Default 10 s.
    pub timeout: Duration,
}

impl Otlp {
    /// OpenTelemetry's own default (`OTEL_EXPORTER_OTLP_TIMEOUT`).
    pub const TIMEOUT: Duration = Duration::from_secs(10);
}

/// How to speak to a collector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OtlpProtocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP, in protobuf.
    Http,
}

/// Shares from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// Of sessions whose client has not decided it. Default 1.
    pub sessions: f64,
    /// Of messages in sampled sessions. Default 0.
    pub messages: f64,
}

/// What is logged to standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Log {
    /// Default info.
    pub level: tracing::Level,
    /// Default: [`LogFormat::for_stderr`].
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl LogFormat {
    /// Pretty if somebody looks on, JSON otherwise.
    pub fn for_stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Pretty } else { Self::Json }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            service_name: "belay".into(),
            resource: Vec::new(),
            otlp: None,
            sample: Sample::default(),
            log: Log { level: tracing::Level::INFO, format: LogFormat::for_stderr() },
        }
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self { sessions: 1.0, messages: 0.0 }
    }
}
