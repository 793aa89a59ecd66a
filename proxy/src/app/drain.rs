//! `/drain`: the process sends its clients elsewhere, as on SIGTERM, and goes on running until that comes.

use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tracing::info;

use super::workers::DrainSwitch;
use crate::admin::{Access, Answered, Endpoint, Phase, Readiness};
use crate::dataplane::ledger::Counters;
use crate::report::rfc3339;
use crate::time::Instant;

/// What the answers are made of.
struct Drain {
    readiness: Readiness,
    switch: DrainSwitch,
    workers: Vec<Arc<Counters>>,
    /// When it began, and with how many sessions.
    begun: Mutex<Option<(Instant, u64)>>,
}

/// `POST /drain` and `GET /drain`.
pub(super) fn endpoints(readiness: Readiness, switch: DrainSwitch, workers: Vec<Arc<Counters>>) -> Vec<Endpoint> {
    let drain = Arc::new(Drain { readiness, switch, workers, begun: Mutex::default() });
    let told = Arc::clone(&drain);
    let summary = "Takes no more clients, and closes all sessions as the YAML's `drain` says.";
    vec![
        Endpoint::new(Method::POST, "/drain", Access::Change, summary, move |_| {
            drain.begin();
            let progress = Answered::json(StatusCode::ACCEPTED, &drain.progress());
            async { progress }
        })
        .outcomes(&[(202, "It is under way.")]),
        Endpoint::page("/drain", Access::Read, "How far the drain of the process is.", move |_| {
            Answered::ok(&told.progress())
        }),
    ]
}

impl Drain {
    fn begin(&self) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.is_some() || self.readiness.phase() == Phase::Draining {
            return;
        }
        *begun = Some((Instant::now(), self.sessions()));
        self.readiness.set(Phase::Draining);
        info!(sessions = self.sessions(), "draining, as the admin port was asked to");
        self.switch.turn();
    }

    fn sessions(&self) -> u64 {
        let open =
            |worker: &Arc<Counters>| worker.sessions_opened.value().saturating_sub(worker.sessions_closed.value());
        self.workers.iter().map(open).sum()
    }

    fn progress(&self) -> Value {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = self.sessions();
        let state = match self.readiness.phase() {
            Phase::Starting => "starting",
            Phase::Serving => "serving",
            Phase::Draining if sessions > 0 => "draining",
            Phase::Draining => "drained",
        };
        json!({
            "state": state,
            "sessions": sessions,
            "sessions_at_begin": begun.map(|(_, sessions)| sessions),
            "since": begun.map(|(since, _)| rfc3339(since)),
        })
    }
}
