//! Logs and traces: what the process says of itself. The data path makes spans through `tracing` and its own seam
//! ([`crate::dataplane::trace`]); here they get their places, are sampled, kept or dropped, and leave over OTLP on a thread
//! of their own. Numbers are the admin port's.

mod environment;
mod export;
mod keep;
mod logs;
mod resource;
mod settings;
mod spans;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

pub use environment::Environment;
pub use export::{DropReason, SpanCounts};
pub use logs::{BadLogFilter, LogControl, LogFilter};
pub use settings::{Batching, Log, LogFormat, Otlp, Protocol, Sample, Settings};

/// Telemetry that runs until [`Telemetry::shutdown`].
pub struct Telemetry {
    /// Changes what is logged while the process runs.
    pub log: LogControl,
    /// What became of the spans; all zero if none are exported.
    pub spans: Arc<SpanCounts>,
    provider: Option<SdkTracerProvider>,
    writer: writer::Lines,
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
    let writer = writer::Lines::start(std::io::stderr())?;
    let (log, control) = logs::layer(&settings.log, writer.clone());
    let counts = Arc::new(SpanCounts::default());
    let collector = environment.collector(settings)?;
    let exported = match &collector {
        Some(collector) => {
            let resource = resource::describe(settings, environment);
            let queue = export::Queue::start(collector, environment.batching()?, &resource, counts.clone())?;
            Some(spans::provider(&settings.sample, resource, keep::Keep::new(queue)))
        }
        None => None,
    };
    let spans = exported.as_ref().map(|provider| spans::layer(provider, &settings.sample));
    let dispatch = Dispatch::new(Registry::default().with(log).with(spans));
    Ok((dispatch, Telemetry { log: control, spans: counts, provider: exported, writer }))
}

impl Telemetry {
    /// Sends what waits to be sent, for at most `within`, and stops. Spans that end later are not exported; what is logged
    /// later still comes out as long as the process lives.
    pub fn shutdown(&self, within: Duration) {
        if let Some(provider) = &self.provider {
            // What could not be sent is counted and logged by the queue; a second shutdown has nothing to do.
            let _ = provider.shutdown_with_timeout(within);
        }
        self.writer.flush(within);
    }
}
