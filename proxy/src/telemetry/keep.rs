//! The decision at a span's end: what was sampled is exported, and so is what went wrong, whatever the dice said before.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry::trace::{SpanContext, Status, TraceFlags};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::DropReason;
use super::export::Queue;
use crate::time::Instant;

/// Why a span is kept: `hold`, `refusal` or `error`. Only on spans that were not sampled.
pub(super) const KEPT_FOR: &str = "belay.kept_for";

/// Spans that were not sampled and are kept: so many in a second, so that a backend's crash under many sessions does not
/// push out of the queue what was sampled.
const KEPT_PER_SECOND_MAX: u32 = 100;

/// Decides, and hands on to the queue.
#[derive(Debug)]
pub(super) struct Keep {
    queue: Queue<SpanData>,
    kept: PerSecond,
}

impl Keep {
    pub(super) fn new(queue: Queue<SpanData>) -> Self {
        Self { queue, kept: PerSecond::default() }
    }
}

impl SpanProcessor for Keep {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        let reason = span.attributes.iter().position(|attribute| attribute.key.as_str() == KEPT_FOR);
        if span.span_context.is_sampled() {
            if let Some(reason) = reason {
                span.attributes.swap_remove(reason);
            }
            self.queue.push(span);
            return;
        }
        if reason.is_none() {
            if !matches!(span.status, Status::Error { .. }) {
                return;
            }
            span.attributes.push(KeyValue::new(KEPT_FOR, "error"));
        }
        if !self.kept.admit(Instant::now(), KEPT_PER_SECOND_MAX) {
            self.queue.count(DropReason::KeptLimit, 1);
            return;
        }
        let context = &span.span_context;
        let (trace, id, state) = (context.trace_id(), context.span_id(), context.trace_state().clone());
        span.span_context = SpanContext::new(trace, id, TraceFlags::SAMPLED, false, state);
        self.queue.push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, within: Duration) -> OTelSdkResult {
        self.queue.finish(within).wait()
    }

    fn set_resource(&mut self, _: &Resource) {}
}

/// Counts in windows of a second, without a lock.
#[derive(Debug, Default)]
struct PerSecond(AtomicU64);

impl PerSecond {
    fn admit(&self, now: Instant, max: u32) -> bool {
        // Above the window's second, below its count.
        let window = now.as_millis() / 1_000;
        let admitted = self.0.fetch_update(Relaxed, Relaxed, |state| match (state >> 32, state as u32) {
            (second, count) if second == window => (count < max).then_some(state + 1),
            _ => Some(window << 32 | 1),
        });
        admitted.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_count() {
        let limit = PerSecond::default();
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        let admitted = |millis| (0..5).filter(|_| limit.admit(at(millis), 3)).count();
        assert_eq!(admitted(10_000), 3);
        assert_eq!(admitted(10_999), 0);
        assert_eq!(admitted(11_000), 3);
    }
}
