//! The log by OTLP: each line that is logged as a record, with the names that spans have for what it says. What is said on an
//! exporter's own thread is left out, so that no export brings another.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::{Context, Key, SpanId, TraceId};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger, SdkLoggerProvider};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as LayerContext;

use super::export::Queue;

/// Of one text in a record, in bytes. What is longer is cut.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Names in lines that are others in spans.
const RENAMED: [(&str, &str); 3] =
    [("session", "belay.session.id"), ("route", "belay.route"), ("filter", "belay.filter")];
/// Tells a record's trace, and is no attribute.
const TRACE_ID: &str = "trace_id";
const MESSAGE: &str = "message";

/// Makes records and puts them into the queue.
pub(super) struct Records {
    queue: Arc<Queue<SdkLogRecord>>,
    /// Only to make empty records with: they take no way through the SDK.
    logger: SdkLogger,
}

impl Records {
    pub(super) fn new(queue: Arc<Queue<SdkLogRecord>>) -> Self {
        Self { queue, logger: SdkLoggerProvider::builder().build().logger("belay") }
    }
}

impl<S: Subscriber> Layer<S> for Records {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        if Context::is_current_telemetry_suppressed() {
            return;
        }
        let (mut record, now, level) = (self.logger.create_log_record(), SystemTime::now(), *event.metadata().level());
        record.set_timestamp(now);
        record.set_observed_timestamp(now);
        record.set_target(event.metadata().target());
        record.set_severity_number(severity(level));
        record.set_severity_text(level.as_str());
        event.record(&mut Fields(&mut record));
        self.queue.push(record);
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::TRACE => Severity::Trace,
        Level::DEBUG => Severity::Debug,
        Level::INFO => Severity::Info,
        Level::WARN => Severity::Warn,
        Level::ERROR => Severity::Error,
    }
}

/// Takes down what a line says.
struct Fields<'a>(&'a mut SdkLogRecord);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: impl Into<AnyValue>) {
        let name = field.name();
        let renamed = RENAMED.iter().find(|(here, _)| *here == name).map(|(_, there)| *there);
        self.0.add_attribute(Key::from_static_str(renamed.unwrap_or(name)), value);
    }

    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            MESSAGE => self.0.set_body(cut(text).into()),
            TRACE_ID => {
                if let Ok(trace) = TraceId::from_hex(text) {
                    self.0.set_trace_context(trace, SpanId::INVALID, None);
                }
            }
            _ => self.add(field, cut(text)),
        }
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, &value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
}
