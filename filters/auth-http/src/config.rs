//! The YAML of this filter, checked.

use std::collections::BTreeMap;

use belay_filter::CloseReason;
use belay_filter::configured::{self, Error};
use belay_filter::units::{Size, Span};
use serde::Deserialize;

use crate::question::FACTS;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) method: Method,
    /// None: as long as `callouts.timeout` allows.
    pub(crate) timeout: Option<Span>,
    #[serde(default = "sent")]
    pub(crate) headers: Vec<String>,
    #[serde(default)]
    pub(crate) upstream_headers: Vec<String>,
    /// Names to headers of the answer.
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
    #[serde(default = "told")]
    pub(crate) client_headers: Vec<String>,
    #[serde(default = "body")]
    pub(crate) client_body: Size,
    #[serde(default)]
    pub(crate) on_error: OnError,
    pub(crate) cache: Option<Cache>,
    pub(crate) recheck: Option<Span>,
    #[serde(default = "close")]
    pub(crate) close: CloseReason,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    #[default]
    Get,
    Head,
    Post,
}

/// What no answer means, or one that is neither yes nor no.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnError {
    #[default]
    Deny,
    Allow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cache {
    pub(crate) ttl: Span,
    #[serde(default = "refused_ttl")]
    pub(crate) refused_ttl: Span,
    #[serde(default = "everything")]
    pub(crate) by: Vec<Part>,
}

/// What two clients must have alike to share an answer.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    Host,
    Path,
    /// All of it.
    Query,
    Peer,
    Header(String),
    Parameter(String),
}

fn sent() -> Vec<String> {
    ["authorization", "cookie"].map(Into::into).into()
}

fn told() -> Vec<String> {
    ["www-authenticate", "location", "content-type"].map(Into::into).into()
}

fn body() -> Size {
    Size { bytes: 4096 }
}

fn close() -> CloseReason {
    CloseReason { code: 4401, reason: "not let in any more".to_owned() }
}

fn refused_ttl() -> Span {
    Span { ms: 0 }
}

/// The headers that are sent are always part of it.
fn everything() -> Vec<Part> {
    vec![Part::Host, Part::Path, Part::Query, Part::Peer]
}

impl Config {
    pub(crate) fn check(&self) -> configured::Result<()> {
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(Error::at("url", "begins with http:// or https://"));
        }
        names("headers", &self.headers)?;
        names("upstream_headers", &self.upstream_headers)?;
        names("client_headers", &self.client_headers)?;
        if let Some(name) = self.headers.iter().find(|name| FACTS.iter().any(|fact| name.eq_ignore_ascii_case(fact))) {
            return Err(Error::at("headers", &format!("`{name}` is sent by this filter, and not the client's to say")));
        }
        for name in &self.upstream_headers {
            let reserved = ["host", "connection", "upgrade", "content-length"];
            let lower = name.to_ascii_lowercase();
            if reserved.contains(&&*lower) || lower.starts_with("sec-websocket-") || lower.starts_with("belay-") {
                return Err(Error::at("upstream_headers", &format!("`{name}` is not a filter's to set")));
            }
        }
        if self.attributes.keys().any(String::is_empty) {
            return Err(Error::at("attributes", "an attribute needs a name"));
        }
        if self.cache.as_ref().is_some_and(|cache| cache.ttl.ms == 0) {
            return Err(Error::at("cache.ttl", "is longer than nothing"));
        }
        if self.recheck.is_some_and(|recheck| recheck.ms < 1000) {
            return Err(Error::at("recheck", "is a second or more"));
        }
        Ok(())
    }
}

fn names(field: &str, names: &[String]) -> configured::Result<()> {
    // RFC 9110, section 5.6.2.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match names.iter().find(|name| name.is_empty() || !name.bytes().all(is_token)) {
        Some(name) => Err(Error::at(field, &format!("`{name}` is no header's name"))),
        None => Ok(()),
    }
}
