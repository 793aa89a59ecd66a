//! The numbers of filters: what each counts of itself, what they share, and what they count on their own account.

use std::sync::Arc;

use super::metrics::{Family, Part, Sample, Source};
use crate::time::Instant;
use crate::wasm::{BreakerState, CALL_NANOS, FilterStats, FilterView, Host, LoadedFilter, VERDICTS};

/// Tells of these filters, and of what the filters of this host share.
pub fn source(host: Arc<Host>, filters: Vec<Arc<LoadedFilter>>) -> Source {
    Box::new(move || {
        let mut samples: Vec<Sample> =
            filters.iter().flat_map(|filter| samples_of(filter.name(), &filter.stats(), &filter.view())).collect();
        let services = host.services();
        samples.extend(services.breakers(Instant::now()).iter().map(|breaker| {
            let state = match breaker.state {
                BreakerState::Closed => 0.0,
                BreakerState::HalfOpen => 1.0,
                BreakerState::Open => 2.0,
            };
            FAMILIES[BREAKER].sample(&[&breaker.filter, &breaker.name], state)
        }));
        let counts = services.counts();
        samples.extend(
            counts.iter().map(|count| FAMILIES[CUSTOM].sample(&[&count.filter, &count.name], count.value as f64)),
        );
        samples
    })
}

const FILTER: &[&str] = &["filter"];
const VERDICT: usize = 0;
const BREAKER: usize = 1;
const CUSTOM: usize = 2;
const TIMES: usize = 3;
const GENERATION: usize = 4;
const RELOADS: usize = 5;
const PLAIN: usize = 6;

/// What is told of filters. The first few have labels or values of their own kind; from [`PLAIN`] on they stand in the order
/// of [`plain`].
pub(super) static FAMILIES: [Family; PLAIN + 14] = [
    Family::counter("belay_filter_verdicts_total", &["filter", "verdict"], "Answers to messages."),
    Family::gauge("belay_breaker_state", &["filter", "breaker"], "A circuit breaker: 0 closed, 1 half open, 2 open."),
    Family::counter("belay_filter_custom_total", &["filter", "name"], "What filters count by themselves."),
    Family::histogram("belay_filter_call_seconds", &["filter", "le"], "Times of calls, of one call in 64."),
    Family::gauge("belay_filter_generation", FILTER, "The version that serves: 1 at start, one more with each reload."),
    Family::counter("belay_filter_reloads_total", &["filter", "outcome"], "Reloads: accepted, or refused."),
    Family::counter("belay_filter_calls_total", FILTER, "Calls made into the filter."),
    Family::counter("belay_filter_handshakes_accepted_total", FILTER, "Handshakes that it let in."),
    Family::counter("belay_filter_handshakes_refused_total", FILTER, "Handshakes that it refused."),
    Family::counter("belay_filter_failures_total", FILTER, "Events that ended as its failure policy says."),
    Family::counter("belay_filter_traps_total", FILTER, "Calls that trapped, those over their deadline included."),
    Family::counter("belay_filter_deadlines_total", FILTER, "Calls that were stopped at their deadline."),
    Family::counter("belay_filter_misuses_total", FILTER, "Calls whose answer or requests are not allowed."),
    Family::counter("belay_filter_restarts_total", FILTER, "Instances made in place of failed ones."),
    Family::counter("belay_filter_recycled_total", FILTER, "Instances made in place of those that had grown too far."),
    Family::counter(
        "belay_filter_instances_refused_total",
        FILTER,
        "Events of sessions that could have no instance of their own.",
    ),
    Family::counter("belay_filter_states_carried_total", FILTER, "Sessions whose state a reload carried over."),
    Family::counter("belay_filter_states_lost_total", FILTER, "Sessions whose state a reload could not carry over."),
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
        &stats.restarts,
        &stats.recycled,
        &stats.instances_refused,
        &stats.states_carried,
        &stats.states_lost,
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
    samples.extend(times_of(filter, stats));
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
fn times_of(filter: &str, stats: &FilterStats) -> Vec<Sample> {
    let bounds = CALL_NANOS.iter().map(|&nanos| (nanos as f64 / 1e9).to_string()).chain(["+Inf".to_owned()]);
    let mut count = 0;
    let mut samples: Vec<Sample> = bounds
        .zip(&stats.timed_calls)
        .map(|(bound, calls)| {
            count += calls.value();
            FAMILIES[TIMES].part(Part::Bucket, &[filter, &bound], count as f64)
        })
        .collect();
    samples.push(FAMILIES[TIMES].part(Part::Sum, &[filter], stats.timed_nanos.value() as f64 / 1e9));
    samples.push(FAMILIES[TIMES].part(Part::Count, &[filter], count as f64));
    samples
}
