//! What a token says (RFC 7519): whether it is for us and now, and what becomes of it.

use belay_filter::{Handshake, current, host};
use serde_json::{Map, Value};

use crate::config::{Config, Mapping, OneOrMany, Unlimited};

/// The host takes no longer attribute.
const VALUE_BYTES_MAX: usize = 4096;

pub(crate) struct Claims {
    all: Map<String, Value>,
    /// `exp`, in seconds since 1970.
    pub(crate) expires: Option<u64>,
    not_before: Option<u64>,
}

impl Claims {
    pub(crate) fn read(payload: Option<Vec<u8>>) -> Result<Self, &'static str> {
        let all: Option<Map<String, Value>> = payload.and_then(|json| serde_json::from_slice(&json).ok());
        let all = all.ok_or("the token's claims cannot be read")?;
        let (expires, not_before) = (date(all.get("exp"))?, date(all.get("nbf"))?);
        Ok(Self { all, expires, not_before })
    }

    /// Whether the token is good for us, now.
    pub(crate) fn check(&self, config: &Config, now_ms: u64) -> Result<(), &'static str> {
        let leeway_ms = config.leeway.ms;
        match self.expires {
            Some(expires) if now_ms >= expires.saturating_mul(1_000).saturating_add(leeway_ms) => {
                return Err("the token has expired");
            }
            None if config.unlimited == Unlimited::Refuse => return Err("the token has no expiry"),
            Some(_) | None => {}
        }
        if self.not_before.is_some_and(|begin| now_ms.saturating_add(leeway_ms) < begin.saturating_mul(1_000)) {
            return Err("the token is not valid yet");
        }
        if !allowed(&config.issuer, self.all.get("iss")) {
            return Err("the token's issuer is not accepted");
        }
        if !allowed(&config.audience, self.all.get("aud")) {
            return Err("the token is for another audience");
        }
        if self
            .all
            .get("sub")
            .is_some_and(|subject| subject.as_str().is_none_or(|text| text.len() > VALUE_BYTES_MAX / 2))
        {
            return Err("the token's subject cannot be used");
        }
        Ok(())
    }

    /// Who may renew the session: the same subject of the same issuer. Nobody, where the token names none.
    pub(crate) fn bearer(&self) -> Option<String> {
        let subject = self.all.get("sub")?.as_str()?;
        let issuer = self.all.get("iss").and_then(Value::as_str).unwrap_or_default();
        let bearer = [issuer, " ", subject].concat();
        (bearer.len() <= VALUE_BYTES_MAX).then_some(bearer)
    }

    /// At the handshake: makes attributes and headers of the claims, and takes away the client's own headers of those names,
    /// however they are written.
    pub(crate) fn introduce(&self, mapping: &Mapping, handshake: &Handshake) {
        for name in mapping.headers.keys() {
            for header in handshake.headers.iter().filter(|header| alike(&header.name, name)) {
                current::set_upstream_header(&header.name, "");
            }
        }
        self.renew(mapping);
    }

    /// Makes attributes and headers of the claims, in place of those of an earlier token.
    pub(crate) fn renew(&self, mapping: &Mapping) {
        for (name, claim) in &mapping.attributes {
            match self.text(claim) {
                Some(value) => current::set_attribute(name, &value),
                None => current::remove_attribute(name),
            }
        }
        for (name, claim) in &mapping.headers {
            let value = self.text(claim).filter(|value| fits_header(claim, value));
            current::set_upstream_header(&name.to_ascii_lowercase(), &value.unwrap_or_default());
        }
    }

    /// A text as it is, a list of texts with commas between, anything else as JSON.
    fn text(&self, claim: &str) -> Option<String> {
        let text = match self.all.get(claim)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Array(list) if list.iter().all(Value::is_string) => {
                list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        if text.len() > VALUE_BYTES_MAX {
            host::log(host::Level::Warn, &["claim ", claim, " is too long to be passed on"].concat());
            return None;
        }
        Some(text)
    }
}

/// Nothing that would end the header and begin another one.
fn fits_header(claim: &str, value: &str) -> bool {
    let fits = !value.chars().any(char::is_control);
    if !fits {
        host::log(host::Level::Warn, &["claim ", claim, " cannot stand in a header"].concat());
    }
    fits
}

/// Many backends take `X_User` for `X-User`.
fn alike(one: &str, other: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.bytes().map(plain).eq(other.bytes().map(plain))
}

/// Whether a claim has one of these values, itself or in a list.
fn allowed(wanted: &OneOrMany, claim: Option<&Value>) -> bool {
    let one = |value: &Value| value.as_str().is_some_and(|value| wanted.0.iter().any(|wanted| wanted == value));
    match claim {
        _ if wanted.0.is_empty() => true,
        Some(Value::Array(values)) => values.iter().any(one),
        Some(value) => one(value),
        None => false,
    }
}

/// A NumericDate: seconds, perhaps with a fraction. Before 1970 is 1970.
fn date(claim: Option<&Value>) -> Result<Option<u64>, &'static str> {
    match claim {
        None => Ok(None),
        // A float becomes the nearest number of its range.
        Some(Value::Number(number)) => Ok(number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64))),
        Some(_) => Err("a date of the token is no number"),
    }
}
