//! Events as they are told: CloudEvents 1.0 in JSON (<https://github.com/cloudevents/spec>). What each type means stands in
//! docs/connection-state.md.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Value, json};

use crate::clients::{ClientChange, ClientReason, SessionChange};
use crate::dataplane::state::SessionState;
use crate::time::Instant;

/// Names events: no two of one source have the same id or sequence, over all lives of a process.
pub(super) struct Stamp {
    source: Box<str>,
    /// Of this life.
    instance: u64,
    /// Microseconds from 1970 to the start: later lives count on from later numbers.
    begun: u64,
    next: u64,
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: String,
    datacontenttype: &'static str,
    /// The extension of that name: as strings sort, so do the events of one source.
    sequence: String,
    data: Value,
}

/// An event before it is stamped.
pub(super) struct Draft {
    kind: &'static str,
    subject: Option<String>,
    at: Instant,
    data: Value,
}

impl Stamp {
    pub(super) fn new(source: Option<&str>) -> Self {
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        Self {
            source: source.map_or_else(default_source, Into::into),
            instance: rand::random(),
            begun: u64::try_from(begun).unwrap_or_default(),
            next: 0,
        }
    }

    /// The event as JSON.
    pub(super) fn event(&mut self, draft: &Draft) -> String {
        let sequence = format!("{:020}", self.begun + self.next);
        self.with_sequence(draft, sequence)
    }

    /// The event as JSON, to go before another that is older: its sequence is between that one's and the one's before it.
    pub(super) fn event_before(&mut self, draft: &Draft, older: &str) -> String {
        match sequence_of(older) {
            Some(sequence) => self.with_sequence(draft, format!("{:020}.1", sequence.saturating_sub(1))),
            None => self.event(draft),
        }
    }

    fn with_sequence(&mut self, draft: &Draft, sequence: String) -> String {
        let event = CloudEvent {
            specversion: "1.0",
            id: format!("{:016x}-{}", self.instance, self.next),
            source: &self.source,
            r#type: draft.kind,
            subject: draft.subject.as_deref(),
            time: rfc3339(draft.at),
            datacontenttype: "application/json",
            sequence,
            data: draft.data.clone(),
        };
        self.next += 1;
        // Strings and numbers always make JSON.
        serde_json::to_string(&event).unwrap_or_default()
    }
}

fn sequence_of(event: &str) -> Option<u64> {
    serde_json::from_str::<Value>(event).ok()?["sequence"].as_str()?.parse().ok()
}

fn default_source() -> Box<str> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // A host's name has no character that a URI would not take.
    format!("/belay/{}", if name.trim().is_empty() { "unknown" } else { name.trim() }).into()
}

impl Draft {
    /// Nothing for a session that is only connecting.
    pub(super) fn of_session(change: &SessionChange) -> Option<Self> {
        let (kind, state) = match change.state {
            SessionState::Connecting => return None,
            SessionState::Connected => ("belay.session.connected", "connected"),
            SessionState::Holding => ("belay.session.holding", "holding"),
            SessionState::Draining => ("belay.session.draining", "draining"),
            SessionState::Disconnected(_) => (SESSION_DISCONNECTED, "disconnected"),
        };
        let mut data = session_data(change);
        data["state"] = state.into();
        data["age_ms"] = millis(change.age).into();
        if let SessionState::Disconnected(ended) = change.state {
            data["reason"] = ended.reason.label().into();
            data["messages"] = ended.messages.into();
            data["dials"] = ended.dials.into();
        }
        Some(Self { kind, subject: Some(change.session.to_string()), at: change.at, data })
    }

    /// A session that died with an earlier process, as that one's [`session_data`] said.
    pub(super) fn of_dead_session(mut data: Value) -> Self {
        data["state"] = "disconnected".into();
        data["reason"] = ClientReason::ProxyDied.label().into();
        let subject = data["session"].as_str().map(str::to_owned);
        Self { kind: SESSION_DISCONNECTED, subject, at: Instant::now(), data }
    }

    pub(super) fn of_client(change: &ClientChange, at: Instant) -> Self {
        let now = change.now;
        let mut data = json!({
            "identity": &*change.identity,
            "state": now.presence.label(),
            "sessions": now.presence.sessions(),
            "connects": now.connects,
            "reconnects": now.reconnects,
        });
        if let Some(reason) = now.presence.reason() {
            data["reason"] = reason.label().into();
            data["gone_since"] = rfc3339(now.since).into();
        }
        if let Some(away) = change.away {
            data["away_ms"] = millis(away).into();
        }
        let kind = match now.presence.label() {
            "connected" => "belay.client.connected",
            "reconnecting" => "belay.client.reconnecting",
            _ => "belay.client.disconnected",
        };
        Self { kind, subject: Some(change.identity.to_string()), at, data }
    }

    /// So many events are missing before this one.
    pub(super) fn of_loss(reasons: &[(&'static str, u64)]) -> Self {
        let events: u64 = reasons.iter().map(|(_, events)| events).sum();
        let reasons: serde_json::Map<_, _> =
            reasons.iter().map(|(reason, events)| ((*reason).to_owned(), (*events).into())).collect();
        let data = json!({ "events": events, "reasons": reasons });
        Self { kind: "belay.report.lost", subject: None, at: Instant::now(), data }
    }
}

const SESSION_DISCONNECTED: &str = "belay.session.disconnected";

/// What is known of a session while it is open.
pub(super) fn session_data(change: &SessionChange) -> Value {
    let mut data = json!({
        "session": change.session.to_string(),
        "route": &*change.route,
        "peer": change.peer.to_string(),
    });
    if let Some(identity) = &change.identity {
        data["identity"] = (&**identity).into();
    }
    data
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// As RFC 3339 writes it, in UTC and with milliseconds.
pub(crate) fn rfc3339(at: Instant) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format_rfc3339(now.saturating_sub(Instant::now() - at))
}

fn format_rfc3339(since_1970: Duration) -> String {
    let (days, second) = (since_1970.as_secs() / 86_400, since_1970.as_secs() % 86_400);
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days: years begin in March here.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z", second % 60, since_1970.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_world_writes_them() {
        // `date -u -d @…`
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_709_251_199, "2024-02-29T23:59:59.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
        ] {
            assert_eq!(format_rfc3339(Duration::from_secs(seconds) + Duration::from_millis(7)), text);
        }
    }

    #[test]
    fn ids_and_sequences_never_repeat() {
        let draft = Draft::of_loss(&[("full", 3)]);
        let (mut one, mut two) = (Stamp::new(Some("/a")), Stamp::new(Some("/a")));
        let events: Vec<Value> = [one.event(&draft), one.event(&draft), two.event(&draft)]
            .iter()
            .map(|event| serde_json::from_str(event).unwrap())
            .collect();
        assert!(events[0]["id"] != events[1]["id"] && events[0]["id"] != events[2]["id"]);
        assert!(events[0]["sequence"].as_str() < events[1]["sequence"].as_str());
    }
}
