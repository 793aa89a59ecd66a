//! Failing on purpose: for a while every connection is cut and every new one closed before it is answered, as by a
//! process that dies again whenever it has started.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Until when the backend fails, if it does.
pub(crate) struct Outage(watch::Sender<Option<Instant>>);

impl Default for Outage {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Outage {
    /// Fails from now on for this long.
    pub(crate) fn begin(&self, time: Duration) {
        self.0.send_replace(Some(Instant::now() + time));
    }

    /// Whether it fails now.
    pub(crate) fn lasts(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Ends when an outage begins.
    pub(crate) fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut changes = self.0.subscribe();
        changes.mark_unchanged();
        async move {
            // The sender lives as long as the process.
            let _ = changes.changed().await;
        }
    }
}
