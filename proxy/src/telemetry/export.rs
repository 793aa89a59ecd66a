//! Gets spans to the collector from a thread of its own. Workers only ever put a span into a bounded queue; a collector
//! that is slow or away costs spans, which are counted by reason and logged at most once a minute, and nothing else.

mod client;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::environment::Collector;
use super::{Batching, StartError};

/// What became of spans.
#[derive(Debug, Default)]
pub struct SpanCounts {
    exported: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

/// Why a span was not exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// As many as may were waiting.
    QueueFull,
    /// The collector was away, too slow, or refused them.
    ExportFailed,
    /// More were to be kept in this second than may.
    KeptLimit,
    /// The process went away before they could be sent.
    Shutdown,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::QueueFull, Self::ExportFailed, Self::KeptLimit, Self::Shutdown];

    /// As metrics and logs say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::KeptLimit => "kept_limit",
            Self::Shutdown => "shutdown",
        }
    }
}

impl SpanCounts {
    /// Taken by the collector.
    pub fn exported(&self) -> u64 {
        self.exported.load(Relaxed)
    }

    /// Not exported, for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize].load(Relaxed)
    }

    /// Not exported.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().map(|count| count.load(Relaxed)).sum()
    }
}

/// The way to the exporter's thread.
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    /// Told when a whole batch waits; a span more does not wake anybody.
    full_batch: Arc<Notify>,
    batch_max: usize,
    finish: watch::Sender<Option<Finish>>,
    counts: Arc<SpanCounts>,
}

/// The end: send what waits until then, and tell.
#[derive(Clone)]
struct Finish {
    by: Instant,
    done: SyncSender<()>,
}

impl Queue {
    /// Starts the thread; it connects when there is something to send.
    pub(super) fn start(
        collector: &Collector,
        batching: Batching,
        resource: &Resource,
        counts: Arc<SpanCounts>,
    ) -> Result<Self, StartError> {
        let (spans, waiting) = mpsc::channel(batching.queue_max);
        let (finish, finished) = watch::channel(None);
        let full_batch = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut client = {
            // A gRPC channel belongs to the runtime that it is made in.
            let _inside = runtime.enter();
            client::Client::new(collector)?
        };
        client.set_resource(resource);
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
        std::thread::Builder::new().name("otlp".into()).spawn(move || runtime.block_on(exporter.run()))?;
        Ok(Self { spans, full_batch, batch_max: batching.batch_max, finish, counts })
    }

    /// Never waits.
    pub(super) fn push(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.count(DropReason::QueueFull, 1);
            return;
        }
        if self.spans.max_capacity() - self.spans.capacity() >= self.batch_max {
            self.full_batch.notify_one();
        }
    }

    pub(super) fn count(&self, reason: DropReason, spans: u64) {
        self.counts.dropped[reason as usize].fetch_add(spans, Relaxed);
    }

    /// Sends what waits for at most `within`, and ends the thread.
    pub(super) fn finish(&self, within: Duration) -> OTelSdkResult {
        let (done, is_done) = sync_channel(1);
        self.finish.send_replace(Some(Finish { by: Instant::now() + within, done }));
        // The thread keeps to the time itself; the little more is for it to wake up.
        is_done.recv_timeout(within + Duration::from_millis(100)).map_err(|_| OTelSdkError::Timeout(within))
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// The thread's side.
struct Exporter {
    client: client::Client,
    timeout: Duration,
    batching: Batching,
    waiting: mpsc::Receiver<SpanData>,
    full_batch: Arc<Notify>,
    finished: watch::Receiver<Option<Finish>>,
    counts: Arc<SpanCounts>,
    report: Report,
}

impl Exporter {
    async fn run(mut self) {
        loop {
            tokio::select! {
                () = sleep(self.batching.every) => {}
                () = self.full_batch.notified() => {}
                // An error: whoever could put spans into the queue is gone.
                changed = self.finished.changed() => if changed.is_err() { return },
            }
            while let Some(batch) = self.next_batch() {
                self.export(batch).await;
            }
            self.report.tell(&self.counts, Instant::now());
            let finish = self.finished.borrow().clone();
            if let Some(Finish { done, .. }) = finish {
                let _ = done.try_send(());
                return;
            }
        }
    }

    fn next_batch(&mut self) -> Option<Vec<SpanData>> {
        let mut batch = Vec::new();
        while batch.len() < self.batching.batch_max
            && let Ok(span) = self.waiting.try_recv()
        {
            batch.push(span);
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// One batch, with the retries that the protocol asks for, within the collector's time and the process's.
    async fn export(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len() as u64;
        let outcome = tokio::select! {
            outcome = timeout(self.timeout, self.client.export(batch)) => outcome,
            () = time_is_up(self.finished.clone()) => {
                self.counts.dropped[DropReason::Shutdown as usize].fetch_add(spans, Relaxed);
                return;
            }
        };
        let cause = match outcome {
            Ok(Ok(())) => {
                self.counts.exported.fetch_add(spans, Relaxed);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.timeout),
        };
        self.counts.dropped[DropReason::ExportFailed as usize].fetch_add(spans, Relaxed);
        self.report.cause = Some(cause);
        self.report.tell(&self.counts, Instant::now());
    }
}

/// When the process is going away and has no more time for us.
async fn time_is_up(mut finished: watch::Receiver<Option<Finish>>) {
    // An error cannot be: the queue's side lives as long as its thread has work.
    let by = match finished.wait_for(Option::is_some).await.map(|finish| finish.as_ref().map(|finish| finish.by)) {
        Ok(Some(by)) => by,
        _ => return std::future::pending().await,
    };
    sleep_until(by).await;
}

/// What the log was told of drops.
#[derive(Default)]
struct Report {
    told: Option<(Instant, u64)>,
    cause: Option<String>,
}

/// At most one line of the log in this time, however many spans are dropped.
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl Report {
    fn tell(&mut self, counts: &SpanCounts, now: Instant) {
        let dropped = counts.dropped_in_all();
        let (last, told) = self.told.map_or((None, 0), |(last, told)| (Some(last), told));
        if dropped == told || last.is_some_and(|last| now < last + REPORT_EVERY) {
            return;
        }
        tracing::warn!(
            spans = dropped - told,
            queue_full_in_all = counts.dropped(DropReason::QueueFull),
            export_failed_in_all = counts.dropped(DropReason::ExportFailed),
            kept_limit_in_all = counts.dropped(DropReason::KeptLimit),
            shutdown_in_all = counts.dropped(DropReason::Shutdown),
            cause = self.cause.as_deref(),
            "spans were dropped since this was last said"
        );
        self.told = Some((now, dropped));
        self.cause = None;
    }
}
