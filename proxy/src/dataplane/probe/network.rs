//! What is known of one network: the longest silence in which its NATs forget no connection. A few sessions at a time stay
//! silent for longer than is known to be safe; the others keep to what is. When a step has proved itself is
//! [`super::evidence`]'s to say; which sessions are asked, [`super::Prober`]'s.

use std::time::Duration;

use super::evidence::{Hazard, Trial, Verdict, Watch};
use crate::time::Instant;

/// The limits that a route sets to what is asked of its clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// No silence shorter than this is of use.
    pub min: Duration,
    /// None longer than this is tried.
    pub max: Duration,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Network {
    /// The longest silence that stood its test; zero before the first.
    good: Duration,
    search: Search,
    /// The test of the silence that is being tried.
    trial: Trial,
    /// Whether the silence that all keep to still does no harm.
    watch: Watch,
    hazard: Hazard,
    /// Not before then may a further session try a longer silence.
    next_explorer: Instant,
    /// Outcomes of silences from before then tell of another interval.
    since: Instant,
    used: Instant,
    counts: Counts,
}

/// Where the longest safe silence is looked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Search {
    /// Nothing was too long yet.
    Climbing,
    /// Something between what is good and `bad`.
    Between {
        /// The shortest silence that is known to cost connections.
        bad: Duration,
    },
    /// It is known well enough, until it is looked for again.
    Settled {
        /// As in [`Search::Between`].
        bad: Duration,
        /// When `bad` is tried again: networks change.
        retry: Instant,
    },
    /// Whether `bad` is bad still.
    Retrying {
        /// As in [`Search::Between`].
        bad: Duration,
    },
}

/// What became of probes, for people to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Answered.
    pub answered: u64,
    /// Not answered by a client that was then taken for dead.
    pub missed: u64,
}

/// The step up while nothing was too long, and the ratio of bad to good at which looking closer no longer pays.
const STRIDE: f64 = 2.0;
const CLOSE_ENOUGH: f64 = 1.15;
/// Kept from what stood its test once it is known what does not: on its way a silence may become longer.
const MARGIN: f64 = 1.0 / 16.0;
/// From settling to trying again, which costs a network of one client two connections if nothing has changed.
const RETRY_AFTER: Duration = Duration::from_secs(3 * 24 * 3_600);
/// One session in so many explores, at most so many at a time.
const SESSIONS_PER_EXPLORER: usize = 16;
const EXPLORERS_MAX: usize = 16;

impl Network {
    /// Nothing is known yet.
    pub fn new(now: Instant) -> Self {
        Self {
            good: Duration::ZERO,
            search: Search::Climbing,
            trial: Trial::default(),
            watch: Watch::default(),
            hazard: Hazard::default(),
            next_explorer: now,
            since: now,
            used: now,
            counts: Counts::default(),
        }
    }

    /// As an earlier run left it.
    pub fn restored(now: Instant, good: Duration, search: Search) -> Self {
        Self { good, search, ..Self::new(now) }
    }

    /// The silence after which its clients are to be asked.
    pub fn interval(&self, bounds: Bounds) -> Duration {
        let safe = match self.search {
            Search::Climbing | Search::Between { .. } => self.good,
            Search::Settled { .. } | Search::Retrying { .. } => self.good.mul_f64(1.0 - MARGIN),
        };
        safe.clamp(bounds.min, bounds.max.max(bounds.min))
    }

    /// The silence that is being tried.
    pub fn candidate(&self, bounds: Bounds) -> Option<Duration> {
        let good = self.interval(bounds);
        let next = match self.search {
            Search::Climbing => good.mul_f64(STRIDE),
            Search::Between { bad } => Duration::from_secs_f64((good.as_secs_f64() * bad.as_secs_f64()).sqrt()),
            Search::Settled { .. } => return None,
            Search::Retrying { bad } => bad,
        };
        let next = next.min(bounds.max);
        (next > good).then_some(next)
    }

    /// A session of `sessions` has been silent for as long as is safe: whether it is to be silent for longer, and how long
    /// in all.
    pub fn poll_explorer(&mut self, now: Instant, bounds: Bounds, sessions: usize) -> Option<Duration> {
        self.used = now;
        if let Search::Settled { bad, retry } = self.search
            && retry <= now
        {
            // Settled => Retrying
            self.search = Search::Retrying { bad };
        }
        let candidate = self.candidate(bounds)?;
        if now < self.next_explorer {
            return None;
        }
        let explorers = (sessions / SESSIONS_PER_EXPLORER).clamp(1, EXPLORERS_MAX);
        let silence_more = candidate.saturating_sub(self.interval(bounds));
        self.next_explorer = now + silence_more / u32::try_from(explorers).unwrap_or(1);
        Some(candidate)
    }

