//! One reload of the YAML: read, checked and made aside, all of it; then it serves, all of it. A failure on the way changes
//! nothing and is told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tracing::{info, warn};

use super::difference::{Changed, Effect, difference};
use super::{Room, Watched, WatchedFile};
use crate::admin::{Answered, Phase};
use crate::app::files;
use crate::app::workers::Progress;
use crate::config::{self, Config, Diagnostics};
use crate::stamp::Stamp;

/// For workers to take up what they are sent: they do so between two events.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(5);
/// Changes that are named in an answer or in the log.
const NAMED_MAX: usize = 100;

/// The configuration that serves.
pub(super) struct Running {
    origin: Origin,
    /// What the file said when the process started: some of it serves to the end.
    started: Value,
    generation: u64,
    file: WatchedFile,
}

/// Where a configuration came from, and what it said.
pub(in crate::app) struct Origin {
    file: PathBuf,
    sha256: Box<str>,
    said: Value,
    stamp: Option<Stamp>,
}

/// Why another configuration does not serve.
enum Refusal {
    Mistakes(Diagnostics),
    Errors(Vec<String>),
    GoingAway,
}

/// What came of a reload.
enum Outcome {
    Unchanged,
    Applied(Applied),
    Refused(Refusal),
}

struct Applied {
    changed: Vec<Changed>,
    shown: config::Shown,
    progress: Progress,
}

impl Origin {
    pub(super) fn of(config: &Config) -> Self {
        let file = config.origin.file.clone();
        Self { stamp: config.origin.stamp, sha256: config.origin.sha256.clone(), said: config.said.clone(), file }
    }
}

impl Running {
    pub(super) fn new(origin: Origin) -> Self {
        Self { started: origin.said.clone(), generation: 1, file: WatchedFile::read(origin.stamp), origin }
    }

    fn stamp(&self) -> Option<Stamp> {
        std::fs::metadata(&self.origin.file).ok().map(|metadata| Stamp::from(&metadata))
    }

    pub(super) fn has_changed(&mut self) -> bool {
        let now = self.stamp();
        self.file.has_changed(now)
    }
}

impl Room {
    /// `trigger` says in the log who asked.
    pub(super) fn reload_config(&mut self, trigger: &str) -> Answered {
        let outcome = match self.try_config() {
            Ok(Some(applied)) => Outcome::Applied(applied),
            Ok(None) => Outcome::Unchanged,
            Err(refusal) => Outcome::Refused(refusal),
        };
        self.tell(trigger, &outcome)
    }

    /// Nothing if the file says what is served already.
    fn try_config(&mut self) -> Result<Option<Applied>, Refusal> {
        if self.parts.readiness.phase() == Phase::Draining {
            return Err(Refusal::GoingAway);
        }
        self.running.file.read = self.running.stamp();
        let mut config = config::load(&self.running.origin.file).map_err(Refusal::Mistakes)?;
        if config.origin.sha256 == self.running.origin.sha256 {
            return Ok(None);
        }
        if self.parts.changer.settle(Duration::ZERO) == Progress::Behind {
            let error = "workers are still taking up the configuration before: try again in a moment".to_owned();
            return Err(Refusal::Errors(vec![error]));
        }
        config.dataplane = files::within_the_limit(config.dataplane);
        let workers = self.parts.changer.workers();
        let filters = self.parts.filters.prepare(&config, workers).map_err(Refusal::Errors)?;
        let sockets = self.parts.changer.sockets(&config.dataplane);
        let sockets = sockets.map_err(|error| Refusal::Errors(vec![error.to_string()]))?;
        // From here on nothing fails.
        let (origin, shown) = (Origin::of(&config), config.shown.clone());
        let changed = difference(&self.running.origin.said, &origin.said);
        if changed.iter().any(|change| change.key.starts_with("telemetry.log.level")) {
            self.parts.log.set(config.telemetry.log.filter.clone());
        }
        let certificates = config.live_certificates().into_iter().chain(self.parts.lasting.iter().cloned());
        self.parts.certificates.watch(certificates.collect());
        let dataplane = Arc::new(config.dataplane);
        self.parts.routed.change(&dataplane.routes.0);
        let filters = filters.serve(&self.parts.filters);
        self.parts.changer.change(dataplane, sockets, filters);
        self.watched = self.parts.filters.served().into_iter().map(Watched::new).collect();
        self.running.origin = origin;
        self.running.generation += 1;
        Ok(Some(Applied { changed, shown, progress: self.parts.changer.settle(TAKEN_UP_WITHIN) }))
    }

    fn tell(&self, trigger: &str, outcome: &Outcome) -> Answered {
        let running = &self.running;
        let (generation, sha256, file) = (running.generation, &*running.origin.sha256, running.origin.file.display());
        let restart = needs_restart(&running.started, &running.origin.said);
        let status = &self.parts.status;
        let mut body = json!({ "generation": generation, "sha256": sha256 });
        let answer = match outcome {
            Outcome::Unchanged => {
                info!(trigger, generation, "the configuration is as it was");
                body["outcome"] = json!("unchanged");
                status.unchanged();
                StatusCode::OK
            }
            Outcome::Applied(applied) => {
                let named = applied.changed.iter().take(NAMED_MAX);
                let keys: Vec<&str> = named.clone().map(|change| &*change.key).collect();
                info!(trigger, generation, sha256, changed = keys.join(", "), "the configuration was reloaded");
                if !restart.is_empty() {
                    warn!(keys = restart.join(", "), "what the configuration says here needs a restart");
                }
                body["outcome"] = json!("applied");
                body["state"] = json!(if applied.progress == Progress::Done { "serving" } else { "swapping" });
                body["changes"] = applied.changed.len().into();
                body["changed"] = named.map(Changed::to_json).collect();
                status.applied(generation, sha256, &restart, applied.shown.clone());
                StatusCode::OK
            }
            Outcome::Refused(refusal) => {
                let errors = refusal.lines();
                warn!(trigger, generation, %file, errors = errors.join("; "), "the configuration was not reloaded, and goes on as it was");
                body["outcome"] = json!("refused");
                body["errors"] = refusal.to_json();
                status.refused(&errors);
                match refusal {
                    Refusal::Mistakes(_) | Refusal::Errors(_) => StatusCode::CONFLICT,
                    Refusal::GoingAway => StatusCode::SERVICE_UNAVAILABLE,
                }
            }
        };
        body["needs_restart"] = json!(restart);
        Answered::outcome(answer, body)
    }
}

/// What the file says by now and the process does not do.
fn needs_restart(started: &Value, said: &Value) -> Vec<String> {
    let changes = difference(started, said).into_iter();
    changes.filter(|change| change.effect == Effect::Restart).take(NAMED_MAX).map(|change| change.key).collect()
}

impl Refusal {
    /// Without the lines of the file, which may hold secrets.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Errors(errors) => errors.clone(),
            Self::GoingAway => vec!["the process is going away".to_owned()],
            Self::Mistakes(mistakes) => mistakes.list().iter().map(ToString::to_string).collect(),
        }
    }

    fn to_json(&self) -> Value {
        let Self::Mistakes(mistakes) = self else {
            return self.lines().into_iter().map(|message| json!({ "message": message })).collect();
        };
        let one = |mistake: &config::Diagnostic| {
            let place = mistake.place.map(|place| json!({ "line": place.line, "column": place.column }));
            json!({ "path": mistake.path, "message": mistake.message, "help": mistake.help, "place": place })
        };
        mistakes.list().iter().map(one).collect()
    }
}
