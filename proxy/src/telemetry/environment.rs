//! What the environment says about telemetry: OpenTelemetry's variables
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>), of which those for the endpoint,
//! protocol, timeout, headers, batches, the service's name and the resource are honoured, and the pod that we run in. The
//! YAML wins over all of it.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::settings::{Batching, Protocol, Settings, Signal};
use super::{Otlp, StartError};
use crate::tls::{self, ClientSettings, ClientTls};

/// Where variables are looked up; tests have their own.
pub struct Environment(Box<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String>;

/// A collector, with every default filled in.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    /// Complete: scheme, host, port, and for HTTP the path.
    pub(super) endpoint: String,
    /// For `https`.
    pub(super) tls: Option<Arc<ClientTls>>,
    pub(super) protocol: Protocol,
    pub(super) timeout: Duration,
    pub(super) headers: HeaderMap,
}

/// The specification's.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
const METRICS_EVERY: Duration = Duration::from_secs(60);

impl Environment {
    /// The process's.
    pub fn of_process() -> Self {
        Self(Box::new(|name| std::env::var(name).ok()))
    }

    /// A made-up one.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let variables: Vec<(String, String)> = variables.iter().map(|&(n, v)| (n.into(), v.into())).collect();
        Self(Box::new(move |name| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())))
    }

    /// The specification takes a variable that is set to nothing for one that is not set.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Where a signal goes, if anywhere.
    pub(super) fn collector(&self, settings: &Settings, signal: Signal) -> Result<Option<Collector>, StartError> {
        let is_disabled = self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_disabled || !self.is_wanted(settings, signal) {
            return Ok(None);
        }
        let names = Names::of(signal);
        let Otlp { endpoint, protocol, headers, timeout, tls, .. } = &settings.otlp;
        let protocol = match protocol {
            Some(protocol) => *protocol,
            None => self.protocol(names)?,
        };
        // Only the variable for all signals has the path of each added; that for one is taken as it is.
        let endpoint = if let Some(endpoint) = endpoint {
            with_path(endpoint, protocol, names)
        } else if let Some(endpoint) = self.get(names.endpoint) {
            endpoint
        } else if let Some(base) = self.get("OTEL_EXPORTER_OTLP_ENDPOINT") {
            match protocol {
                Protocol::Grpc => base,
                Protocol::Http => format!("{}{}", base.trim_end_matches('/'), names.path),
            }
        } else {
            return Ok(None);
        };
        let tls = match (scheme(&endpoint)?, tls) {
            (Scheme::Http, _) => None,
            (Scheme::Https, Some(tls)) => Some(Arc::clone(tls)),
            (Scheme::Https, None) => {
                let bad = |error: tls::BadFile| bad(&endpoint, &error.to_string());
                Some(Arc::new(ClientTls::load(ClientSettings::default()).map_err(bad)?))
            }
        };
        let timeout = match timeout {
            Some(timeout) => *timeout,
            None => self.milliseconds(&[names.timeout, "OTEL_EXPORTER_OTLP_TIMEOUT"])?.unwrap_or(EXPORT_TIMEOUT),
        };
        let mut all = self.headers(names);
        all.extend(headers.iter().cloned().collect::<HeaderMap>());
        Ok(Some(Collector { endpoint, tls, protocol, timeout, headers: all }))
    }

    /// The specification would have all three go to whatever collector is named. Numbers and logs have another way out, which
    /// most clusters use, so here they wait to be asked for.
    fn is_wanted(&self, settings: &Settings, signal: Signal) -> bool {
        match (&settings.otlp.signals, self.get(Names::of(signal).exporter)) {
            (Some(signals), _) => signals.contains(&signal),
            (None, Some(exporters)) => exporters.split(',').any(|exporter| exporter.trim() == "otlp"),
            (None, None) => signal == Signal::Traces,
        }
    }

    fn protocol(&self, names: &Names) -> Result<Protocol, StartError> {
        for name in [names.protocol, "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            return match self.get(name).as_deref() {
                None => continue,
                Some("grpc") => Ok(Protocol::Grpc),
                Some("http/protobuf") => Ok(Protocol::Http),
                Some(value) => {
                    Err(StartError::Variable { name, value: value.into(), expected: "grpc or http/protobuf" })
                }
            };
        }
        Ok(Protocol::default())
    }

    /// Those of all signals, and those of this one, which win. What cannot be a header is left out.
    fn headers(&self, names: &Names) -> HeaderMap {
        let pairs = ["OTEL_EXPORTER_OTLP_HEADERS", names.headers].into_iter().flat_map(|name| self.pairs(name));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        headers
    }

    /// From one export of numbers to the next.
    pub(super) fn metrics_every(&self, settings: &Settings) -> Result<Duration, StartError> {
        match settings.otlp.metrics_every {
            Some(every) => Ok(every),
            None => Ok(self.milliseconds(&["OTEL_METRIC_EXPORT_INTERVAL"])?.unwrap_or(METRICS_EVERY)),
        }
    }

    /// How spans, or lines of the log, wait for their export.
    pub(super) fn batching(&self, signal: Signal) -> Result<Batching, StartError> {
        let defaults = Batching::of(signal);
        let [queue_max, batch_max, every] = match signal {
            Signal::Logs => ["OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "OTEL_BLRP_SCHEDULE_DELAY"],
            Signal::Traces | Signal::Metrics => {
                ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY"]
            }
        };
        let queue_max = self.count(queue_max)?.unwrap_or(defaults.queue_max);
        let batch_max = self.count(batch_max)?.unwrap_or(defaults.batch_max);
        let every = self.milliseconds(&[every])?.unwrap_or(defaults.every);
        Ok(Batching { every, queue_max, batch_max: batch_max.min(queue_max) })
    }

    fn milliseconds(&self, names: &[&'static str]) -> Result<Option<Duration>, StartError> {
        for name in names {
            if let Some(count) = self.count(name)? {
                return Ok(Some(Duration::from_millis(count as u64)));
            }
        }
        Ok(None)
    }

    fn count(&self, name: &'static str) -> Result<Option<usize>, StartError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.parse() {
            Ok(count) if count > 0 => Ok(Some(count)),
            _ => Err(StartError::Variable { name, value: value.into(), expected: "a whole number above 0" }),
        }
    }

    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub(super) fn resource_attributes(&self) -> Vec<(String, String)> {
        self.pairs("OTEL_RESOURCE_ATTRIBUTES")
    }

    /// `key=value` pairs parted by commas, values percent-encoded. Pairs that are not are left out, as the specification wants.
    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let list = self.get(name).unwrap_or_default();
        list.split(',')
            .filter_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                Some((key.trim().to_owned(), percent_decoded(value.trim())?))
            })
            .filter(|(key, _)| !key.is_empty())
            .collect()
    }
}

