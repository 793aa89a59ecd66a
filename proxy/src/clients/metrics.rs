//! The numbers of clients.

use std::sync::Arc;

use super::Shared;
use super::roster::Stage;
use crate::admin::{Family, Source};

const ROUTE: &[&str] = &["route"];

/// What is told of clients.
pub(crate) static FAMILIES: [Family; 7] = [
    Family::counter(
        "belay_arrivals_total",
        ROUTE,
        "Clients that the filters let in, whether they found a backend or not.",
    ),
    Family::counter(
        "belay_reconnects_total",
        ROUTE,
        "Clients with an identity that came back after they had been gone.",
    ),
    Family::gauge("belay_reconnect_storm", ROUTE, "1 while clients come much faster than is usual, otherwise 0."),
    Family::gauge("belay_clients", &["state"], "Client identities that are remembered, by their state."),
    Family::gauge("belay_client_sessions", &["state"], "Sessions that are followed, by their state."),
    Family::counter("belay_clients_untracked_total", &[], "Sessions whose identity found no room to be remembered."),
    Family::counter(
        "belay_state_changes_merged_total",
        &[],
        "Changes of state that came too fast to be followed one by one.",
    ),
];

/// Tells of them.
pub(super) fn source(shared: Arc<Shared>) -> Source {
    Box::new(move || {
        let [arrivals, reconnects, storm, clients, sessions, untracked, merged] = &FAMILIES;
        let mut samples = Vec::new();
        for arrival in shared.arrivals.each() {
            let route = &[arrival.route()];
            samples.push(arrivals.sample(route, arrival.came() as f64));
            samples.push(reconnects.sample(route, arrival.reconnects() as f64));
            samples.push(storm.sample(route, if arrival.is_stormy() { 1.0 } else { 0.0 }));
        }
        let Some(following) = &shared.following else { return samples };
        let roster = following.roster();
        let census = roster.census();
        samples.push(clients.sample(&["connected"], census.connected as f64));
        samples.push(clients.sample(&["reconnecting"], census.reconnecting as f64));
        samples.push(clients.sample(&["disconnected"], census.disconnected as f64));
        for stage in Stage::ALL {
            samples.push(sessions.sample(&[stage.label()], roster.sessions(stage) as f64));
        }
        samples.push(untracked.sample(&[], census.untracked as f64));
        samples.push(merged.sample(&[], following.mailbox.merged() as f64));
        samples
    })
}
