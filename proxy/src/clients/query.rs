//! The page `/clients` of the admin port.

use serde_json::{Value, json};

use super::Shared;
use super::presence::Standing;
use super::roster::Stage;
use crate::dataplane::route::parameter;
use crate::report::rfc3339;

/// All clients in numbers, or with `identity=` one of them; nothing if it is not known.
pub(super) fn answer(shared: &Shared, query: &str) -> Option<Value> {
    let Some(following) = &shared.following else {
        return Some(json!({ "following": false }));
    };
    let roster = following.roster();
    let Some(identity) = parameter(query, "identity") else {
        let census = roster.census();
        let sessions = Stage::ALL.map(|stage| (stage.label(), roster.sessions(stage)));
        return Some(json!({
            "following": true,
            "attribute": &*following.attribute,
            "clients": {
                "connected": census.connected,
                "reconnecting": census.reconnecting,
                "disconnected": census.disconnected,
            },
            "sessions": sessions.into_iter().map(|(state, count)| (state.to_owned(), count.into()))
                .collect::<serde_json::Map<_, Value>>(),
            "untracked": census.untracked,
        }));
    };
    let Standing { presence, since, connects, reconnects } = roster.standing(&identity)?;
    Some(json!({
        "identity": identity,
        "state": presence.label(),
        "since": rfc3339(since),
        "reason": presence.reason().map(|reason| reason.label()),
        "sessions": presence.sessions(),
        "connects": connects,
        "reconnects": reconnects,
    }))
}
