//! The page `/clients` of the admin port.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::Shared;
use super::presence::Standing;
use super::roster::Stage;
use crate::admin::{Access, Answered, Endpoint, Parameter, Values};
use crate::report::rfc3339;

/// What may be asked.
const IDENTITY: Parameter = Parameter { name: "identity", about: "One client by its identity.", values: Values::Text };

/// The part of the admin port's table.
pub(super) fn endpoint(shared: Arc<Shared>) -> Endpoint {
    Endpoint::page("/clients", Access::Read, "All clients in numbers, or one of them.", move |asked| {
        match answer(&shared, asked.parameter(IDENTITY.name)) {
            Some(value) => Answered::ok(&value),
            None => Answered::problem(StatusCode::NOT_FOUND, "nothing is known of that client"),
        }
    })
    .query(&[IDENTITY])
    .outcomes(&[(200, "In numbers, or the one."), (404, "Nothing is known of that client.")])
}

/// All clients in numbers, or the one with this identity; nothing if it is not known.
fn answer(shared: &Shared, identity: Option<&str>) -> Option<Value> {
    let Some(following) = &shared.following else {
        return Some(json!({ "following": false }));
    };
    let roster = following.roster();
    let Some(identity) = identity else {
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
    let Standing { presence, since, connects, reconnects } = roster.standing(identity)?;
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
