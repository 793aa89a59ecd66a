//! The numbers of filters: what each counts of itself, what they share, and what they count on their own account.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::metrics::{Family, Part, Sample, Source};
use crate::dataplane::callout::{CALLOUT_NANOS, CalloutCounts, OUTCOMES};
use crate::dataplane::ledger::Counter;
use crate::time::Instant;
use crate::wasm::{BreakerState, BreakerView, CALL_NANOS, FilterStats, FilterView, Host, LoadedFilter, VERDICTS};

/// Tells of these filters, and of what the filters of this host share.
pub fn source(host: Arc<Host>, filters: impl Fn() -> Vec<Arc<LoadedFilter>> + Send + Sync + 'static) -> Source {
    Box::new(move || {
        let mut samples: Vec<Sample> =
            filters().iter().flat_map(|filter| samples_of(filter.name(), &filter.stats(), &filter.view())).collect();
        samples.extend(filters().iter().flat_map(|filter| callouts_of(filter.name(), &filter.callouts())));
        let services = host.services();
        samples.extend(breakers(&services.breakers(Instant::now())));
        let counts = services.counts();
        samples.extend(
            counts.iter().map(|count| FAMILIES[CUSTOM].sample(&[&count.filter, &count.name], count.value as f64)),
        );
        samples
    })
}

