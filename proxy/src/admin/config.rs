//! Which configuration serves, and what came of reloads: for metrics, and for `GET /config`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::metrics::{Family, Source};
use super::{Access, Answered, Endpoint, Sample};
use crate::config::Shown;
use crate::time::UnixTime;

/// Told by who reloads; shown at the admin port.
#[derive(Debug)]
pub struct ConfigStatus(Mutex<Status>);

#[derive(Clone, Debug)]
struct Status {
    file: Box<str>,
    sha256: Box<str>,
    generation: u64,
    since: UnixTime,
    accepted: u64,
    refused: u64,
    unchanged: u64,
    /// Of the last reload, unless one was accepted since.
    errors: Vec<String>,
    needs_restart: Vec<String>,
    shown: Shown,
}

const OUTCOME: &[&str] = &["outcome"];
/// Numbers of the configuration.
pub(super) static FAMILIES: [Family; 5] = [
    Family::counter(
        "belay_config_reloads_total",
        OUTCOME,
        "Reloads of the configuration: accepted, refused, or unchanged since the last.",
    ),
    Family::gauge(
        "belay_config_generation",
        &[],
        "The configuration that serves: 1 at start, one more with each reload.",
    ),
    Family::gauge("belay_config_last_reload_successful", &[], "1, or 0 while the last reload was refused."),
    Family::gauge(
        "belay_config_needs_restart",
        &[],
        "Keys that the file says by now, and that count after a restart only.",
    ),
    Family::gauge("belay_config_info", &["sha256"], "1, for the text of the configuration that serves."),
];

impl ConfigStatus {
    /// The process starts with this.
    pub fn new(file: &str, sha256: &str, shown: Shown) -> Self {
        Self(Mutex::new(Status {
            file: file.into(),
            sha256: sha256.into(),
            generation: 1,
            since: UnixTime::now(),
            accepted: 0,
            refused: 0,
            unchanged: 0,
            errors: Vec::new(),
            needs_restart: Vec::new(),
            shown,
        }))
    }

    /// Another serves.
    pub fn applied(&self, generation: u64, sha256: &str, needs_restart: &[String], shown: Shown) {
        let mut status = self.lock();
        (status.generation, status.sha256, status.since) = (generation, sha256.into(), UnixTime::now());
        status.accepted += 1;
        status.errors.clear();
        status.needs_restart = needs_restart.to_vec();
        status.shown = shown;
    }

    /// The file says what is served.
    pub fn unchanged(&self) {
        let mut status = self.lock();
        status.unchanged += 1;
        status.errors.clear();
    }

    /// It goes on as it was.
    pub fn refused(&self, errors: &[String]) {
        let mut status = self.lock();
        status.refused += 1;
        status.errors = errors.to_vec();
    }

    /// Its numbers.
    pub fn source(self: &Arc<Self>) -> Source {
        let shared = Arc::clone(self);
        Box::new(move || shared.samples())
    }

    /// `GET /config`.
    pub fn endpoint(self: &Arc<Self>) -> Endpoint {
        let shared = Arc::clone(self);
        let summary =
            "The configuration that serves, with its defaults and without its secrets, and what came of reloads.";
        Endpoint::page("/config", Access::Read, summary, move |_| {
            let status = shared.lock().clone();
            Answered::ok(&json!({
                "file": status.file,
                "sha256": status.sha256,
                "generation": status.generation,
                "since": status.since.to_string(),
                "reloads": { "accepted": status.accepted, "refused": status.refused, "unchanged": status.unchanged },
                "errors": status.errors,
                "needs_restart": status.needs_restart,
                "configuration": status.shown.value(),
            }))
        })
    }

    fn samples(&self) -> Vec<Sample> {
        let status = self.lock();
        let [reloads, generation, successful, restart, info] = &FAMILIES;
        vec![
            reloads.sample(&["accepted"], status.accepted as f64),
            reloads.sample(&["refused"], status.refused as f64),
            reloads.sample(&["unchanged"], status.unchanged as f64),
            generation.sample(&[], status.generation as f64),
            successful.sample(&[], if status.errors.is_empty() { 1.0 } else { 0.0 }),
            restart.sample(&[], status.needs_restart.len() as f64),
            info.sample(&[&status.sha256], 1.0),
        ]
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
