//! The workers' counters as metrics. Workers count each for itself; here they are added up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::metrics::{Family, Part, Sample};
use crate::dataplane::ledger::{Counters, Flow, LossReason, Tables, Times};
use crate::dataplane::listener::Refused;
use crate::dataplane::message::Direction;
use crate::dataplane::upstream::Reached;
use crate::tls::HandshakeFailure;

const DIRECTION: &[&str] = &["direction"];

/// A family, and where its number is.
type Read<T> = (Family, fn(&T) -> u64);

/// One number for each direction.
static FLOWS: [Read<Flow>; 6] = [
    (Family::counter("belay_messages_accepted_total", DIRECTION, "Whole messages taken from their sender."), |flow| {
        flow.accepted.value()
    }),
    (Family::counter("belay_payload_accepted_bytes_total", DIRECTION, "Their bytes of payload."), |flow| {
        flow.accepted_bytes.value()
    }),
    (
        Family::counter("belay_messages_delivered_total", DIRECTION, "Messages handed to their receiver's connection."),
        |flow| flow.delivered.value(),
    ),
    (
        Family::counter(
            "belay_messages_consumed_total",
            DIRECTION,
            "Messages that ended here as they should: dropped or answered by a filter, or heartbeats.",
        ),
        |flow| flow.consumed.value(),
    ),
    (Family::gauge("belay_messages_held", DIRECTION, "Messages that are here now, on their way."), |flow| {
        flow.held.value()
    }),
    (Family::gauge("belay_payload_held_bytes", DIRECTION, "Their bytes as they will stand on the wire."), |flow| {
        flow.held_bytes.value()
    }),
];

static TABLES: Family = Family::gauge(
    "belay_table_entries",
    &["table"],
    "What is kept for sessions that are open now: the sessions, those with a timer, those that wait for a backend.",
);

