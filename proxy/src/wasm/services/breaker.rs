//! One circuit breaker: closed, open, half-open, over a sliding window of results. Pure: `now` comes in, transitions go out.

use std::time::Duration;

use crate::time::Instant;

/// The window moves in so many steps.
const STEPS: usize = 10;
/// Longest window and longest opening.
const TIME_MAX: Duration = Duration::from_secs(3600);

/// What a breaker is defined by; see the WIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::wasm) struct Settings {
    pub(in crate::wasm) window: Duration,
    pub(in crate::wasm) results_min: u32,
    pub(in crate::wasm) failure_percent: u32,
    /// Zero: no success is too slow.
    pub(in crate::wasm) slow: Duration,
    pub(in crate::wasm) open: Duration,
    pub(in crate::wasm) probes: u32,
}

/// As filters and metrics see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open,
    /// A few probes pass.
    HalfOpen,
}

/// A breaker changed its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::wasm) struct Transition {
    pub(in crate::wasm) from: BreakerState,
    pub(in crate::wasm) to: BreakerState,
}

/// See the module.
#[derive(Debug)]
pub(in crate::wasm) struct Breaker {
    settings: Settings,
    state: State,
}

#[derive(Debug)]
enum State {
    Closed { window: Window },
    Open { until: Instant },
    HalfOpen { probes: Probes },
}

/// Probes under way, and what came of earlier ones.
#[derive(Debug)]
struct Probes {
    /// When each place that is taken was taken; at most `settings.probes`.
    since: Vec<Instant>,
    successes: u32,
}

impl Settings {
    /// Errors are for the author of the YAML.
    pub(in crate::wasm) fn check(self) -> Result<Self, String> {
        let Self { window, results_min, failure_percent, slow: _, open, probes } = self;
        match () {
            () if window.is_zero() || window > TIME_MAX => {
                Err("window-ms must be more than 0, and at most an hour".into())
            }
            () if open.is_zero() || open > TIME_MAX => Err("open-ms must be more than 0, and at most an hour".into()),
            () if results_min == 0 => Err("results-min must be at least 1".into()),
            () if !(1..=100).contains(&failure_percent) => Err("failure-percent must be 1 to 100".into()),
            () if !(1..=1_000).contains(&probes) => Err("probes must be 1 to 1000".into()),
            () => Ok(self),
        }
    }
}

impl Breaker {
    /// Closed.
    pub(in crate::wasm) fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed { window: Window::default() } }
    }

    pub(in crate::wasm) fn settings(&self) -> Settings {
        self.settings
    }

    /// An open breaker whose time is over counts as half-open: the next to ask is let through.
    pub(in crate::wasm) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Results and failures in the window; none while it is not closed.
    pub(in crate::wasm) fn results(&mut self, now: Instant) -> (u32, u32) {
        match &mut self.state {
            State::Closed { window } => window.sums(now, self.settings.window),
            State::Open { .. } | State::HalfOpen { .. } => (0, 0),
        }
    }

    /// May something go to the backend? If not: how long until a probe may.
    pub(in crate::wasm) fn admit(&mut self, now: Instant) -> (Result<(), Duration>, Option<Transition>) {
        let from = self.state_name();
        match &mut self.state {
            State::Closed { .. } => (Ok(()), None),
            State::Open { until } if now < *until => (Err(until.since(now)), None),
            // Open => HalfOpen, with this as the first probe
            State::Open { .. } => {
                self.state = State::HalfOpen { probes: Probes { since: vec![now], successes: 0 } };
                (Ok(()), Some(Transition { from, to: BreakerState::HalfOpen }))
            }
            State::HalfOpen { probes } => (probes.admit(now, &self.settings), None),
        }
    }

    /// Something sent to the backend went well.
    pub(in crate::wasm) fn success(&mut self, latency: Duration, now: Instant) -> Option<Transition> {
        if !self.settings.slow.is_zero() && latency > self.settings.slow {
            return self.failure(now);
        }
        match &mut self.state {
            State::Closed { window } => {
                window.add(now, self.settings.window, Outcome::Success);
                None
            }
            State::Open { .. } => None,
            State::HalfOpen { probes } => {
                probes.since.pop();
                probes.successes += 1;
                // HalfOpen => Closed
                (probes.successes >= self.settings.probes).then(|| {
                    self.state = State::Closed { window: Window::default() };
                    Transition { from: BreakerState::HalfOpen, to: BreakerState::Closed }
                })
            }
        }
    }

    /// Something sent to the backend went wrong.
    pub(in crate::wasm) fn failure(&mut self, now: Instant) -> Option<Transition> {
        let from = self.state_name();
        match &mut self.state {
            State::Closed { window } => {
                window.add(now, self.settings.window, Outcome::Failure);
                let (results, failures) = window.sums(now, self.settings.window);
                let share = u64::from(failures) * 100 >= u64::from(results) * u64::from(self.settings.failure_percent);
                if results < self.settings.results_min || !share {
                    return None;
                }
            }
            State::Open { .. } => return None,
            State::HalfOpen { .. } => {}
        }
        // (Closed | HalfOpen) => Open
        self.state = State::Open { until: now + self.settings.open };
        Some(Transition { from, to: BreakerState::Open })
    }

    fn state_name(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl Probes {
    /// A probe that nothing was said of for as long as the breaker stays open gives its place back.
    fn admit(&mut self, now: Instant, settings: &Settings) -> Result<(), Duration> {
        self.since.retain(|since| now.since(*since) < settings.open);
        if self.since.len() < settings.probes as usize {
            self.since.push(now);
            return Ok(());
        }
        let oldest = self.since.iter().copied().min().unwrap_or(now);
        Err((oldest + settings.open).since(now))
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Success,
    Failure,
}

/// Results of the last while, by step of time.
#[derive(Debug, Default)]
struct Window {
    steps: [Step; STEPS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// Which step of the clock this is; its place is that modulo [`STEPS`].
    number: u64,
    successes: u32,
    failures: u32,
}

impl Window {
    fn number(now: Instant, window: Duration) -> u64 {
        let step_us = (window.as_micros() as u64 / STEPS as u64).max(1);
        // From one, so that a step never used is older than any.
        now.as_micros() / step_us + STEPS as u64
    }

    fn add(&mut self, now: Instant, window: Duration, outcome: Outcome) {
        let number = Self::number(now, window);
        let step = &mut self.steps[(number % STEPS as u64) as usize];
        if step.number != number {
            *step = Step { number, ..Step::default() };
        }
        let count = match outcome {
            Outcome::Success => &mut step.successes,
            Outcome::Failure => &mut step.failures,
        };
        *count = count.saturating_add(1);
    }

    /// All results, and the failures among them.
    fn sums(&self, now: Instant, window: Duration) -> (u32, u32) {
        let oldest = Self::number(now, window) + 1 - STEPS as u64;
        self.steps.iter().filter(|step| step.number >= oldest).fold((0_u32, 0_u32), |(results, failures), step| {
            let here = step.successes.saturating_add(step.failures);
            (results.saturating_add(here), failures.saturating_add(step.failures))
        })
    }
}

#[cfg(test)]
mod tests;
