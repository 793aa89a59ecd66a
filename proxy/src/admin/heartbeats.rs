//! `/heartbeats`: what adaptive probes have learned of each network, as JSON for people and scripts.

use serde_json::{Value, json};

use crate::dataplane::probe::{NetworkState, Networks, Search};
use crate::time::Instant;

/// One network a line, by name.
pub(super) fn text(networks: &Networks, now: Instant) -> String {
    let lines: Vec<String> = networks.states().iter().map(|state| describe(state, now).to_string()).collect();
    format!("{{\"networks\":[\n{}\n]}}\n", lines.join(",\n"))
}

fn describe(state: &NetworkState, now: Instant) -> Value {
    let (search, too_long, retry) = match state.search {
        Search::Climbing => ("climbing", None, None),
        Search::Between { bad } => ("between", Some(bad), None),
        Search::Settled { bad, retry } => ("settled", Some(bad), Some(retry.since(now))),
        Search::Retrying { bad } => ("retrying", Some(bad), None),
    };
    json!({
        "network": state.name,
        "sessions": state.sessions,
        "search": search,
        "safe_silence_s": state.good.as_secs_f64(),
        "too_long_s": too_long.map(|silence| silence.as_secs_f64()),
        "tried_again_in_s": retry.map(|wait| wait.as_secs()),
        "probes": { "answered": state.counts.answered, "missed": state.counts.missed },
    })
}
