//! Where in a handshake the token is.

use belay_filter::Handshake;
use serde::Deserialize;

/// A place to look for the token.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// `Authorization: Bearer …` (RFC 6750, section 2.1).
    Header,
    /// A query parameter of this name.
    Query(String),
    /// A cookie of this name.
    Cookie(String),
    /// After this name in Sec-WebSocket-Protocol, either as the next one or behind a dot.
    Subprotocol(String),
}

/// The name of [`Place::Header`] in attributes.
pub(crate) const HEADER: &str = "header";

impl Place {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Header => HEADER,
            Self::Query(_) => "query",
            Self::Cookie(_) => "cookie",
            Self::Subprotocol(_) => "subprotocol",
        }
    }
}

/// A token, not looked at yet.
pub(crate) struct Found<'a> {
    pub(crate) token: String,
    pub(crate) source: &'a Place,
}

/// In the first place that has one.
pub(crate) fn find<'a>(places: &'a [Place], handshake: &Handshake) -> Option<Found<'a>> {
    places.iter().find_map(|source| Some(Found { token: token_in(source, handshake)?, source }))
}

fn token_in(place: &Place, handshake: &Handshake) -> Option<String> {
    match place {
        Place::Header => {
            let (scheme, token) = handshake.header("authorization")?.trim().split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        }
        Place::Query(name) => handshake.query_value(name),
        Place::Cookie(name) => handshake.cookie(name).map(str::to_owned),
        Place::Subprotocol(name) => subprotocol(&handshake.subprotocols, name).map(|found| found.token.to_owned()),
    }
}

/// Where the token stands among the subprotocols.
struct Subprotocol<'a> {
    /// Of the one that names the kind of token.
    place: usize,
    /// How many belong to it.
    length: usize,
    token: &'a str,
}

fn subprotocol<'a>(offered: &'a [String], name: &str) -> Option<Subprotocol<'a>> {
    offered.iter().enumerate().find_map(|(place, offer)| {
        if offer == name {
            return offered.get(place + 1).map(|token| Subprotocol { place, length: 2, token });
        }
        let token = offer.strip_prefix(name)?.strip_prefix('.')?;
        Some(Subprotocol { place, length: 1, token })
    })
}

/// The client's offer with the token taken out.
pub(crate) struct Offer {
    /// What the backend may choose from.
    pub(crate) rest: Vec<String>,
    /// What the client is told if the backend chooses none: browsers give up a connection on which none of theirs is.
    pub(crate) accepted: String,
}

/// None if the client's offer has no token, or if none is looked for there. Also if the token in use is from elsewhere: a
/// token is nothing that the backend could speak.
pub(crate) fn without_token(places: &[Place], handshake: &Handshake) -> Option<Offer> {
    let names = places.iter().filter_map(|place| match place {
        Place::Subprotocol(name) => Some(name),
        Place::Header | Place::Query(_) | Place::Cookie(_) => None,
    });
    let found = names.filter_map(|name| subprotocol(&handshake.subprotocols, name)).next()?;
    let mut rest = handshake.subprotocols.clone();
    let accepted = rest.drain(found.place..found.place + found.length).next()?;
    Some(Offer { rest, accepted })
}
