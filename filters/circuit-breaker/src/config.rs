//! The YAML of this filter, checked.

use belay_filter::units::Span;
use belay_filter::{CloseReason, Verdict, configured};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// One breaker of this name for all routes; without it each route has its own.
    pub(crate) name: Option<String>,
    pub(crate) window: Span,
    pub(crate) results: u32,
    pub(crate) failures: u32,
    pub(crate) slower_than: Option<Span>,
    pub(crate) losses: Losses,
    pub(crate) open_for: Span,
    pub(crate) probes: u32,
    pub(crate) settle: Span,
    pub(crate) messages: OnMessage,
}

/// Whether a connection that stood and was lost is a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Losses {
    Count,
    Ignore,
}

/// What happens to a client's message while the breaker is open.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnMessage {
    Pass,
    Drop,
    Reply(String),
    Close(CloseReason),
}

impl OnMessage {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Pass => Verdict::Continue,
            Self::Drop => Verdict::Drop,
            Self::Reply(text) => Verdict::reply(text),
            Self::Close(reason) => Verdict::Close(reason.clone()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            // Long enough that a slow trickle of redials is seen together, short enough to forget an old fault.
            window: Span { ms: 30_000 },
            // One client's bad luck is no outage.
            results: 10,
            failures: 50,
            slower_than: None,
            losses: Losses::Count,
            // About what a process takes to start.
            open_for: Span { ms: 10_000 },
            probes: 3,
            settle: Span { ms: 1_000 },
            messages: OnMessage::Pass,
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> configured::Result<()> {
        for (field, value) in [("window", self.window), ("open_for", self.open_for), ("settle", self.settle)] {
            if value.ms == 0 {
                return Err(configured::Error::at(field, "must be above zero"));
            }
        }
        for (field, value) in [("results", self.results), ("probes", self.probes)] {
            if !(1..=1000).contains(&value) {
                return Err(configured::Error::at(field, "must be from 1 to 1000"));
            }
        }
        if !(1..=100).contains(&self.failures) {
            return Err(configured::Error::at("failures", "must be from 1 to 100 percent"));
        }
        if self.slower_than.is_some_and(|limit| limit.ms == 0) {
            return Err(configured::Error::at("slower_than", "must be above zero"));
        }
        Ok(())
    }
}
