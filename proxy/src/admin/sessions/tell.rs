//! A session in JSON: a row of a table, or all that is known. What a client may have said in confidence is not told.

use serde_json::{Map, Value, json};

use crate::dataplane::visit::{Condition, View};

/// Headers whose values hold no secret, whatever the application does. Of the others the name is told.
const HEADERS_TOLD: [&str; 12] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "forwarded",
    "host",
    "origin",
    "sec-websocket-protocol",
    "traceparent",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-real-ip",
];
/// In place of a value that is not told.
const MASK: &str = "***";

/// What tables show.
pub(super) fn row(session: &View<'_>) -> Value {
    let seconds = |since| session.now.since(since).as_secs();
    json!({
        "id": session.handshake.session.to_string(),
        "route": session.route.name,
        "peer": session.handshake.peer.to_string(),
        "path": session.handshake.path(),
        "state": session.condition.label(),
        "in_state_s": session.condition.since().map(seconds),
        "age_s": seconds(session.opened),
        "silent_s": seconds(session.client_heard),
        "round_trip_ms": session.round_trip.map(|time| time.as_secs_f64() * 1e3),
        "messages": { "to_backend": session.messages_to_backend, "to_client": session.messages_to_client },
        "attributes": attributes(session),
    })
}

/// Everything.
pub(super) fn all(session: &View<'_>) -> Value {
    let mut all = row(session);
    let is_held = matches!(session.condition, Condition::Holding(_));
    all["messages"]["waiting_for_backend"] = session.messages_waiting.into();
    all["bytes"] = json!({ "to_backend": session.bytes_to_backend, "to_client": session.bytes_to_client });
    all["backend"] = json!({
        "authority": session.route.backend.authority,
        "dials": session.dials,
        "failures": session.failures,
        "is_away": is_held,
    });
    all["next_deadline_in_ms"] = match session.next_deadline {
        crate::time::Instant::NEVER => Value::Null,
        deadline => json!(u64::try_from(deadline.since(session.now).as_millis()).unwrap_or(u64::MAX)),
    };
    all["query"] = session.handshake.query().split('&').filter_map(masked_parameter).collect();
    all["headers"] = Value::Array(session.handshake.headers().map(header).collect());
    if let Some(facts) = session.facts.inner() {
        let names = facts.upstream_headers.iter().map(|(name, _)| Value::from(name)).collect();
        all["upstream_headers"] = Value::Array(names);
        all["filter_timers"] = facts.timers.len().into();
    }
    all
}

fn attributes(session: &View<'_>) -> Value {
    let attributes = session.facts.inner().into_iter().flat_map(|facts| facts.attributes.iter());
    let pairs = attributes.map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn masked_parameter(pair: &str) -> Option<Value> {
    let name = pair.split('=').next().filter(|name| !name.is_empty())?;
    Some(format!("{name}={MASK}").into())
}

fn header((name, value): (&str, &[u8])) -> Value {
    let shown = if HEADERS_TOLD.contains(&name) { String::from_utf8_lossy(value) } else { MASK.into() };
    json!([name, shown])
}
