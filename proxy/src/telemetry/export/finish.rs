//! The end of an exporter's thread: it is asked to send what waits within a time, and whoever asks waits for it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The side of who asks.
#[derive(Debug)]
pub(in crate::telemetry) struct Finish(watch::Sender<Option<Request>>);

/// The thread's.
#[derive(Clone, Debug)]
pub(in crate::telemetry) struct Finished(watch::Receiver<Option<Request>>);

/// A thread's end that was asked for.
#[derive(Debug)]
pub(in crate::telemetry) struct Ending {
    by: Instant,
    within: Duration,
    is_done: Receiver<()>,
}

#[derive(Clone, Debug)]
struct Request {
    by: Instant,
    done: SyncSender<()>,
}

/// Whether it is the thread's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::telemetry) enum Ended {
    Yes,
    No,
}

/// Both sides.
pub(in crate::telemetry) fn finishing() -> (Finish, Finished) {
    let (ask, asked) = watch::channel(None);
    (Finish(ask), Finished(asked))
}

impl Finish {
    /// Asks the thread to send what waits for at most `within`, and to end.
    pub(in crate::telemetry) fn ask(&self, within: Duration) -> Ending {
        let (done, is_done) = sync_channel(1);
        let by = Instant::now() + within;
        self.0.send_replace(Some(Request { by, done }));
        Ending { by, within, is_done }
    }
}

impl Ending {
    /// Until the thread has ended, or its time is up.
    pub(in crate::telemetry) fn wait(self) -> OTelSdkResult {
        // The thread keeps to the time itself; the little more is for it to wake up.
        let left = self.by.saturating_duration_since(Instant::now()) + Duration::from_millis(100);
        self.is_done.recv_timeout(left).map_err(|_| OTelSdkError::Timeout(self.within))
    }
}

impl Finished {
    /// Until something is asked: then there is work. It is the end at once if nobody is left to give any.
    pub(in crate::telemetry) async fn changed(&mut self) -> Ended {
        if self.0.changed().await.is_err() { Ended::Yes } else { Ended::No }
    }

    /// All is sent: tells it to whoever asked for the end.
    pub(in crate::telemetry) fn tell_done(&self) -> Ended {
        let Some(Request { done, .. }) = &*self.0.borrow() else { return Ended::No };
        let _ = done.try_send(());
        Ended::Yes
    }

    /// When the process is going away and has no more time for us.
    pub(in crate::telemetry) async fn time_is_up(mut self) {
        // An error cannot be: the other side lives as long as its thread has work.
        let by = match self.0.wait_for(Option::is_some).await.map(|asked| asked.as_ref().map(|asked| asked.by)) {
            Ok(Some(by)) => by,
            _ => return std::future::pending().await,
        };
        sleep_until(by).await;
    }
}
