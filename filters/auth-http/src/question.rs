//! What the service is asked: the config's request, with what is known of the client.

use belay_filter::{Handshake, Header, Request};

use crate::config::{Config, Method};

/// What the service is told besides the client's own headers. Nobody else may say these.
pub(crate) const FACTS: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-uri", "belay-route", "belay-session"];

/// One asks on behalf of this client.
pub(crate) fn request(config: &Config, handshake: &Handshake) -> Request {
    let method = match config.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
    };
    let chosen = config.headers.iter().flat_map(|name| {
        handshake.headers_named(name).map(|value| Header { name: name.clone(), value: value.to_owned() })
    });
    let uri = match handshake.query.as_str() {
        "" => handshake.path.clone(),
        query => [&handshake.path, "?", query].concat(),
    };
    let facts = [&handshake.peer_address, &handshake.host, &uri, &handshake.route, &handshake.session_id];
    let facts = FACTS.iter().zip(facts).map(|(name, value)| Header { name: (*name).to_owned(), value: value.clone() });
    Request {
        method: method.to_owned(),
        url: config.url.clone(),
        headers: facts.chain(chosen).collect(),
        body: Vec::new(),
        timeout_ms: config.timeout.map_or(0, |timeout| u32::try_from(timeout.ms).unwrap_or(u32::MAX)),
    }
}
