//! What signals ask of the process: to go, to go at once, to read its configuration again. Those that others send by custom
//! ask nothing here, and must not end it: what they do to a process that does not take them.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

use super::reload::Requests;

/// All that are taken, from when they are listened for to the end of the process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// "Open your log again" to many a server, and sent to whatever is in a pid file by what turns logs over.
    user_1: Signal,
    user_2: Signal,
}

impl Signals {
    /// Within a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for one that asks the process to go, and names it. SIGHUP has the configuration read again, as is the custom.
    pub(super) async fn told_to_go(&mut self, reloads: &Requests) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                Some(()) = self.hangup.recv() => reloads.reload("SIGHUP"),
                Some(()) = self.user_1.recv() => asks_nothing("SIGUSR1"),
                Some(()) = self.user_2.recv() => asks_nothing("SIGUSR2"),
            }
        }
    }
}

fn asks_nothing(signal: &'static str) {
    warn!(signal, "this signal asks nothing of Belay: SIGHUP has the configuration read again, SIGTERM ends it");
}
