//! What the environment says about telemetry: OpenTelemetry's variables
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>), of which those for the endpoint,
//! protocol, timeout, headers, batches, the service's name and the resource are honoured, and the pod that we run in. The
//! YAML wins over all of it.

use std::sync::Arc;
use std::time::Duration;

use super::settings::{Batching, Protocol, Settings};
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
    pub(super) headers: http::HeaderMap,
}

/// The specification's.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

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

    /// Where traces go, if anywhere.
    pub(super) fn collector(&self, settings: &Settings) -> Result<Option<Collector>, StartError> {
        if self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let Otlp { endpoint, protocol, headers, timeout, tls } = &settings.otlp;
        let protocol = match protocol {
            Some(protocol) => *protocol,
            None => self.protocol()?,
        };
        // Only the variable for all signals has the path of each added; that for traces is taken as it is.
        let endpoint = if let Some(endpoint) = endpoint {
            with_path(endpoint, protocol)
        } else if let Some(endpoint) = self.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            endpoint
        } else if let Some(base) = self.get("OTEL_EXPORTER_OTLP_ENDPOINT") {
            match protocol {
                Protocol::Grpc => base,
                Protocol::Http => format!("{}/v1/traces", base.trim_end_matches('/')),
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
            None => self.milliseconds(TIMEOUTS)?.unwrap_or(EXPORT_TIMEOUT),
        };
        Ok(Some(Collector { endpoint, tls, protocol, timeout, headers: headers.iter().cloned().collect() }))
    }

    fn protocol(&self) -> Result<Protocol, StartError> {
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
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

    /// How spans wait for their export.
    pub(super) fn batching(&self) -> Result<Batching, StartError> {
        let defaults = Batching::default();
        let queue_max = self.count("OTEL_BSP_MAX_QUEUE_SIZE")?.unwrap_or(defaults.queue_max);
        let batch_max = self.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")?.unwrap_or(defaults.batch_max);
        let every = self.milliseconds(&["OTEL_BSP_SCHEDULE_DELAY"])?.unwrap_or(defaults.every);
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

    /// `OTEL_RESOURCE_ATTRIBUTES`: `key=value` pairs parted by commas, values percent-encoded. Pairs that are not are left
    /// out, as the specification wants.
    pub(super) fn resource_attributes(&self) -> Vec<(String, String)> {
        let list = self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        list.split(',')
            .filter_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                Some((key.trim().to_owned(), percent_decoded(value.trim())?))
            })
            .filter(|(key, _)| !key.is_empty())
            .collect()
    }
}

/// The first that is set counts.
const TIMEOUTS: &[&str] = &["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

/// The YAML's endpoint names the collector; one with a path of its own is taken as it is.
fn with_path(endpoint: &str, protocol: Protocol) -> String {
    let host = endpoint.trim_end_matches('/');
    let has_path = host.split_once("://").map_or(host, |(_, rest)| rest).contains('/');
    match protocol {
        Protocol::Http if !has_path => format!("{host}/v1/traces"),
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
