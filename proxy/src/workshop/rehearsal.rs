//! Plays a script: the filter on the real host, time and chance as the script has them, each answer compared.
//!
//! What happens to the filter is `stage`'s; whether an answer is the wanted one, `compare`'s; how both are written for a
//! person, `say`'s. What becomes of the outcome is the command's.

mod compare;
mod effects;
mod lines;
pub(super) mod say;
mod scripted;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use self::lines::Lines;
pub use self::lines::{Author, Line};
use self::say::quoted;
use self::scripted::Scripted;
use self::stage::{Opening, Stage};
use super::script::{Plot, Scenario, Script};
use crate::wasm::{Checked, Host, LoadProblem};

/// A filter, and what it is played on.
pub struct Theatre {
    host: Host,
    scripted: Arc<Scripted>,
    component: Vec<u8>,
    /// Kept, so that the component is compiled once for all scenarios.
    _compiled: Checked,
    name: Box<str>,
}

/// How a scenario ended.
#[derive(Debug)]
pub enum Outcome {
    /// As the script has it.
    Passed {
        /// So many.
        steps: usize,
    },
    /// Otherwise. What came after was not played.
    Failed(Failure),
}

/// Where a scenario left the script.
#[derive(Debug)]
pub struct Failure {
    /// The step, from 1; nothing: before the first.
    pub step: Option<usize>,
    /// Where it stands in the file.
    pub line: usize,
    /// What happened.
    pub event: String,
    /// What was expected and what came.
    pub differences: Vec<Difference>,
    /// What the filter wrote to its log during the step.
    pub log: Vec<Line>,
}

/// What was expected, and what came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Of what.
    pub of: String,
    /// By the script.
    pub expected: String,
    /// From the filter.
    pub got: String,
}

/// The filter cannot be played at all.
#[derive(Debug, thiserror::Error)]
pub enum TheatreError {
    /// WebAssembly cannot run here.
    #[error(transparent)]
    Host(#[from] crate::wasm::HostError),
    /// It is no filter.
    #[error(transparent)]
    Component(#[from] LoadProblem),
}

impl Theatre {
    /// Compiles the component, or takes it from the cache. `name` is what logs call the filter.
    pub fn open(name: &str, component: Vec<u8>, cache: Option<PathBuf>) -> Result<Self, TheatreError> {
        let scripted = Arc::new(Scripted::default());
        let host = Host::within(cache.as_deref(), Arc::clone(&scripted) as _)?;
        let compiled = host.check(&component)?;
        Ok(Self { host, scripted, component, _compiled: compiled, name: name.into() })
    }

    /// Plays all scenarios, each from the beginning.
    pub fn play<'s>(&'s self, script: &'s Script) -> impl Iterator<Item = (&'s Scenario, Outcome)> {
        script.scenarios.iter().map(|scenario| (scenario, self.play_one(scenario)))
    }

    fn play_one(&self, scenario: &Scenario) -> Outcome {
        let lines = Lines::default();
        let heard = lines.clone();
        lines.during(|| match self.scenario(scenario, &heard) {
            Ok(steps) => Outcome::Passed { steps },
            Err(failure) => Outcome::Failed(*failure),
        })
    }

    fn scenario(&self, scenario: &Scenario, lines: &Lines) -> Result<usize, Box<Failure>> {
        let at_the_start = |differences| {
            Box::new(Failure {
                step: None,
                line: scenario.line,
                event: "the filter is configured".to_owned(),
                differences,
                log: lines.take(),
            })
        };
        let opened = Stage::open(self, &scenario.setup, lines);
        let (subscription, steps, mut stage) = match (&scenario.plot, opened) {
            (Plot::Refused(wanted), Ok(Opening::Refused(cause))) => {
                let difference = compare::text("what it says", wanted, &cause);
                return difference.map_or(Ok(0), |difference| Err(at_the_start(vec![difference])));
            }
            (Plot::Refused(wanted), Ok(Opening::Serves(_))) => {
                let refused = format!("refused: {}", say::text(wanted));
                return Err(at_the_start(vec![Difference::new("configure", refused, "it accepts its config")]));
            }
            (Plot::Serves { .. }, Ok(Opening::Refused(cause))) => {
                let got = format!("refused: {}", quoted(&cause));
                return Err(at_the_start(vec![Difference::new("configure", "it accepts its config", got)]));
            }
            (_, Err(cause)) => return Err(at_the_start(vec![Difference::new("configure", "an answer", cause)])),
            (Plot::Serves { subscription, steps }, Ok(Opening::Serves(stage))) => (subscription, steps, stage),
        };
        let differences = compare::subscription(subscription, &stage.subscription(), stage.hears_close());
        if !differences.is_empty() {
            return Err(at_the_start(differences));
        }
        for (index, step) in steps.iter().enumerate() {
            for time in 1..=step.repeat {
                lines.take();
                let mut differences = stage.step(step);
                // What a step leads to is looked at once, when it has happened as often as it is to.
                if time == step.repeat {
                    differences.extend(stage.effects(step));
                }
                if !differences.is_empty() {
                    let times =
                        if step.repeat > 1 { format!(", time {time} of {}", step.repeat) } else { String::new() };
                    return Err(Box::new(Failure {
                        step: Some(index + 1),
                        line: step.line,
                        event: say::event(step) + &times,
                        differences,
                        log: lines.take(),
                    }));
                }
            }
        }
        Ok(steps.len())
    }
}

impl Difference {
    fn new(of: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { of: of.into(), expected: expected.into(), got: got.into() }
    }
}
