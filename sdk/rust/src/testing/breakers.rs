//! Circuit breakers over a sliding window of single results.

use std::collections::VecDeque;

use crate::breaker::{Settings, State};

#[derive(Default)]
pub(super) struct Breakers(Vec<Breaker>);

struct Breaker {
    name: String,
    key: Option<String>,
    settings: Settings,
    phase: Phase,
}

enum Phase {
    /// When each result came, and whether it was a failure.
    Closed {
        results: VecDeque<(u64, Outcome)>,
    },
    Open {
        until_ms: u64,
    },
    /// When the places of probes that nothing is known of become free, and how many went well in a row.
    HalfOpen {
        places: Vec<u64>,
        successes: u32,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Success,
    Failure,
}

impl Breakers {
    pub(super) fn define(&mut self, name: &str, settings: Settings) -> Result<u32, String> {
        if settings.window_ms == 0 || settings.open_ms == 0 || settings.probes == 0 {
            return Err("window, open time and probes must be above zero".to_owned());
        }
        if !(1..=100).contains(&settings.failure_percent) {
            return Err("the share of failures must be from 1 to 100 percent".to_owned());
        }
        Ok(self.place(name, None, settings))
    }

    pub(super) fn keyed(&mut self, breaker: u32, key: &str) -> u32 {
        let Some(parent) = self.0.get(breaker as usize) else { return breaker };
        let (name, settings) = (parent.name.clone(), parent.settings);
        self.place(&name, Some(key), settings)
    }

    fn place(&mut self, name: &str, key: Option<&str>, settings: Settings) -> u32 {
        let found = self.0.iter().position(|breaker| breaker.name == name && breaker.key.as_deref() == key);
        let place = found.unwrap_or_else(|| {
            let phase = Phase::Closed { results: VecDeque::new() };
            self.0.push(Breaker { name: name.to_owned(), key: key.map(str::to_owned), settings, phase });
            self.0.len() - 1
        });
        place as u32
    }

    pub(super) fn admit(&mut self, breaker: u32, now_ms: u64) -> Result<(), u64> {
        self.0.get_mut(breaker as usize).map_or(Ok(()), |breaker| breaker.admit(now_ms))
    }

    pub(super) fn success(&mut self, breaker: u32, latency_us: u64, now_ms: u64) {
        let Some(breaker) = self.0.get_mut(breaker as usize) else { return };
        let slow = breaker.settings.slow_ms != 0 && latency_us > breaker.settings.slow_ms * 1_000;
        breaker.result(if slow { Outcome::Failure } else { Outcome::Success }, now_ms);
    }

    pub(super) fn failure(&mut self, breaker: u32, now_ms: u64) {
        if let Some(breaker) = self.0.get_mut(breaker as usize) {
            breaker.result(Outcome::Failure, now_ms);
        }
    }

    pub(super) fn state(&mut self, breaker: u32, now_ms: u64) -> State {
        let Some(breaker) = self.0.get_mut(breaker as usize) else { return State::Closed };
        match breaker.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until_ms } if now_ms < until_ms => State::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

impl Breaker {
    fn admit(&mut self, now_ms: u64) -> Result<(), u64> {
        let probes = self.settings.probes as usize;
        match &mut self.phase {
            Phase::Closed { .. } => Ok(()),
            Phase::Open { until_ms } if now_ms < *until_ms => Err(*until_ms - now_ms),
            Phase::Open { .. } => {
                self.phase = Phase::HalfOpen { places: vec![now_ms + self.settings.open_ms], successes: 0 };
                Ok(())
            }
            Phase::HalfOpen { places, .. } => {
                places.retain(|free_ms| *free_ms > now_ms);
                match places.iter().min() {
                    Some(free_ms) if places.len() >= probes => Err(free_ms - now_ms),
                    _ => {
                        places.push(now_ms + self.settings.open_ms);
                        Ok(())
                    }
                }
            }
        }
    }

    fn result(&mut self, outcome: Outcome, now_ms: u64) {
        let Settings { window_ms, results_min, failure_percent, open_ms, probes, .. } = self.settings;
        match &mut self.phase {
            // Also when its time is over: only who asks makes it half-open.
            Phase::Open { .. } => {}
            Phase::Closed { results } => {
                results.push_back((now_ms, outcome));
                while results.front().is_some_and(|(at_ms, _)| at_ms + window_ms <= now_ms) {
                    results.pop_front();
                }
                let failures = results.iter().filter(|(_, outcome)| *outcome == Outcome::Failure).count();
                let enough = results.len() >= results_min.max(1) as usize;
                if enough && failures * 100 >= results.len() * failure_percent as usize {
                    self.phase = Phase::Open { until_ms: now_ms + open_ms };
                }
            }
            Phase::HalfOpen { .. } if outcome == Outcome::Failure => {
                self.phase = Phase::Open { until_ms: now_ms + open_ms };
            }
            Phase::HalfOpen { places, successes } => {
                places.pop();
                *successes += 1;
                if *successes >= probes {
                    self.phase = Phase::Closed { results: VecDeque::new() };
                }
            }
        }
    }
}
