//! Keeps a flood of one kind of line from pushing all others out of the log. A kind is a place in the code, for each `filter` and
//! each `kind` by itself where a line names them: a filter that fails must not hide the failures of another. What counts and
//! thins its own lines passes untouched.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use super::writer::Lines;
use crate::gate::{Admitted, Gate};
use crate::time::Instant;

/// Lines of filters, which are thinned by filter and not by where Belay writes them.
const THINNED_ALREADY: [&str; 2] = ["belay::filter", "belay::verdict"];

/// What of the log did not come out.
#[derive(Debug, Default)]
pub struct LineCounts {
    thinned: AtomicU64,
    dropped: AtomicU64,
}

impl LineCounts {
    /// Lines of a kind of which too many came.
    pub fn thinned(&self) -> u64 {
        self.thinned.load(Relaxed)
    }

    /// Lines that nobody read in time.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    pub(super) fn on_dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}

/// See the module. There are no more kinds than places in the program, and at some of them filters in its configurations.
pub(super) struct Thin {
    kinds: Mutex<HashMap<Identifier, HashMap<Box<str>, Gate>>>,
    lines: Lines,
    counts: Arc<LineCounts>,
}

impl Thin {
    pub(super) fn new(lines: Lines, counts: Arc<LineCounts>) -> Self {
        Self { kinds: Mutex::default(), lines, counts }
    }

    fn admit(&self, place: &'static Metadata<'static>, named: &str, now: Instant) -> Admitted {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds = kinds.entry(place.callsite()).or_default();
        match kinds.get_mut(named) {
            Some(gate) => gate.admit(now),
            None => kinds.entry(named.into()).or_default().admit(now),
        }
    }
}

/// The filter and the kind that a line names, each after a space.
#[derive(Default)]
struct Named(String);

impl Visit for Named {
    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "filter" | "kind") {
            self.0.push(' ');
            self.0.push_str(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber> Filter<S> for Thin {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    /// Of a place that is always heard the registry opens no account before it asks about an event: what is thinned then would
    /// still stand there at the next one, which its own assertions find in a build that has them.
    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    /// Says nothing about levels, and does not undo what another filter says.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let place = event.metadata();
        if THINNED_ALREADY.contains(&place.target()) {
            return true;
        }
        let mut named = Named::default();
        event.record(&mut named);
        match self.admit(place, &named.0, Instant::now()) {
            Admitted::Write { thinned: 0 } => true,
            Admitted::Write { thinned } => {
                let kind = format!("{}:{}{}", place.target(), place.line().unwrap_or_default(), named.0);
                self.lines.note(&format!("{thinned} lines of this kind were left out"), Some(&kind));
                true
            }
            Admitted::Thin => {
                self.counts.thinned.fetch_add(1, Relaxed);
                false
            }
        }
    }
}
