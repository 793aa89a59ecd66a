//! Logs and traces: what the process says of itself. The data path makes spans through `tracing` and its own seam
//! ([`crate::dataplane::trace`]); here they get their places, are sampled, kept or dropped, and leave over OTLP on a thread
//! of their own. So does the log, if that is wanted, and so do numbers; which there are is the admin port's.

mod environment;
mod export;
mod keep;
mod logs;
mod metrics;
mod records;
mod resource;
mod settings;
mod spans;
mod thin;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use self::export::Queue;
pub use environment::Environment;
pub use export::{DropReason, ExportCounts};
pub use logs::{BadLogFilter, LogControl, LogFilter};
pub use metrics::Gather;
pub use settings::{Batching, Log, LogFormat, Otlp, Protocol, Sample, Settings, Signal};
pub use thin::LineCounts;

/// Telemetry that runs until [`Telemetry::shutdown`].
pub struct Telemetry {
    /// Changes what is logged while the process runs.
    pub log: LogControl,
    /// What became of it all.
    pub counts: Arc<Counts>,
    spans: Option<SdkTracerProvider>,
    records: Option<Arc<Queue<SdkLogRecord>>>,
    metrics: Option<metrics::Metrics>,
    writer: writer::Lines,
}

/// What became of what was to leave. All zero where nothing is exported.
#[derive(Debug, Default)]
pub struct Counts {
    /// Spans.
    pub spans: Arc<ExportCounts>,
    /// Lines of the log, by OTLP.
    pub logs: Arc<ExportCounts>,
    /// Exports of all numbers.
    pub metrics: Arc<ExportCounts>,
    /// Lines of the log, on standard error.
    pub lines: Arc<LineCounts>,
}

/// Telemetry could not be started as it was configured.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What stands in the YAML or in the environment is no address.
    #[error("telemetry.otlp.endpoint {endpoint}: {cause}")]
    Endpoint {
        /// As it was written.
        endpoint: Box<str>,
        /// What is wrong with it.
        cause: Box<str>,
    },
    /// A variable of the environment that must be understood is not.
    #[error("environment variable {name}: {value:?} is not {expected}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: Box<str>,
        /// What it may be.
        expected: &'static str,
    },
    /// The system gave us no thread.
    #[error("telemetry: {0}")]
    Thread(#[from] std::io::Error),
    /// Somebody else took the process's log.
    #[error("telemetry was started twice")]
    Twice,
}

/// Starts telemetry for the whole process. Once.
pub fn start(settings: &Settings, environment: &Environment) -> Result<Telemetry, StartError> {
    let (dispatch, telemetry) = prepare(settings, environment)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| StartError::Twice)?;
    Ok(telemetry)
}

/// As [`start`], for a part of the process: whoever sets the dispatch as its default is heard.
pub fn prepare(settings: &Settings, environment: &Environment) -> Result<(Dispatch, Telemetry), StartError> {
    let counts = Arc::new(Counts::default());
    let resource = resource::describe(settings, environment);
    let collector = |signal| environment.collector(settings, signal);
    let spans = match collector(Signal::Traces)? {
        Some(collector) => {
            let batching = environment.batching(Signal::Traces)?;
            let queue = Queue::start(&collector, batching, &resource, Arc::clone(&counts.spans))?;
            Some(spans::provider(&settings.sample, resource.clone(), keep::Keep::new(queue)))
        }
        None => None,
    };
    let records = match collector(Signal::Logs)? {
        Some(collector) => {
            let batching = environment.batching(Signal::Logs)?;
            Some(Arc::new(Queue::start(&collector, batching, &resource, Arc::clone(&counts.logs))?))
        }
        None => None,
    };
    let metrics = match collector(Signal::Metrics)? {
        Some(collector) => {
            let every = environment.metrics_every(settings)?;
            Some(metrics::Metrics::start(collector, every, &resource, Arc::clone(&counts.metrics))?)
        }
        None => None,
    };
    let writer = writer::Lines::start(std::io::stderr(), settings.log.format, Arc::clone(&counts.lines))?;
    let thin = thin::Thin::new(writer.clone(), Arc::clone(&counts.lines));
    let exported = records.clone().map(records::Records::new);
    let (layer, log) = logs::layer(&settings.log, writer.clone(), exported, thin);
    let traced = spans.as_ref().map(|provider| spans::layer(provider, &settings.sample));
    let dispatch = Dispatch::new(Registry::default().with(layer).with(traced));
    Ok((dispatch, Telemetry { log, counts, spans, records, metrics, writer }))
}

impl Telemetry {
    /// Where all numbers are. Without a collector for them they are never asked for.
    pub fn export_metrics(&self, gather: Gather) {
        if let Some(metrics) = &self.metrics {
            metrics.gather(gather);
        }
    }

    /// Sends what waits to be sent, for at most `within`, and stops. What comes later is not exported; what is logged later
    /// still comes out on standard error as long as the process lives.
    pub fn shutdown(&self, within: Duration) {
        // What could not be sent is counted and logged by the exporters. All at once: together they have no more time.
        let records = self.records.as_ref().map(|records| records.finish(within));
        let metrics = self.metrics.as_ref().map(|metrics| metrics.finish(within));
        if let Some(spans) = &self.spans {
            let _ = spans.shutdown_with_timeout(within);
        }
        for ending in [records, metrics].into_iter().flatten() {
            let _ = ending.wait();
        }
        self.writer.flush(within);
    }
}
