//! The file as operators may see it: what it says and what it does not, with its defaults, and no secret in it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::wire;

/// In place of a secret.
const MASK: &str = "***";
/// What such names hold in filters' configs and in headers is kept back, whatever it is: their meaning is not ours to know.
const SECRET_NAMES: [&str; 8] =
    ["authorization", "cookie", "credential", "key", "passphrase", "password", "secret", "token"];

/// See the module. Made once, when the file is read.
#[derive(Clone)]
pub struct Shown(Arc<Value>);

impl Shown {
    /// The file's values.
    pub fn value(&self) -> &Value {
        &self.0
    }

    pub(super) fn of(file: &wire::File) -> Self {
        Self(Arc::new(shown(file)))
    }
}

/// Beside the validated values that it stands with it would say everything twice.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

fn shown(file: &wire::File) -> Value {
    // It fails only for maps with keys that are not text, and there are none.
    let mut shown = serde_json::to_value(file).unwrap_or_default();
    if let Some(filters) = shown.get_mut("filters").and_then(Value::as_object_mut) {
        for filter in filters.values_mut() {
            filter.get_mut("config").into_iter().for_each(mask);
        }
    }
    if let Some(headers) = shown.pointer_mut("/telemetry/otlp/headers").and_then(Value::as_object_mut) {
        headers.values_mut().for_each(|value| *value = MASK.into());
    }
    for pointer in ["/report/endpoint", "/telemetry/otlp/endpoint"] {
        if let Some(Value::String(url)) = shown.pointer_mut(pointer) {
            mask_user(url);
        }
    }
    leave_out_unset(&mut shown);
    shown
}

/// What has neither a value nor a default.
fn leave_out_unset(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(leave_out_unset);
        }
        Value::Array(values) => values.iter_mut().for_each(leave_out_unset),
        _ => {}
    }
}

/// Texts and numbers below names that sound like secrets; what is itself a place to look, such as a file's name, stays.
fn mask(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let name = name.to_lowercase();
                let is_place = ["file", "url", "uri", "environment"].iter().any(|end| name.ends_with(end));
                if !is_place && SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
                    hide(value);
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        _ => {}
    }
}

/// All of it, but for the names of what is below.
fn hide(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if !["file", "url"].iter().any(|place| name.ends_with(place)) {
                    hide(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) => {}
        value => *value = MASK.into(),
    }
}

/// `http://user:password@host/`.
fn mask_user(url: &mut String) {
    let Some((scheme, rest)) = url.split_once("://") else { return };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((_, host)) = authority.rsplit_once('@') {
        *url = format!("{scheme}://{MASK}@{host}{}", &rest[authority.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_sounds_like_a_secret_is_kept_back_and_where_it_is_looked_up_is_not() {
        let mut config = json!({
            "keys": [{ "kid": "a", "secret": "hunter2", "file": "./a.pem" }],
            "jwks_url": "http://keys/", "token": { "file": "/t" }, "api_key": 7, "words": ["darn"],
        });
        mask(&mut config);
        let masked = json!({
            "keys": [{ "kid": MASK, "secret": MASK, "file": "./a.pem" }],
            "jwks_url": "http://keys/", "token": { "file": "/t" }, "api_key": MASK, "words": ["darn"],
        });
        assert_eq!(config, masked);
    }

    #[test]
    fn the_user_of_a_url_is_kept_back() {
        let mut url = "http://me:hunter2@host:1/path@x".to_owned();
        mask_user(&mut url);
        assert_eq!(url, format!("http://{MASK}@host:1/path@x"));
    }
}
