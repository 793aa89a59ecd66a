//! The ways to find dead clients that are compared.

use std::time::Duration;

use belay::dataplane::probe::{Adaptive, Fixed, LossAware, Probe, Prober, Shared, Step, Try};
use belay::time::Instant;

use crate::mars::Mars;

/// One way, and what the table calls it.
pub(crate) struct Way {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// A probe of the program's own.
    Probe(Probe),
    Mars,
}

/// Ours, at several times to detect in: as short as the rivals', and longer.
const DETECT_WITHIN: [u64; 6] = [24, 40, 60, 120, 280, 580];

impl Way {
    pub(crate) fn all() -> Vec<Self> {
        let secs = Duration::from_secs;
        let fixed = |every| Self {
            name: format!("fixed {every} s"),
            kind: Kind::Probe(Probe::Fixed(Fixed { every: secs(every), timeout: secs(10) })),
        };
        let rule =
            Self { name: "loss-aware rule".to_owned(), kind: Kind::Probe(Probe::LossAware(LossAware::default())) };
        let mars = Self { name: "mars".to_owned(), kind: Kind::Mars };
        let ours = DETECT_WITHIN.map(|within| {
            let adaptive = Adaptive {
                min: Adaptive::default().min.min(secs(within) / 2),
                detect_within: secs(within),
                ..Adaptive::default()
            };
            Self { name: format!("adaptive, {within} s"), kind: Kind::Probe(Probe::Adaptive(adaptive)) }
        });
        [fixed(30), fixed(270), rule, mars].into_iter().chain(ours).collect()
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Probe(Probe::Adaptive(_)))
    }
}

/// Who asks the client of one session.
pub(crate) enum Asker {
    Prober(Prober),
    Mars { silence: Duration, asked: Option<Instant> },
}

const MARS_TIMEOUT: Duration = Duration::from_secs(10);

impl Asker {
    pub(crate) fn new(way: &Way, mars: &mut Mars, network: &Shared, now: Instant, phase: f64) -> Self {
        match &way.kind {
            Kind::Probe(probe) => Self::Prober(Prober::new(probe, probe.group().map(|_| network.clone()), now, phase)),
            Kind::Mars => {
                mars.on_connected();
                Self::Mars { silence: mars.next(), asked: None }
            }
        }
    }

    pub(crate) fn next_due(&self, way: &Way, heard: Instant) -> Instant {
        match (self, &way.kind) {
            (Self::Prober(prober), Kind::Probe(probe)) => prober.next_due(probe, heard),
            (Self::Mars { asked: Some(asked), .. }, _) => *asked + MARS_TIMEOUT,
            (Self::Mars { silence, asked: None }, _) => heard + *silence,
            (Self::Prober(_), Kind::Mars) => Instant::NEVER,
        }
    }

    pub(crate) fn handle_due(&mut self, way: &Way, mars: &mut Mars, now: Instant, heard: Instant) -> Step {
        match (self, &way.kind) {
            (Self::Prober(prober), Kind::Probe(probe)) => {
                prober.hear(probe, now, heard);
                prober.handle_due(probe, now, heard)
            }
            (Self::Mars { silence, asked }, _) => {
                if asked.is_some_and(|asked| heard < asked) {
                    mars.on_missed();
                    return Step::Dead;
                }
                if asked.take().is_some() {
                    mars.on_answered();
                    *silence = mars.next();
                }
                if now < heard + *silence {
                    return Step::Wait;
                }
                *asked = Some(now);
                Step::Ask { asked: Try::First, number: now.as_micros() }
            }
            (Self::Prober(_), Kind::Mars) => Step::Wait,
        }
    }

    pub(crate) fn handle_answer(&mut self, way: &Way, mars: &mut Mars, now: Instant, number: u64) {
        match (self, &way.kind) {
            (Self::Prober(prober), Kind::Probe(probe)) => drop(prober.handle_answer(probe, now, number)),
            (Self::Mars { silence, asked }, _) => {
                if asked.take().is_some() {
                    mars.on_answered();
                    *silence = mars.next();
                }
            }
            (Self::Prober(_), Kind::Mars) => {}
        }
    }

    pub(crate) fn on_written(&mut self, now: Instant) {
        if let Self::Prober(prober) = self {
            prober.on_written(now);
        }
    }
}