    /// A client answered after `silence`.
    pub fn on_answered(&mut self, now: Instant, bounds: Bounds, sessions: usize, silence: Duration) {
        self.used = now;
        self.counts.answered += 1;
        self.hazard.silence(silence);
        let chances = self.hazard.chances(silence, sessions);
        match self.candidate(bounds) {
            Some(candidate) if is_about(silence, candidate) || silence > candidate => {
                let verdict = self.trial.on_answered(chances);
                if verdict == Some(Verdict::Good) {
                    self.accept(now, candidate);
                }
            }
            _ if is_about(silence, self.interval(bounds)) => self.watch.on_answered(chances),
            _ => {}
        }
    }

    /// A client did not answer after `silence`: it is dead, or its network has forgotten its connection.
    pub fn on_missed(&mut self, now: Instant, bounds: Bounds, sessions: usize, silence: Duration) {
        self.used = now;
        self.counts.missed += 1;
        let chances = self.hazard.chances(silence, sessions);
        match self.candidate(bounds) {
            Some(candidate) if is_about(silence, candidate) => {
                let verdict = self.trial.on_missed(chances);
                if verdict == Some(Verdict::Bad) {
                    self.reject(now, bounds, candidate);
                }
            }
            _ if is_about(silence, self.interval(bounds)) && now.since(self.since) > silence => {
                self.hazard.death(silence);
                if self.watch.on_missed(chances) == Some(Verdict::Bad) {
                    self.retreat(now, bounds);
                }
            }
            _ => {}
        }
    }

    /// What was looked for, for people and files.
    pub fn search(&self) -> Search {
        self.search
    }

    /// The longest silence that stood its test; zero before the first.
    pub fn good(&self) -> Duration {
        self.good
    }

    /// What became of its probes.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// When it was last asked or told anything.
    pub fn used(&self) -> Instant {
        self.used
    }

    /// Somebody joined it.
    pub fn touch(&mut self, now: Instant) {
        self.used = now;
    }

    // Climbing | Retrying => Climbing, Between => (Between | Settled)
    fn accept(&mut self, now: Instant, candidate: Duration) {
        self.good = candidate;
        self.search = match self.search {
            Search::Climbing | Search::Retrying { .. } => Search::Climbing,
            Search::Between { bad } | Search::Settled { bad, .. } => between(now, candidate, bad),
        };
        self.begin_again(now);
    }

    // Climbing | Between => (Between | Settled), Retrying => Settled
    fn reject(&mut self, now: Instant, bounds: Bounds, candidate: Duration) {
        self.good = self.good.max(bounds.min);
        self.search = match self.search {
            Search::Retrying { .. } => Search::Settled { bad: candidate, retry: now + RETRY_AFTER },
            _ => between(now, self.good, candidate),
        };
        self.begin_again(now);
    }

    /// What was safe is no more.
    // any => Between
    fn retreat(&mut self, now: Instant, bounds: Bounds) {
        let bad = self.interval(bounds);
        self.good = bad.mul_f64(1.0 / STRIDE).max(bounds.min);
        self.search = if self.good < bad { between(now, self.good, bad) } else { Search::Climbing };
        self.begin_again(now);
    }

    fn begin_again(&mut self, now: Instant) {
        (self.trial, self.watch) = (Trial::default(), Watch::default());
        (self.since, self.next_explorer) = (now, now);
    }
}

fn between(now: Instant, good: Duration, bad: Duration) -> Search {
    if bad.as_secs_f64() <= good.as_secs_f64() * CLOSE_ENOUGH {
        Search::Settled { bad, retry: now + RETRY_AFTER }
    } else {
        Search::Between { bad }
    }
}

/// Whether a silence was meant to be this long. A process that stood still for a while has heard nothing for longer, and
/// that is no silence of the network.
fn is_about(silence: Duration, meant: Duration) -> bool {
    silence >= meant.mul_f64(0.95) && silence <= meant.mul_f64(1.1) + Duration::from_secs(1)
}
