//! What answers and misses prove. A missed probe alone says little, since the client may have died; so two explanations are
//! weighed against each other: only as many are missed as die in such a silence, or a share of connections is lost in it.
//! What follows from a verdict is [`super::Network`]'s.

use std::time::Duration;

/// A sequential test of one silence (Wald, "Sequential Tests of Statistical Hypotheses", 1945).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Trial(LogRatio);

/// Looks out for the moment at which a silence that was good becomes bad (Page, "Continuous Inspection Schemes", 1954).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Watch(LogRatio);

/// What a trial comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Good,
    Bad,
}

/// The chances of a miss, if only the dead are missed and if a share of connections is lost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Chances {
    dead: f64,
    lossy: f64,
}

/// How often clients die, as far as the network is not to blame.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Hazard {
    deaths: f64,
    silent_secs: f64,
}

/// The logarithm of how much likelier it is that a share is lost.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct LogRatio(f64);

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
/// Of the deaths that the hazard is made of: from here on the old ones fade.
const DEATHS_MAX: f64 = 64.0;

impl Trial {
    pub(super) fn on_answered(&mut self, chances: Chances) -> Option<Verdict> {
        self.0.on_answered(chances);
        (self.0.0 <= (WRONGLY_GOOD / (1.0 - WRONGLY_BAD)).ln()).then_some(Verdict::Good)
    }

    pub(super) fn on_missed(&mut self, chances: Chances) -> Option<Verdict> {
        self.0.on_missed(chances);
        (self.0.0 >= ((1.0 - WRONGLY_GOOD) / WRONGLY_BAD).ln()).then_some(Verdict::Bad)
    }
}

impl Watch {
    pub(super) fn on_answered(&mut self, chances: Chances) {
        self.0.on_answered(chances);
        // A long good time is no credit for a bad one after it.
        self.0.0 = self.0.0.max(0.0);
    }

    pub(super) fn on_missed(&mut self, chances: Chances) -> Option<Verdict> {
        self.0.on_missed(chances);
        (self.0.0 >= ALARM).then_some(Verdict::Bad)
    }
}

impl LogRatio {
    fn on_answered(&mut self, Chances { dead, lossy }: Chances) {
        self.0 += ((1.0 - lossy) / (1.0 - dead)).ln();
    }

    fn on_missed(&mut self, Chances { dead, lossy }: Chances) {
        self.0 += (lossy / dead).ln();
    }
}

impl Default for Hazard {
    /// A death in four hours of silence, believed as little as one hour can make it.
    fn default() -> Self {
        Self { deaths: 0.25, silent_secs: 3_600.0 }
    }
}

impl Hazard {
    /// A client was silent for so long, and lives.
    pub(super) fn silence(&mut self, silence: Duration) {
        self.silent_secs += silence.as_secs_f64();
    }

    /// A client died in so long a silence, at some time in it.
    pub(super) fn death(&mut self, silence: Duration) {
        self.deaths += 1.0;
        self.silence(silence / 2);
        if self.deaths > DEATHS_MAX {
            self.deaths /= 2.0;
            self.silent_secs /= 2.0;
        }
    }

    /// For a silence in a network of so many sessions: if one of their NATs forgets, that is the share which is lost.
    pub(super) fn chances(&self, silence: Duration, sessions: usize) -> Chances {
        let dies = 1.0 - (-self.deaths / self.silent_secs * silence.as_secs_f64()).exp();
        let dead = dies.clamp(MISS_CHANCE_MIN, MISS_CHANCE_MAX);
        let share = (1.0 / sessions.max(1) as f64).clamp(SHARE_MIN, SHARE_MAX);
        Chances { dead, lossy: dead + (1.0 - dead) * share }
    }
}