/// A breaker's keys come from clients: of all of them together the worst is told.
fn breakers(views: &[BreakerView]) -> Vec<Sample> {
    let mut worst = BTreeMap::new();
    for breaker in views {
        let state = match breaker.state {
            BreakerState::Closed => 0_u8,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        let known = worst.entry((&*breaker.filter, &*breaker.kind)).or_insert(0);
        *known = state.max(*known);
    }
    let samples = worst.into_iter();
    samples.map(|((filter, kind), state)| FAMILIES[BREAKER].sample(&[filter, kind], f64::from(state))).collect()
}

const FILTER: &[&str] = &["filter"];
const VERDICT: usize = 0;
const BREAKER: usize = 1;
const CUSTOM: usize = 2;
const TIMES: usize = 3;
const GENERATION: usize = 4;
const RELOADS: usize = 5;
const CALLOUTS: usize = 6;
const CALLOUT_TIMES: usize = 7;
const CALLOUTS_IN_FLIGHT: usize = 8;
const PLAIN: usize = 9;

/// What is told of filters. The first few have labels or values of their own kind; from [`PLAIN`] on they stand in the order
/// of [`plain`].
pub(super) static FAMILIES: [Family; PLAIN + 17] = [
    Family::counter("belay_filter_verdicts_total", &["filter", "verdict"], "Answers to messages."),
    Family::gauge(
        "belay_breaker_state",
        &["filter", "breaker"],
        "A circuit breaker: 0 closed, 1 half open, 2 open; the worst of its keys.",
    ),
    Family::counter("belay_filter_custom_total", &["filter", "name"], "What filters count by themselves."),
    Family::histogram("belay_filter_call_seconds", &["filter", "le"], "Times of calls, of one call in 64."),
    Family::gauge("belay_filter_generation", FILTER, "The version that serves: 1 at start, one more with each reload."),
    Family::counter("belay_filter_reloads_total", &["filter", "outcome"], "Reloads: accepted, or refused."),
    Family::counter("belay_filter_callouts_total", &["filter", "outcome"], "What the filter asked of HTTP services."),
    Family::histogram("belay_filter_callout_seconds", &["filter", "le"], "Times of callouts that were sent."),
    Family::gauge("belay_filter_callouts_in_flight", FILTER, "Callouts that are under way."),
    Family::counter("belay_filter_calls_total", FILTER, "Calls made into the filter."),
    Family::counter("belay_filter_handshakes_accepted_total", FILTER, "Handshakes that it let in."),
    Family::counter("belay_filter_handshakes_refused_total", FILTER, "Handshakes that it refused."),
    Family::counter("belay_filter_failures_total", FILTER, "Events that ended as its failure policy says."),
    Family::counter("belay_filter_traps_total", FILTER, "Calls that trapped, those over their deadline included."),
    Family::counter("belay_filter_deadlines_total", FILTER, "Calls that were stopped at their deadline."),
    Family::counter("belay_filter_misuses_total", FILTER, "Calls whose answer or requests are not allowed."),
    Family::counter(
        "belay_filter_throttled_total",
        FILTER,
        "Events that came while it kept failing, and was not called.",
    ),
    Family::counter("belay_filter_restarts_total", FILTER, "Instances made in place of failed ones."),
    Family::counter("belay_filter_recycled_total", FILTER, "Instances made in place of those that had grown too far."),
    Family::counter(
        "belay_filter_instances_refused_total",
        FILTER,
        "Events of sessions that could have no instance of their own.",
    ),
    Family::counter("belay_filter_states_carried_total", FILTER, "Sessions whose state a reload carried over."),
    Family::counter("belay_filter_states_lost_total", FILTER, "Sessions whose state a reload could not carry over."),
    Family::counter(
        "belay_filter_reactions_total",
        FILTER,
        "Other events than messages that it sent something for, or closed.",
    ),
    Family::counter(
        "belay_filter_log_lines_thinned_total",
        FILTER,
        "Lines of its log that were left out, as it flooded.",
    ),
    Family::gauge("belay_filter_sessions", FILTER, "Sessions that are open in it now."),
    Family::gauge("belay_filter_memory_bytes", FILTER, "Its linear memory now, over all workers."),
];

fn plain(stats: &FilterStats) -> [u64; FAMILIES.len() - PLAIN] {
    [
        &stats.calls,
        &stats.accepted,
        &stats.refused,
        &stats.failures,
        &stats.traps,
        &stats.deadlines,
        &stats.misuses,
        &stats.throttled,
        &stats.restarts,
        &stats.recycled,
        &stats.instances_refused,
        &stats.states_carried,
        &stats.states_lost,
        &stats.reactions,
        &stats.log_lines_thinned,
        &stats.sessions,
        &stats.memory_bytes,
    ]
    .map(|counter| counter.value())
}

fn samples_of(filter: &str, stats: &FilterStats, view: &FilterView) -> Vec<Sample> {
    let mut samples: Vec<Sample> = VERDICTS
        .iter()
        .zip(&stats.verdicts)
        .map(|(verdict, count)| FAMILIES[VERDICT].sample(&[filter, verdict], count.value() as f64))
        .collect();
    let times = stats.timed_calls.iter().map(Counter::value);
    samples.extend(histogram(&FAMILIES[TIMES], filter, &CALL_NANOS, times, stats.timed_nanos.value()));
    samples.push(FAMILIES[GENERATION].sample(&[filter], f64::from(view.generation)));
    samples.extend(
        [("accepted", view.reloads.accepted), ("refused", view.reloads.refused)]
            .map(|(outcome, count)| FAMILIES[RELOADS].sample(&[filter, outcome], count as f64)),
    );
    let plain = FAMILIES[PLAIN..].iter().zip(plain(stats));
    samples.extend(plain.map(|(family, value)| family.sample(&[filter], value as f64)));
    samples
}

/// Bounds in seconds; each bucket counts what those before it count, too.
fn histogram(
    family: &'static Family,
    filter: &str,
    bounds: &[u64],
    counts: impl Iterator<Item = u64>,
    nanos: u64,
) -> Vec<Sample> {
    let bounds = bounds.iter().map(|&nanos| (nanos as f64 / 1e9).to_string()).chain(["+Inf".to_owned()]);
    let mut sum = 0;
    let mut samples: Vec<Sample> = bounds
        .zip(counts)
        .map(|(bound, count)| {
            sum += count;
            family.part(Part::Bucket, &[filter, &bound], sum as f64)
        })
        .collect();
    samples.push(family.part(Part::Sum, &[filter], nanos as f64 / 1e9));
    samples.push(family.part(Part::Count, &[filter], sum as f64));
    samples
}

fn callouts_of(filter: &str, counts: &CalloutCounts) -> Vec<Sample> {
    let outcomes = OUTCOMES.iter().zip(counts.outcomes());
    let mut samples: Vec<Sample> =
        outcomes.map(|(outcome, count)| FAMILIES[CALLOUTS].sample(&[filter, outcome], count as f64)).collect();
    let times = counts.times().into_iter();
    samples.extend(histogram(&FAMILIES[CALLOUT_TIMES], filter, &CALLOUT_NANOS, times, counts.nanos()));
    samples.push(FAMILIES[CALLOUTS_IN_FLIGHT].sample(&[filter], counts.in_flight() as f64));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_with_many_keys_is_one_number() {
        let view = |name: &str, state| BreakerView {
            filter: "guard".into(),
            name: name.into(),
            kind: "backend".into(),
            state,
            results: 0,
            failures: 0,
        };
        let views = [
            view("backend", BreakerState::Closed),
            view("backend[ada]", BreakerState::Open),
            view("backend[bob]", BreakerState::HalfOpen),
        ];
        let samples = breakers(&views);
        assert_eq!(samples.len(), 1);
        assert_eq!((&*samples[0].labels[1], samples[0].value), ("backend", 2.0));
    }
}
