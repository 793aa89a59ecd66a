//! Failing on purpose: for a while nobody is let in and every connection is cut, as with a process that dies again
//! whenever it has started.

use std::time::Duration;

use tokio::sync::watch;

/// How long the backend is told to fail, each time anew.
pub(crate) struct Outage(watch::Sender<Duration>);

impl Default for Outage {
    fn default() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }
}

impl Outage {
    /// Fails from now on for this long.
    pub(crate) fn begin(&self, time: Duration) {
        self.0.send_replace(time);
    }

    /// Ends when an outage begins, and says how long it lasts.
    pub(crate) fn begun(&self) -> impl Future<Output = Duration> + Send + 'static {
        let mut changes = self.0.subscribe();
        async move {
            // The sender lives as long as the process.
            let _ = changes.changed().await;
            *changes.borrow()
        }
    }
}