/// A table, and where its size is.
type Size = (&'static str, fn(&Tables) -> u64);

const TABLE_SIZES: [Size; 3] = [
    ("sessions", |tables| tables.sessions.value()),
    ("timers", |tables| tables.timers.value()),
    ("waiting", |tables| tables.waiting.value()),
];

static LOST: Family = Family::counter(
    "belay_messages_lost_total",
    &["direction", "reason"],
    "Messages that did not arrive. Each loss was also told to the client.",
);

/// One number for the process.
static TOTALS: [Read<Counters>; 21] = [
    (Family::counter("belay_connections_accepted_total", &[], "Connections of clients accepted."), |counters| {
        counters.connections_accepted.value()
    }),
    (Family::counter("belay_tls_handshakes_total", &[], "TLS handshakes with clients that were done."), |counters| {
        counters.tls_handshakes.value()
    }),
    (Family::counter("belay_sessions_opened_total", &[], "Handshakes that became a session."), |counters| {
        counters.sessions_opened.value()
    }),
    (Family::counter("belay_sessions_closed_total", &[], "Sessions that ended."), |counters| {
        counters.sessions_closed.value()
    }),
    (Family::gauge("belay_sessions", &[], "Sessions that are open now."), |counters| {
        counters.sessions_opened.value().saturating_sub(counters.sessions_closed.value())
    }),
    (Family::gauge("belay_sessions_holding", &[], "Of these, held now: their upstream is away."), |counters| {
        counters.sessions_holding.value()
    }),
    (
        Family::counter("belay_holds_total", &[], "Times that a session's upstream was lost and the session held."),
        |counters| counters.holds.value(),
    ),
    (Family::counter("belay_rebounds_total", &[], "Times that a held session found an upstream again."), |counters| {
        counters.rebounds.value()
    }),
    (Family::counter("belay_dials_total", &[], "Attempts to connect to a backend."), |counters| counters.dials.value()),
    (Family::counter("belay_dials_failed_total", &[], "Of these, failed."), |counters| counters.dials_failed.value()),
    (
        Family::counter("belay_requests_forwarded_total", &[], "Plain HTTP requests passed on to a backend."),
        |counters| counters.requests_forwarded.value(),
    ),
    (Family::counter("belay_heartbeats_answered_total", &[], "Heartbeats of clients answered here."), |counters| {
        counters.heartbeats_answered.value()
    }),
    (Family::counter("belay_upstream_pings_answered_total", &[], "Pings of backends answered here."), |counters| {
        counters.upstream_pings_answered.value()
    }),
    (
        Family::counter(
            "belay_heartbeats_malformed_total",
            &[],
            "Messages that were meant as heartbeats and were not valid.",
        ),
        |counters| counters.heartbeats_malformed.value(),
    ),
    (
        Family::counter("belay_probes_sent_total", &[], "Our own questions to silent clients, whether they live."),
        |counters| counters.probes_sent.value(),
    ),
    (Family::counter("belay_probes_answered_total", &[], "Silent clients that then were heard."), |counters| {
        counters.probes_answered.value()
    }),
    (Family::counter("belay_probes_missed_total", &[], "Questions whose time to be answered passed."), |counters| {
        counters.probes_missed.value()
    }),
    (Family::counter("belay_clients_dead_total", &[], "Clients that did not answer a probe."), |counters| {
        counters.clients_dead.value()
    }),
    (
        Family::counter(
            "belay_clients_silent_total",
            &[],
            "Clients that said nothing for as long as `heartbeat.expect` allows.",
        ),
        |counters| counters.clients_silent.value(),
    ),
    (
        Family::counter(
            "belay_clients_misbehaved_total",
            &[],
            "Connections closed since their client broke the protocol or a limit.",
        ),
        |counters| counters.clients_misbehaved.value(),
    ),
    (Family::gauge("belay_workers", &[], "Threads that carry sessions."), |_| 1),
];

/// Times, and where they are.
type ReadTimes = (Family, fn(&Counters) -> &Times);

static TIMES: [ReadTimes; 2] = [
    (
        Family::histogram(
            "belay_client_round_trip_seconds",
            &["le"],
            "From asking a client whether it lives to its answer.",
        ),
        |counters| &counters.client_round_trips,
    ),
    (
        Family::histogram(
            "belay_backend_round_trip_seconds",
            &["le"],
            "From asking a backend whether it has read what it was sent to its answer.",
        ),
        |counters| &counters.backend_round_trips,
    ),
];

static BACKENDS: [Family; 3] = [
    Family::gauge("belay_backend_up", &["backend"], "1 if each worker's last attempt reached it, otherwise 0."),
    Family::counter("belay_backend_dials_total", &["backend"], "Attempts of sessions to connect to it."),
    Family::counter("belay_backend_dials_failed_total", &["backend"], "Of these, those that did not reach it."),
];

static CONNECTIONS_REFUSED: Family = Family::counter(
    "belay_connections_refused_total",
    &["reason"],
    "Connections closed at once since a limit was reached, see [Limits](limits.md) for the reasons.",
);

static REFUSED: Family = Family::counter(
    "belay_handshakes_refused_total",
    &["by"],
    "Requests that were not let in, by us (no route, a filter, no backend) or by the backend.",
);

static TLS_FAILED: Family = Family::counter(
    "belay_tls_handshakes_failed_total",
    &["reason"],
    "TLS handshakes with clients that came to nothing, see [TLS](tls.md) for the reasons.",
);

static SENT: Family = Family::counter(
    "belay_heartbeats_sent_total",
    DIRECTION,
    "Heartbeats of a protocol sent in the place of the other side.",
);

/// Every family here, for the documentation.
pub(super) fn families() -> Vec<Family> {
    let flows = FLOWS.iter().map(|(family, _)| *family);
    let totals = TOTALS.iter().map(|(family, _)| *family);
    let times = TIMES.iter().map(|(family, _)| *family);
    flows
        .chain([LOST])
        .chain(totals)
        .chain(times)
        .chain(BACKENDS)
        .chain([CONNECTIONS_REFUSED, REFUSED, TLS_FAILED, SENT, TABLES])
        .collect()
}

/// The workers' numbers, added up.
pub(super) fn workers(workers: &[Arc<Counters>]) -> Vec<Sample> {
    let sum = |read: &dyn Fn(&Counters) -> u64| workers.iter().map(|worker| read(worker)).sum::<u64>() as f64;
    let mut samples = Vec::new();
    for (direction, label) in [(Direction::ToBackend, "to_backend"), (Direction::ToClient, "to_client")] {
        for (family, read) in &FLOWS {
            samples.push(family.sample(&[label], sum(&|worker| read(worker.flow(direction)))));
        }
        for reason in LossReason::ALL {
            let lost = sum(&|worker| worker.flow(direction).lost(reason).value());
            samples.push(LOST.sample(&[label, reason.label()], lost));
        }
    }
    samples.extend(TOTALS.iter().map(|(family, read)| family.sample(&[], sum(&|worker| read(worker)))));
    for (family, read) in &TIMES {
        samples.extend(histogram(family, |part| sum(&|worker| part(read(worker)))));
    }
    samples.extend(backends(workers));
    for why in Refused::ALL {
        samples.push(CONNECTIONS_REFUSED.sample(&[why.label()], sum(&|worker| worker.refused(why).value())));
    }
    samples.push(REFUSED.sample(&["belay"], sum(&|worker| worker.handshakes_refused.value())));
    for failure in HandshakeFailure::ALL {
        samples.push(TLS_FAILED.sample(&[failure.label()], sum(&|worker| worker.tls_failure(failure).value())));
    }
    for (table, read) in TABLE_SIZES {
        samples.push(TABLES.sample(&[table], sum(&|worker| read(&worker.tables))));
    }
    samples.push(REFUSED.sample(&["backend"], sum(&|worker| worker.handshakes_refused_upstream.value())));
    samples.push(SENT.sample(&["to_backend"], sum(&|worker| worker.heartbeats_sent_to_backend.value())));
    samples.push(SENT.sample(&["to_client"], sum(&|worker| worker.heartbeats_sent_to_client.value())));
    samples
}

fn backends(workers: &[Arc<Counters>]) -> Vec<Sample> {
    let [up, dials, failed] = &BACKENDS;
    let mut all = BTreeMap::new();
    workers.iter().for_each(|worker| worker.backends.add_to(&mut all));
    let samples = all.iter().flat_map(|(backend, standing)| {
        let labels = &[&**backend];
        let is_up = if standing.last == Reached::Yes { 1.0 } else { 0.0 };
        [
            up.sample(labels, is_up),
            dials.sample(labels, standing.dials as f64),
            failed.sample(labels, standing.failed as f64),
        ]
    });
    samples.collect()
}

/// Each bucket counts what those before it count, too. `sum` adds a part of the times up over the workers.
fn histogram(family: &'static Family, sum: impl Fn(&dyn Fn(&Times) -> u64) -> f64) -> Vec<Sample> {
    let bounds = Times::BOUNDS.iter().map(|bound| bound.as_secs_f64().to_string()).chain(["+Inf".to_owned()]);
    let mut count = 0.0;
    let mut samples: Vec<Sample> = bounds
        .enumerate()
        .map(|(index, bound)| {
            count += sum(&|times| times.counts[index].value());
            family.part(Part::Bucket, &[&bound], count)
        })
        .collect();
    samples.push(family.part(Part::Sum, &[], sum(&|times| times.micros.value()) / 1e6));
    samples.push(family.part(Part::Count, &[], count));
    samples
}
