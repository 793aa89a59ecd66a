//! What became of what telemetry sends, and of lines of the log: the numbers of numbers.

use super::metrics::{Family, Sample};
use crate::telemetry::{Counts, DropReason, ExportCounts};

/// Every family here, for the documentation.
pub(super) static FAMILIES: [Family; 8] = [
    Family::counter("belay_spans_exported_total", &[], "Spans that the collector took."),
    Family::counter("belay_spans_dropped_total", REASON, "Spans that were to be exported and were not."),
    Family::counter("belay_log_records_exported_total", &[], "Lines of the log that the collector took."),
    Family::counter("belay_log_records_dropped_total", REASON, "Lines that were to be exported and were not."),
    Family::counter("belay_metric_exports_total", &[], "Times that the collector took all numbers."),
    Family::counter("belay_metric_exports_failed_total", REASON, "Times that it did not; the next time says as much."),
    Family::counter("belay_log_lines_thinned_total", &[], "Lines left out since too many of their kind came."),
    Family::counter("belay_log_lines_dropped_total", &[], "Lines lost since standard error was not read."),
];

const REASON: &[&str] = &["reason"];
const OF_QUEUES: &[DropReason] = &[DropReason::QueueFull, DropReason::ExportFailed, DropReason::Shutdown];

/// As they are now.
pub(super) fn samples(counts: &Counts) -> Vec<Sample> {
    let [spans, spans_dropped, records, records_dropped, exports, exports_failed, thinned, dropped] = &FAMILIES;
    let mut samples = of(&counts.spans, spans, spans_dropped, &DropReason::ALL);
    samples.extend(of(&counts.logs, records, records_dropped, OF_QUEUES));
    samples.extend(of(&counts.metrics, exports, exports_failed, &OF_QUEUES[1..]));
    samples.push(thinned.sample(&[], counts.lines.thinned() as f64));
    samples.push(dropped.sample(&[], counts.lines.dropped() as f64));
    samples
}

fn of(
    counts: &ExportCounts,
    exported: &'static Family,
    dropped: &'static Family,
    reasons: &[DropReason],
) -> Vec<Sample> {
    let lost = |&reason: &DropReason| dropped.sample(&[reason.label()], counts.dropped(reason) as f64);
    [exported.sample(&[], counts.exported() as f64)].into_iter().chain(reasons.iter().map(lost)).collect()
}
