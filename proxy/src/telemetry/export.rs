//! Gets spans, and lines of the log, to the collector from threads of their own. Workers only ever put one into a bounded
//! queue; a collector that is slow or away costs what does not fit, which is counted by reason and logged at most once a
//! minute, and nothing else. What is said on these threads is never exported, so that an exporter cannot feed itself.

mod client;
mod counts;
mod finish;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};

pub(super) use self::client::{Item, channel, http_client};
pub use self::counts::{DropReason, ExportCounts};
pub(super) use self::finish::{Ended, Ending, Finish, Finished, finishing};
use super::environment::Collector;
use super::{Batching, StartError};

/// The way to the exporter's thread.
pub(super) struct Queue<T> {
    items: mpsc::Sender<T>,
    /// Told when a whole batch waits; one more does not wake anybody.
    full_batch: Arc<Notify>,
    batch_max: usize,
    finish: Finish,
    counts: Arc<ExportCounts>,
}

impl<T: Item> Queue<T> {
    /// Starts the thread; it connects when there is something to send.
    pub(super) fn start(
        collector: &Collector,
        batching: Batching,
        resource: &Resource,
        counts: Arc<ExportCounts>,
    ) -> Result<Self, StartError> {
        let (items, waiting) = mpsc::channel(batching.queue_max);
        let (finish, finished) = finishing();
        let full_batch = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut client = {
            // A gRPC channel belongs to the runtime that it is made in.
            let _inside = runtime.enter();
            T::exporter(collector).map_err(|error| collector.refused(&error))?
        };
        T::set_resource(&mut client, resource);
        let exporter = Exporter {
            client,
            timeout: collector.timeout,
            batching,
            waiting,
            full_batch: full_batch.clone(),
            finished,
            counts: counts.clone(),
            report: Report::default(),
        };
        std::thread::Builder::new().name(T::THREAD.into()).spawn(move || {
            let _in_silence = Context::enter_telemetry_suppressed_scope();
            runtime.block_on(exporter.run());
        })?;
        Ok(Self { items, full_batch, batch_max: batching.batch_max, finish, counts })
    }

    /// Never waits.
    pub(super) fn push(&self, item: T) {
        if self.items.try_send(item).is_err() {
            self.count(DropReason::QueueFull, 1);
            return;
        }
        if self.items.max_capacity() - self.items.capacity() >= self.batch_max {
            self.full_batch.notify_one();
        }
    }

    pub(super) fn count(&self, reason: DropReason, items: u64) {
        self.counts.on_dropped(reason, items);
    }

    /// Has what waits sent for at most `within`, and the thread end.
    pub(super) fn finish(&self, within: Duration) -> Ending {
        self.finish.ask(within)
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// The thread's side.
struct Exporter<T: Item> {
    client: T::Exporter,
    timeout: Duration,
    batching: Batching,
    waiting: mpsc::Receiver<T>,
    full_batch: Arc<Notify>,
    finished: Finished,
    counts: Arc<ExportCounts>,
    report: Report,
}

impl<T: Item> Exporter<T> {
    async fn run(mut self) {
        loop {
            tokio::select! {
                () = sleep(self.batching.every) => {}
                () = self.full_batch.notified() => {}
                // An error: whoever could put something into the queue is gone.
                ended = self.finished.changed() => if ended == Ended::Yes { return },
            }
            while let Some(batch) = self.next_batch() {
                self.export(batch).await;
            }
            self.report.tell(T::WHAT, &self.counts, Instant::now());
            if self.finished.tell_done() == Ended::Yes {
                return;
            }
        }
    }

    fn next_batch(&mut self) -> Option<Vec<T>> {
        let mut batch = Vec::new();
        while batch.len() < self.batching.batch_max
            && let Ok(item) = self.waiting.try_recv()
        {
            batch.push(item);
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// One batch, with the retries that the protocol asks for, within the collector's time and the process's.
    async fn export(&mut self, batch: Vec<T>) {
        let items = batch.len() as u64;
        let outcome = tokio::select! {
            outcome = timeout(self.timeout, T::export(&self.client, batch)) => outcome,
            () = self.finished.clone().time_is_up() => {
                self.counts.on_dropped(DropReason::Shutdown, items);
                return;
            }
        };
        let cause = match outcome {
            Ok(Ok(())) => {
                self.counts.on_exported(items);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.timeout),
        };
        self.counts.on_dropped(DropReason::ExportFailed, items);
        self.report.cause = Some(cause);
        self.report.tell(T::WHAT, &self.counts, Instant::now());
    }
}

/// What the log was told of drops.
#[derive(Default)]
pub(super) struct Report {
    told: Option<(Instant, u64)>,
    /// Of the last failure that was not told yet.
    pub(super) cause: Option<String>,
}

/// At most one line of the log in this time, however many are dropped.
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl Report {
    pub(super) fn tell(&mut self, what: &str, counts: &ExportCounts, now: Instant) {
        let dropped = counts.dropped_in_all();
        let (last, told) = self.told.map_or((None, 0), |(last, told)| (Some(last), told));
        if dropped == told || last.is_some_and(|last| now < last + REPORT_EVERY) {
            return;
        }
        tracing::warn!(
            dropped = dropped - told,
            queue_full_in_all = counts.dropped(DropReason::QueueFull),
            export_failed_in_all = counts.dropped(DropReason::ExportFailed),
            kept_limit_in_all = counts.dropped(DropReason::KeptLimit),
            shutdown_in_all = counts.dropped(DropReason::Shutdown),
            cause = self.cause.as_deref(),
            "{what} were dropped since this was last said"
        );
        self.told = Some((now, dropped));
        self.cause = None;
    }
}
