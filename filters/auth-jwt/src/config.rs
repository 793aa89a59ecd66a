//! The YAML of this filter, checked.

use std::collections::BTreeMap;

use belay_filter::configured::{self, Error};
use belay_filter::units::Span;
use serde::Deserialize;

use crate::credentials::Place;
use crate::key::WrittenKey;
use crate::refresh::Refresh;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) keys: Vec<WrittenKey>,
    /// Empty: any, or none.
    #[serde(default)]
    pub(crate) issuer: OneOrMany,
    /// Empty: any, or none.
    #[serde(default)]
    pub(crate) audience: OneOrMany,
    #[serde(default = "leeway")]
    pub(crate) leeway: Span,
    #[serde(default = "place")]
    pub(crate) token: Vec<Place>,
    #[serde(default)]
    pub(crate) claims: Mapping,
    #[serde(default)]
    pub(crate) unlimited: Unlimited,
    #[serde(default)]
    pub(crate) expiry: Expiry,
    pub(crate) refresh: Option<Refresh>,
    #[serde(default = "realm")]
    pub(crate) realm: String,
}

/// Clocks differ by some seconds, not by minutes.
fn leeway() -> Span {
    Span { ms: 10_000 }
}

fn place() -> Vec<Place> {
    vec![Place::Header]
}

fn realm() -> String {
    "belay".to_owned()
}

/// What becomes of claims: names of attributes and headers to names of claims.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mapping {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Default for Mapping {
    fn default() -> Self {
        let user = BTreeMap::from([("user".to_owned(), "sub".to_owned())]);
        Self { attributes: user, headers: BTreeMap::new() }
    }
}

/// Whether a token without `exp` is good.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unlimited {
    #[default]
    Refuse,
    Allow,
}

/// What happens to a session whose token expires.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expiry {
    #[default]
    Close,
    Ignore,
}

/// A text, or a list of them.
#[derive(Default, Deserialize)]
#[serde(from = "Written")]
pub(crate) struct OneOrMany(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum Written {
    One(String),
    Many(Vec<String>),
}

impl From<Written> for OneOrMany {
    fn from(written: Written) -> Self {
        match written {
            Written::One(one) => Self(vec![one]),
            Written::Many(many) => Self(many),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> configured::Result<()> {
        if self.token.is_empty() {
            return Err(Error::at("token", "names no place to look in"));
        }
        if self.realm.contains(['"', '\\']) || self.realm.chars().any(char::is_control) {
            return Err(Error::at("realm", "must have no quotes, backslashes or control characters"));
        }
        for name in self.claims.headers.keys() {
            let reserved = ["host", "connection", "upgrade", "authorization", "content-length"];
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Error::at("claims.headers", &format!("`{name}` is no header's name")));
            }
            let lower = name.to_ascii_lowercase();
            if reserved.contains(&&*lower) || lower.starts_with("sec-websocket-") || lower.starts_with("belay-") {
                return Err(Error::at("claims.headers", &format!("`{name}` is not a filter's to set")));
            }
        }
        if let Some(name) = self.claims.attributes.keys().find(|name| name.is_empty() || name.starts_with("auth.")) {
            return Err(Error::at("claims.attributes", &format!("`{name}` is this filter's own, or empty")));
        }
        if let Some(refresh) = &self.refresh {
            refresh.check()?;
        }
        Ok(())
    }
}

/// RFC 9110, section 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
