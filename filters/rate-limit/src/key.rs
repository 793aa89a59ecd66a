//! Whose bucket an event draws from.

use belay_filter::{Handshake, current};
use serde::Deserialize;

/// What each has a bucket of its own.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// Each session.
    Session,
    /// Each value of the attribute `user`.
    User,
    /// Each client address.
    Peer,
    /// Each route.
    Route,
    /// Each value of a header of the client's handshake.
    Header(String),
    /// Each value of an attribute that a filter before this one sets.
    Attribute(String),
}

/// What auth-jwt calls the subject of a token.
const USER: &str = "user";

impl Source {
    fn attribute(&self) -> Option<&str> {
        match self {
            Self::User => Some(USER),
            Self::Attribute(name) => Some(name),
            Self::Session | Self::Peer | Self::Route | Self::Header(_) => None,
        }
    }
}

/// A session's keys, one for each source. The first byte keeps users, addresses and so on apart from each other.
#[derive(Default)]
pub(crate) struct Keys(Box<[Key]>);

enum Key {
    Known(Box<str>),
    /// No filter has set the attribute so far; until then the client's address stands in, so that who is not known yet
    /// neither goes unlimited nor shares a bucket with the whole world.
    Awaited {
        until_then: Box<str>,
    },
}

impl Keys {
    pub(crate) fn of(sources: &[Source], handshake: &Handshake) -> Self {
        Self(sources.iter().map(|source| Key::of(source, handshake)).collect())
    }

    /// The key of the source in this place. Looks up an attribute until it is there, and then no more.
    pub(crate) fn find(&mut self, sources: &[Source], place: usize) -> &str {
        let (Some(key), Some(source)) = (self.0.get_mut(place), sources.get(place)) else {
            // A session that no handshake was told of; the proxy does not do that.
            return "";
        };
        if let (Key::Awaited { .. }, Some(name)) = (&*key, source.attribute())
            && let Some(value) = current::attribute(name)
        {
            *key = Key::Known(tagged("a", &value));
        }
        match key {
            Key::Known(key) | Key::Awaited { until_then: key } => key,
        }
    }
}

impl Key {
    fn of(source: &Source, handshake: &Handshake) -> Self {
        let peer = || tagged("p", &handshake.peer_address);
        match source {
            Source::Session => Self::Known(tagged("s", &handshake.session_id)),
            Source::Peer => Self::Known(peer()),
            Source::Route => Self::Known(tagged("r", &handshake.route)),
            Source::Header(name) => Self::Known(handshake.header(name).map_or_else(peer, |value| tagged("h", value))),
            Source::User | Source::Attribute(_) => Self::Awaited { until_then: peer() },
        }
    }
}

fn tagged(tag: &str, value: &str) -> Box<str> {
    [tag, value].concat().into_boxed_str()
}
