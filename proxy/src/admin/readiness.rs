//! Whether the process takes clients, for whoever sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A handle: whoever has one may say, whoever has one may ask.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<AtomicU8>);

/// Where the process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Not every worker listens yet.
    Starting,
    /// Clients are taken.
    Serving,
    /// Clients are sent elsewhere; those that are here are being closed.
    Draining,
}

impl Readiness {
    /// Starting.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU8::new(Phase::Starting as u8)))
    }

    /// From now on.
    pub fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Relaxed);
    }

    /// Now.
    pub fn phase(&self) -> Phase {
        let phases = [Phase::Starting, Phase::Serving, Phase::Draining];
        let now = self.0.load(Relaxed);
        phases.into_iter().find(|&phase| phase as u8 == now).unwrap_or(Phase::Starting)
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}
