//! The log: which lines, and how they look. Getting them out is [`super::writer`]'s, and [`super::records`]' to a collector;
//! both get the same lines.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{FilterExt, Targets};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, reload};

use super::records::Records;
use super::settings::{Log, LogFormat};
use super::thin::Thin;
use super::writer::Lines;
use crate::dataplane::trace;

/// What is logged: a level (`error`, `warn`, `info`, `debug`, `off`), or several parted by commas, of which each but one
/// is for a module: `info,belay::wasm=debug`.
#[derive(Clone, PartialEq, Debug)]
pub struct LogFilter {
    text: Box<str>,
    targets: Targets,
}

/// Not a [`LogFilter`].
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is neither a level (error, warn, info, debug, off) nor a list such as info,belay::wasm=debug")]
pub struct BadLogFilter {
    text: Box<str>,
}

/// Other people's code: only what matters to an operator, whatever level ours has.
const QUIET: [&str; 5] = ["h2", "hyper", "hyper_util", "tonic", "tower"];
/// The exporter logs each failure; ours are counted, and logged once a minute.
const SILENT: [&str; 1] = ["opentelemetry"];

impl FromStr for LogFilter {
    type Err = BadLogFilter;

    fn from_str(text: &str) -> Result<Self, BadLogFilter> {
        let bad = || BadLogFilter { text: text.into() };
        let mut base = None;
        let mut targets = Targets::new();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((target, level)) if is_path(target) => {
                    targets = targets.with_target(target, level_of(level).ok_or_else(bad)?);
                }
                None if base.is_none() => base = Some(level_of(part).ok_or_else(bad)?),
                _ => return Err(bad()),
            }
        }
        Ok(Self::new(text, base.unwrap_or(LevelFilter::INFO), targets))
    }
}

/// The library takes nothing for `error`.
fn level_of(text: &str) -> Option<LevelFilter> {
    if text.is_empty() { None } else { text.parse().ok() }
}

fn is_path(target: &str) -> bool {
    !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

impl LogFilter {
    /// This level and what is more important.
    pub fn at(level: Level) -> Self {
        Self::new(&level.to_string().to_lowercase(), LevelFilter::from_level(level), Targets::new())
    }

    fn new(text: &str, base: LevelFilter, modules: Targets) -> Self {
        let mut targets = modules.with_default(base);
        for target in QUIET {
            targets = targets.with_target(target, base.min(LevelFilter::WARN));
        }
        for target in SILENT.into_iter().chain([trace::TARGET]) {
            targets = targets.with_target(target, LevelFilter::OFF);
        }
        Self { text: text.into(), targets }
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self::at(Level::INFO)
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Changes what is logged while the process runs.
#[derive(Clone)]
pub struct LogControl {
    change: Arc<dyn Fn(Option<LogFilter>) -> LogFilter + Send + Sync>,
}

impl LogControl {
    /// From now on.
    pub fn set(&self, filter: LogFilter) {
        (self.change)(Some(filter));
    }

    /// What is logged now.
    pub fn filter(&self) -> LogFilter {
        (self.change)(None)
    }
}

/// The layer that writes the log, and the handle that changes what it writes.
pub(super) fn layer<S>(
    settings: &Log,
    lines: Lines,
    records: Option<Records>,
    thin: Thin,
) -> (Box<dyn Layer<S> + Send + Sync>, LogControl)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (filter, handle) = reload::Layer::new(settings.filter.targets.clone());
    let current = std::sync::Mutex::new(settings.filter.clone());
    let change = move |new: Option<LogFilter>| {
        let mut current = current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(new) = new
            && handle.reload(new.targets.clone()).is_ok()
        {
            *current = new;
        }
        current.clone()
    };
    let ansi = lines.is_terminal();
    let format = tracing_subscriber::fmt::layer().with_writer(lines).with_ansi(ansi);
    let written: Box<dyn Layer<S> + Send + Sync> = match settings.format {
        LogFormat::Json => format.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        LogFormat::Pretty => format.boxed(),
    };
    let layer = written.and_then(records).with_filter(filter.and(thin)).boxed();
    (layer, LogControl { change: Arc::new(change) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exporters_own_lines_and_our_spans_are_left_out_at_every_level() {
        let filter: LogFilter = "debug,belay::wasm=warn".parse().unwrap();
        let logs = |target, level| filter.targets.would_enable(target, &level);
        assert!(logs("belay::dataplane::driver", Level::DEBUG));
        assert!(logs("belay::wasm", Level::WARN) && !logs("belay::wasm::engine", Level::INFO));
        assert!(logs("h2::client", Level::WARN) && !logs("h2::client", Level::DEBUG));
        assert!(!logs("opentelemetry-otlp", Level::ERROR) && !logs("opentelemetry_sdk", Level::ERROR));
        assert!(!logs(trace::TARGET, Level::ERROR));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["", "loud", "info,debug", "belay=", "=info", "info,belay wasm=debug"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text:?}");
        }
        assert_eq!("off".parse::<LogFilter>().unwrap().to_string(), "off");
    }
}
