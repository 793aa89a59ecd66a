//! The numbers of reports.

use std::sync::Arc;

use super::Shared;
use super::loss::Loss;
use crate::admin::{Family, Source};

/// What is told of reports.
pub(crate) static FAMILIES: [Family; 6] = [
    Family::counter("belay_report_events_delivered_total", &[], "Events that the endpoint took."),
    Family::counter("belay_report_events_lost_total", &["reason"], "Events that it was not, or will not be, told."),
    Family::counter("belay_report_retries_total", &[], "Requests that failed and are made again."),
    Family::gauge("belay_report_events_waiting", &[], "Events that wait for the endpoint."),
    Family::gauge(
        "belay_report_spool_bytes",
        &[],
        "Of these, bytes on disk; files are removed when all in them is delivered.",
    ),
    Family::gauge("belay_report_journal_entries", &[], "What the spool's journal knows to be open."),
];

/// Tells of them.
pub(super) fn source(shared: Arc<Shared>) -> Source {
    Box::new(move || {
        let [delivered, lost, retries, waiting, bytes, entries] = &FAMILIES;
        let outbox = shared.outbox();
        let counts = outbox.counts;
        let mut samples = vec![delivered.sample(&[], counts.delivered as f64)];
        samples.extend(Loss::ALL.map(|loss| lost.sample(&[loss.label()], counts.lost[loss as usize] as f64)));
        samples.push(retries.sample(&[], counts.retries as f64));
        samples.push(waiting.sample(&[], outbox.waiting() as f64));
        if let Some((spooled, open)) = outbox.on_disk() {
            samples.push(bytes.sample(&[], spooled as f64));
            samples.push(entries.sample(&[], open as f64));
        }
        samples
    })
}
