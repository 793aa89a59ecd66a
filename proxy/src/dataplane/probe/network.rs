//! What is known of one network: the longest silence in which its NATs forget no connection. A missed probe alone says
//! little, since the client may have died. So every step is a sequential test (Wald, "Sequential Tests of Statistical
//! Hypotheses", 1945) of two explanations: only as many were lost as die in so long a silence, or the network loses some
//! share of its connections in it. A few sessions at a time stay silent for longer than is known to be safe; the others
//! keep to what is. Who they are is [`super::Prober`]'s.

use std::time::Duration;

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
    trial: Test,
    /// Whether the silence that all keep to still does no harm.
    watch: Test,
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

/// The likelihood ratio of "some share is lost" to "only the dead are", as a logarithm.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Test(f64);

/// How often clients die, as far as the network is not to blame.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Hazard {
    deaths: f64,
    silent_secs: f64,
}

/// The smallest share of connections whose loss is looked for. In a group of few, one of them is more.
const SHARE_MIN: f64 = 0.1;
const SHARE_MAX: f64 = 0.5;
/// Chances of calling a good silence bad, which costs probes, and a bad one good, which costs connections.
const WRONGLY_BAD: f64 = 0.05;
const WRONGLY_GOOD: f64 = 0.02;
/// Where the watch speaks: so much evidence comes by chance once in e⁹ probes, about 8,000, at the most.
const ALARM: f64 = 9.0;
/// However rarely clients die, one missed probe is to be no proof of anything.
const MISS_CHANCE_MIN: f64 = 0.03;
const MISS_CHANCE_MAX: f64 = 0.5;
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
/// Of the deaths that the hazard is made of: from here on the old ones fade.
const DEATHS_MAX: f64 = 64.0;

impl Network {
    /// Nothing is known yet.
    pub fn new(now: Instant) -> Self {
        Self {
            good: Duration::ZERO,
            search: Search::Climbing,
            trial: Test::default(),
            watch: Test::default(),
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
        let chances = self.chances(silence, sessions);
        match self.candidate(bounds) {
            Some(candidate) if is_about(silence, candidate) || silence > candidate => {
                self.trial.on_answered(chances);
                if self.trial.0 <= (WRONGLY_GOOD / (1.0 - WRONGLY_BAD)).ln() {
                    self.accept(now, candidate);
                }
            }
            _ if is_about(silence, self.interval(bounds)) => {
                self.watch.on_answered(chances);
                self.watch.forget_credit();
            }
            _ => {}
        }
    }

    /// A client did not answer after `silence`: it is dead, or its network has forgotten its connection.
    pub fn on_missed(&mut self, now: Instant, bounds: Bounds, sessions: usize, silence: Duration) {
        self.used = now;
        self.counts.missed += 1;
        let chances = self.chances(silence, sessions);
        match self.candidate(bounds) {
            Some(candidate) if is_about(silence, candidate) => {
                self.trial.on_missed(chances);
                if self.trial.0 >= ((1.0 - WRONGLY_GOOD) / WRONGLY_BAD).ln() {
                    self.reject(now, bounds, candidate);
                }
            }
            _ if is_about(silence, self.interval(bounds)) && now.since(self.since) > silence => {
                self.hazard.death(silence);
                self.watch.on_missed(chances);
                if self.watch.0 >= ALARM {
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
        (self.trial, self.watch) = (Test::default(), Test::default());
        (self.since, self.next_explorer) = (now, now);
    }

    /// The chances of a miss if only the dead are lost, and if a share of the living is lost too.
    fn chances(&self, silence: Duration, sessions: usize) -> (f64, f64) {
        let dead = self.hazard.chance(silence).clamp(MISS_CHANCE_MIN, MISS_CHANCE_MAX);
        let share = (1.0 / sessions.max(1) as f64).clamp(SHARE_MIN, SHARE_MAX);
        (dead, dead + (1.0 - dead) * share)
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

impl Test {
    fn on_answered(&mut self, (dead, lossy): (f64, f64)) {
        self.0 += ((1.0 - lossy) / (1.0 - dead)).ln();
    }

    fn on_missed(&mut self, (dead, lossy): (f64, f64)) {
        self.0 += (lossy / dead).ln();
    }

    /// A long good time is no credit for a bad one after it (Page, "Continuous Inspection Schemes", 1954).
    fn forget_credit(&mut self) {
        self.0 = self.0.max(0.0);
    }
}

impl Default for Hazard {
    /// A death in four hours of silence, believed as little as one hour can make it.
    fn default() -> Self {
        Self { deaths: 0.25, silent_secs: 3_600.0 }
    }
}

impl Hazard {
    fn silence(&mut self, silence: Duration) {
        self.silent_secs += silence.as_secs_f64();
    }

    fn death(&mut self, silence: Duration) {
        self.deaths += 1.0;
        // It died at some time in it.
        self.silence(silence / 2);
        if self.deaths > DEATHS_MAX {
            self.deaths /= 2.0;
            self.silent_secs /= 2.0;
        }
    }

    /// That a client dies in so long a silence.
    fn chance(&self, silence: Duration) -> f64 {
        1.0 - (-self.deaths / self.silent_secs * silence.as_secs_f64()).exp()
    }
}