/// What is a signal's own.
struct Names {
    /// Added to an HTTP endpoint.
    path: &'static str,
    exporter: &'static str,
    endpoint: &'static str,
    protocol: &'static str,
    headers: &'static str,
    timeout: &'static str,
}

impl Names {
    fn of(signal: Signal) -> &'static Self {
        match signal {
            Signal::Traces => &Self {
                path: "/v1/traces",
                exporter: "OTEL_TRACES_EXPORTER",
                endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                protocol: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
                headers: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                timeout: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
            },
            Signal::Metrics => &Self {
                path: "/v1/metrics",
                exporter: "OTEL_METRICS_EXPORTER",
                endpoint: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
                protocol: "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
                headers: "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
                timeout: "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
            },
            Signal::Logs => &Self {
                path: "/v1/logs",
                exporter: "OTEL_LOGS_EXPORTER",
                endpoint: "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
                protocol: "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
                headers: "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
                timeout: "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
            },
        }
    }
}

/// The YAML's endpoint names the collector; one with a path of its own is taken as it is, except that the path of traces
/// stands for those of the others too.
fn with_path(endpoint: &str, protocol: Protocol, names: &Names) -> String {
    let host = endpoint.trim_end_matches('/');
    let base = host.strip_suffix(Names::of(Signal::Traces).path).unwrap_or(host);
    let has_path = base.split_once("://").map_or(base, |(_, rest)| rest).contains('/');
    match protocol {
        Protocol::Http if !has_path || base != host => format!("{base}{}", names.path),
        _ => endpoint.to_owned(),
    }
}

enum Scheme {
    Http,
    Https,
}

fn scheme(endpoint: &str) -> Result<Scheme, StartError> {
    let uri: http::Uri = endpoint.parse().map_err(|error: http::uri::InvalidUri| bad(endpoint, &error.to_string()))?;
    match uri.scheme_str() {
        Some("http") => Ok(Scheme::Http),
        Some("https") => Ok(Scheme::Https),
        _ => Err(bad(endpoint, "it must begin with http:// or https://")),
    }
}

fn bad(endpoint: &str, cause: &str) -> StartError {
    StartError::Endpoint { endpoint: endpoint.into(), cause: cause.into() }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}
