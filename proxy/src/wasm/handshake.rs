//! A client's handshake in the filter's terms. Header values that are not UTF-8 are shown with replacement characters.

use std::borrow::Cow;

use super::abi::types;
use crate::dataplane::handshake::Handshake;

/// What the borrowed form points into.
pub(super) struct Owned<'a> {
    route: &'a str,
    handshake: &'a Handshake,
    session_id: String,
    peer_address: String,
    headers: Vec<(&'a str, Cow<'a, str>)>,
    subprotocols: Vec<&'a str>,
}

impl<'a> Owned<'a> {
    pub(super) fn new(route: &'a str, handshake: &'a Handshake) -> Self {
        Self {
            route,
            handshake,
            session_id: handshake.session.to_string(),
            peer_address: handshake.peer.ip().to_canonical().to_string(),
            headers: handshake.headers().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect(),
            subprotocols: handshake.subprotocols().collect(),
        }
    }

    /// Lends it out in the form that goes over the boundary.
    pub(super) fn with<R>(&self, lend: impl FnOnce(types::Handshake<'_>) -> R) -> R {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| types::HeaderParam { name, value }).collect();
        lend(types::Handshake {
            session_id: &self.session_id,
            route: self.route,
            peer_address: &self.peer_address,
            peer_port: self.handshake.peer.port(),
            host: self.handshake.header("host").unwrap_or_default(),
            path: self.handshake.path(),
            query: self.handshake.query(),
            headers: &headers,
            subprotocols: &self.subprotocols,
        })
    }
}
