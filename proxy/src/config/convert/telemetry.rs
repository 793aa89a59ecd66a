//! `telemetry`.

use tracing::Level;

use super::Convert;
use crate::config::path::Path;
use crate::config::telemetry::{Log, LogFormat, Otlp, OtlpProtocol, Sample, Telemetry};
use crate::config::wire;

impl Convert<'_> {
    pub(super) fn telemetry(&mut self, telemetry: wire::Telemetry, path: &Path) -> Telemetry {
        if telemetry.service_name.trim().is_empty() {
            self.note(&path.key("service_name"), "must not be empty".to_owned(), None);
        }
        if telemetry.resource.contains_key("service.name") {
            let help = "telemetry.service_name says it".to_owned();
            self.note_key(&path.key("resource").key("service.name"), "is given twice".to_owned(), Some(help));
        }
        let otlp = telemetry.otlp.and_then(|otlp| self.otlp(otlp, &path.key("otlp")));
        Telemetry {
            service_name: telemetry.service_name.into(),
            resource: telemetry.resource.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            otlp,
            sample: Sample { sessions: telemetry.sample.sessions, messages: telemetry.sample.messages },
            log: Log {
                level: match telemetry.log.level {
                    wire::Level::Error => Level::ERROR,
                    wire::Level::Warn => Level::WARN,
                    wire::Level::Info => Level::INFO,
                    wire::Level::Debug => Level::DEBUG,
                    wire::Level::Trace => Level::TRACE,
                },
                format: match telemetry.log.format {
                    Some(wire::Format::Json) => LogFormat::Json,
                    Some(wire::Format::Pretty) => LogFormat::Pretty,
                    None => LogFormat::for_stderr(),
                },
            },
        }
    }

    fn otlp(&mut self, otlp: wire::Otlp, path: &Path) -> Option<Otlp> {
        let headers = path.key("headers");
        let headers = otlp
            .headers
            .into_iter()
            .map(|(name, value)| (self.header(&name, Some(&value), &headers.key(&name)), value.into()))
            .collect();
        Some(Otlp {
            endpoint: otlp.endpoint?.0,
            protocol: match otlp.protocol {
                wire::Protocol::Grpc => OtlpProtocol::Grpc,
                wire::Protocol::Http => OtlpProtocol::Http,
            },
            headers,
            timeout: otlp.timeout.0,
        })
    }
}
