//! Which sessions are meant.

use std::time::Duration;

use super::{Asked, Parameter, Values};
use crate::dataplane::visit::{Condition, View};

/// A year, in seconds.
const AGE_MAX: u64 = 365 * 86_400;

/// What a search may say; all of it must hold.
pub(super) const SEARCH: [Parameter; 7] = [
    Parameter { name: "text", about: "Stands in its id, peer, route, path or an attribute.", values: Values::Text },
    Parameter { name: "route", about: "The name of its route.", values: Values::Text },
    Parameter { name: "peer", about: "How its client's IP address and port begin.", values: Values::Text },
    Parameter { name: "state", about: "Its state.", values: Values::OneOf(&Condition::LABELS) },
    Parameter { name: "attribute", about: "An attribute that it has, or NAME=VALUE.", values: Values::Text },
    Parameter { name: "older_than_s", about: "It is at least as old, in seconds.", values: Values::Number(0, AGE_MAX) },
    Parameter { name: "younger_than_s", about: "It is younger, in seconds.", values: Values::Number(0, AGE_MAX) },
];

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Search {
    text: Option<Box<str>>,
    route: Option<Box<str>>,
    peer: Option<Box<str>>,
    state: Option<Box<str>>,
    attribute: Option<(Box<str>, Option<Box<str>>)>,
    older: Option<Duration>,
    younger: Option<Duration>,
}

impl Search {
    /// What was asked for.
    pub(super) fn of(asked: &Asked) -> Result<Self, String> {
        let text = |name| asked.parameter(name).map(Into::into);
        let seconds = |name| asked.number(name).map(Duration::from_secs);
        let attribute = asked.parameter("attribute").map(|attribute| match attribute.split_once('=') {
            Some((name, value)) => (name.into(), Some(value.into())),
            None => (attribute.into(), None),
        });
        if attribute.as_ref().is_some_and(|(name, _): &(Box<str>, _)| name.is_empty()) {
            return Err("'attribute' is a name, or NAME=VALUE".to_owned());
        }
        Ok(Self {
            text: asked.parameter("text").map(|text| text.to_lowercase().into()),
            route: text("route"),
            peer: text("peer"),
            state: text("state"),
            attribute,
            older: seconds("older_than_s"),
            younger: seconds("younger_than_s"),
        })
    }

    /// Whether it says anything at all.
    pub(super) fn is_narrow(&self) -> bool {
        let Self { text, route, peer, state, attribute, older, younger } = self;
        let texts = [text, route, peer, state].into_iter().any(Option::is_some);
        texts || attribute.is_some() || older.is_some() || younger.is_some()
    }

    /// Whether the session is meant.
    pub(super) fn finds(&self, session: &View<'_>) -> bool {
        let age = session.now.since(session.opened);
        self.route.as_ref().is_none_or(|route| *route == session.route.name)
            && self.state.as_ref().is_none_or(|state| **state == *session.condition.label())
            && self.older.is_none_or(|older| age >= older)
            && self.younger.is_none_or(|younger| age < younger)
            && self.attribute.as_ref().is_none_or(|(name, wanted)| {
                let value = session.facts.attribute(name);
                value.is_some_and(|value| wanted.as_ref().is_none_or(|wanted| **wanted == *value))
            })
            && self.peer.as_ref().is_none_or(|peer| session.handshake.peer.to_string().starts_with(&**peer))
            && self.text.as_ref().is_none_or(|text| says(session, text))
    }
}

/// Whether a text in lower case stands anywhere in what tables show of a session.
fn says(session: &View<'_>, text: &str) -> bool {
    let holds = |shown: &str| shown.to_lowercase().contains(text);
    let mut attributes = session.facts.inner().into_iter().flat_map(|facts| facts.attributes.iter());
    holds(&session.route.name)
        || holds(session.handshake.path())
        || attributes.any(|(name, value)| holds(value) || holds(name))
        || session.handshake.session.to_string().contains(text)
        || session.handshake.peer.to_string().contains(text)
}
