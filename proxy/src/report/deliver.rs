//! Delivers batches, one after the other, each until the endpoint takes it: a batch is not sent before those that were
//! before it, so that what an endpoint hears is in order.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::outbox::Batch;
use super::post::{Answer, Endpoint};
use super::sign::{Keys, Secret};
use super::{Settings, Shared};
use crate::dataplane::hold::Backoff;

/// Refusals of one batch in a row after which it is given up, so that one that an endpoint cannot stomach does not stop
/// all that come after it. With the default waits, after some minutes: time to mend a wrong path or secret.
const REFUSALS_MAX: u32 = 16;
/// The most that a machine's crash can take of the spool.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Between attempts while the process ends.
const WAIT_AT_THE_END: Duration = Duration::from_millis(250);

pub(super) struct Delivery {
    endpoint: Endpoint,
    secret: Secret,
    keys: Keys,
    timeout: Duration,
    backoff: Backoff,
    shared: Arc<Shared>,
    ended: watch::Receiver<Option<Instant>>,
    random: SmallRng,
    /// Since when nothing was taken.
    away: Option<Instant>,
}

/// Whether there is time for more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Left,
    Up,
}

impl Delivery {
    pub(super) fn new(
        settings: &Settings,
        keys: Keys,
        shared: Arc<Shared>,
        ended: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self {
            endpoint: Endpoint::new(&settings.endpoint, settings.tls.clone()),
            secret: settings.secret.clone(),
            keys,
            timeout: settings.timeout,
            backoff: Backoff::Exponential { from: settings.retry_from, to: settings.retry_to, attempts_max: None },
            shared,
            ended,
            random: SmallRng::from_os_rng(),
            away: None,
        }
    }

    /// Until the process ends.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = self.deliver() => {}
            () = sync(&shared) => {}
        }
        let left = shared.outbox().close();
        if left > 0 {
            info!(events = left, "events of clients stay in the spool for the next process");
        }
    }

    async fn deliver(&mut self) {
        let events_max = self.shared.batch.events_max;
        loop {
            self.wait_for_a_batch().await;
            let batch = self.shared.outbox().next_batch(events_max);
            match batch {
                Some(batch) if self.send(&batch).await == Time::Up => return,
                None if self.is_ending() => return,
                Some(_) | None => {}
            }
        }
    }

    /// Ready when there is a whole one, when an event has waited long enough for others, or when the process ends.
    async fn wait_for_a_batch(&mut self) {
        let shared = Arc::clone(&self.shared);
        let waiting = || shared.outbox().waiting();
        while waiting() == 0 && !self.is_ending() {
            tokio::select! {
                () = shared.filled.notified() => {}
                () = self.ending() => {}
            }
        }
        let due = Instant::now() + shared.batch.every;
        while waiting() < shared.batch.events_max && !self.is_ending() && Instant::now() < due {
            tokio::select! {
                () = sleep_until(due) => {}
                () = shared.full_batch.notified() => {}
                () = self.ending() => {}
            }
        }
    }

    async fn send(&mut self, batch: &Batch) -> Time {
        // A secret that cannot be read any more is being changed: the last one will do.
        if let Ok(keys) = Keys::read(&self.secret) {
            self.keys = keys;
        }
        let (mut failures, mut refusals) = (0, 0);
        loop {
            let answer = tokio::select! {
                answer = self.endpoint.post(batch, &self.keys, self.timeout) => answer,
                () = time_is_up(self.ended.clone()) => return Time::Up,
            };
            let (cause, after) = match answer {
                Answer::Taken => {
                    self.shared.outbox().delivered(batch);
                    self.say_back();
                    return Time::Left;
                }
                Answer::Later { cause, after } => (cause, after),
                Answer::Refused(status) => {
                    refusals += 1;
                    if refusals >= REFUSALS_MAX {
                        warn!(%status, refusals, "giving up a batch that the endpoint of reports does not want");
                        self.shared.outbox().refused(batch);
                        return Time::Left;
                    }
                    (format!("it refused with {status}"), None)
                }
            };
            self.shared.outbox().counts.retries += 1;
            self.say_away(&cause);
            let wait = after.or_else(|| self.backoff.wait(failures, &mut self.random)).unwrap_or_default();
            failures += 1;
            if self.pause(wait).await == Time::Up {
                return Time::Up;
            }
        }
    }

    /// One line of the log for each time that the endpoint goes away.
    fn say_away(&mut self, cause: &str) {
        if self.away.is_none() {
            self.away = Some(Instant::now());
            warn!(cause, "the endpoint of reports does not take them: they wait");
        }
    }

    fn say_back(&mut self) {
        if let Some(since) = self.away.take() {
            let seconds = since.elapsed().as_secs();
            info!(seconds, waiting = self.shared.outbox().waiting(), "the endpoint of reports takes them again");
        }
    }

    /// Waits, but not long when the process is going away.
    async fn pause(&mut self, wait: Duration) -> Time {
        let wait = if self.is_ending() { wait.min(WAIT_AT_THE_END) } else { wait };
        tokio::select! {
            () = sleep(wait) => Time::Left,
            () = self.ending(), if !self.is_ending() => Time::Left,
            () = time_is_up(self.ended.clone()) => Time::Up,
        }
    }

    fn is_ending(&self) -> bool {
        self.ended.borrow().is_some() || self.ended.has_changed().is_err()
    }

    /// Ready from when the process begins to end, or whoever reports is gone.
    async fn ending(&self) {
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }
}

/// Ready when the process ends and has no more time for us.
async fn time_is_up(mut ended: watch::Receiver<Option<Instant>>) {
    // An error: whoever reports is gone without a word.
    let by = ended.wait_for(Option::is_some).await.ok().and_then(|by| *by);
    if let Some(by) = by {
        sleep_until(by).await;
    }
}

async fn sync(shared: &Shared) {
    loop {
        sleep(SYNC_EVERY).await;
        let files = shared.outbox().take_unsynced();
        if files.is_empty() {
            continue;
        }
        let synced = tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| file.sync_data())).await;
        if let Ok(Err(error)) = synced {
            warn!(%error, "the spool cannot be synced to the disk");
        }
    }
}
