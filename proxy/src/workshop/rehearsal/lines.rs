//! What a filter says in the log, and what the host says there of it, heard on the thread that plays.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::workshop::script::LogLevel;

/// The target under which the host writes filters' own lines.
const OF_FILTERS: &str = "belay::filter";
/// Lines of one step that are kept: a filter's log is thinned long before that.
const LINES_MAX: usize = 1_000;

/// A line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Who wrote it.
    pub by: Author,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub text: String,
}

/// Who wrote a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Author {
    /// The filter.
    Filter,
    /// The host, of the filter: why it failed, what it would not take in.
    Host,
}

/// The lines since they were last taken.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<Line>>>);

impl Lines {
    /// Listens on this thread while something is done.
    pub(super) fn during<R>(&self, act: impl FnOnce() -> R) -> R {
        let subscriber = tracing_subscriber::registry().with(Ear(self.clone()));
        tracing::subscriber::with_default(subscriber, act)
    }

    pub(super) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn peek(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Ear(Lines);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut said = Said::default();
        event.record(&mut said);
        let by = match metadata.target() {
            OF_FILTERS => Author::Filter,
            target if target.starts_with("belay::wasm") => Author::Host,
            _ => return,
        };
        let level = match *metadata.level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warn,
            Level::INFO => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        let text = if said.cause.is_empty() { said.message } else { format!("{}: {}", said.message, said.cause) };
        let mut lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(Line { by, level, text });
        }
    }
}

/// The fields that matter to an author.
#[derive(Default)]
struct Said {
    message: String,
    cause: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            "cause" => self.cause = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
