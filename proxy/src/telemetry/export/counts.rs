//! What became of what was to be exported.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What became of spans, or of lines of the log.
#[derive(Debug, Default)]
pub struct ExportCounts {
    exported: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

/// Why one was not exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// As many as may were waiting.
    QueueFull,
    /// The collector was away, too slow, or refused them.
    ExportFailed,
    /// More spans were to be kept in this second than may.
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

impl ExportCounts {
    pub(in crate::telemetry) fn on_exported(&self, items: u64) {
        self.exported.fetch_add(items, Relaxed);
    }

    pub(in crate::telemetry) fn on_dropped(&self, reason: DropReason, items: u64) {
        self.dropped[reason as usize].fetch_add(items, Relaxed);
    }

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
