//! `telemetry`.

use http::{HeaderName, HeaderValue};

use super::Convert;
use super::secret::is_secret;
use super::tls::Scheme;
use crate::config::path::Path;
use crate::config::wire;
use crate::secret::Secrets;
use crate::telemetry::{Log, LogFilter, LogFormat, Otlp, Protocol, Sample, Settings, Signal};

impl Convert<'_> {
    pub(super) fn telemetry(&mut self, telemetry: wire::Telemetry, path: &Path) -> Settings {
        if telemetry.service_name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            self.note(&path.key("service_name"), "must not be empty".to_owned(), None);
        }
        if telemetry.resource.contains_key("service.name") {
            let help = "telemetry.service_name says it".to_owned();
            self.note_key(&path.key("resource").key("service.name"), "is given twice".to_owned(), Some(help));
        }
        Settings {
            service_name: telemetry.service_name.map(Into::into),
            resource: telemetry.resource.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            otlp: telemetry.otlp.map(|otlp| self.otlp(otlp, &path.key("otlp"))).unwrap_or_default(),
            sample: Sample { sessions: telemetry.sample.sessions, messages: telemetry.sample.messages },
            log: Log {
                filter: LogFilter::at(telemetry.log.level.into()),
                format: match telemetry.log.format {
                    Some(wire::Format::Json) => LogFormat::Json,
                    Some(wire::Format::Pretty) => LogFormat::Pretty,
                    None => LogFormat::for_stderr(),
                },
            },
        }
    }

    fn otlp(&mut self, otlp: wire::Otlp, path: &Path) -> Otlp {
        let endpoint = otlp.endpoint.map(|url| url.0);
        let scheme = endpoint.as_deref().map_or(Scheme::Plain("https"), Scheme::of_http);
        let tls = self.client_tls(otlp.tls, scheme, &path.key("tls"));
        let headers_path = path.key("headers");
        let mut headers = Vec::new();
        for (name, value) in &otlp.headers {
            headers.extend(self.otlp_header(name, value, &headers_path.key(name)));
        }
        if let (Some(endpoint), Some(signals)) = (&endpoint, &otlp.signals) {
            self.shared_path(endpoint, signals, &path.key("endpoint"));
        }
        let signals = otlp.signals.map(|signals| signals.into_iter().map(Signal::from).collect::<Vec<_>>());
        Otlp {
            headers,
            endpoint,
            signals,
            metrics_every: otlp.metrics_every.map(|time| time.0),
            tls,
            protocol: otlp.protocol.map(|protocol| match protocol {
                wire::Protocol::Grpc => Protocol::Grpc,
                wire::Protocol::Http => Protocol::Http,
            }),
            timeout: otlp.timeout.map(|time| time.0),
        }
    }

    /// Of one path for several signals only that of traces says where the others are.
    fn shared_path(&mut self, endpoint: &str, signals: &[wire::Signal], path: &Path) {
        let base = endpoint.trim_end_matches('/');
        let has_path = base.split_once("://").map_or(base, |(_, rest)| rest).contains('/');
        let others = signals.iter().any(|signal| !matches!(signal, wire::Signal::Traces));
        if has_path && others && !base.ends_with("/v1/traces") {
            let help = "leave the path out: that of each signal is added".to_owned();
            self.note(path, "one path cannot be that of several signals".to_owned(), Some(help));
        }
    }

    /// Nothing after a mistake.
    fn otlp_header(&mut self, name: &str, value: &str, path: &Path) -> Option<(HeaderName, HeaderValue)> {
        let value = if is_secret(name) {
            self.named_secret(value, path)?
        } else {
            let mut secrets = Secrets::default();
            self.name_secrets(value, &mut secrets, path);
            secrets.fill(value)
        };
        self.header(name, Some(value.reveal()), path);
        // What cannot be a header has just been noted.
        let mut header = HeaderValue::from_str(value.reveal()).ok()?;
        header.set_sensitive(true);
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, header))
    }
}
