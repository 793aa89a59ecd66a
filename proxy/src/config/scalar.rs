//! Values that are one word in the YAML and more than a word to us: durations, sizes, addresses, URLs, close codes. Each
//! reads itself, says what it expected, and knows its JSON Schema. What a value means where it stands is the conversion's.

mod bytes;
mod net;
mod quantity;
mod secret;

pub(super) use bytes::Delimiter;
pub(super) use net::{Address, BackendScheme, BackendUrl, CloseCode, HoldCode, Host, HttpUrl, RequestPath};
pub(super) use quantity::{Rate, Size, Time, TimeOrZero};
pub(super) use secret::SecretReference;

use super::tree;

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Mistake {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }
}

/// Reads a value as the scalar of that name in the schema. Nothing if there is no such scalar, or if the value's type is
/// not its type and the schema can say so.
pub(super) fn check(schema_name: &str, value: &tree::Scalar) -> Option<Result<(), Mistake>> {
    let text = |read: fn(&str) -> Result<(), Mistake>| match value {
        tree::Scalar::Text(text) => Some(read(text)),
        _ => None,
    };
    let number = |read: fn(u64) -> Result<(), Mistake>| match value {
        tree::Scalar::Number(number) => number.as_u64().map(read),
        _ => None,
    };
    match schema_name {
        Time::NAME => quantity::unit_missing(value, "30s", "30ms").or_else(|| text(|s| Time::read(s).map(drop))),
        TimeOrZero::NAME => {
            quantity::unit_missing(value, "30s", "30ms").or_else(|| text(|s| TimeOrZero::read(s).map(drop)))
        }
        Size::NAME => quantity::unit_missing(value, "64B", "64KiB").or_else(|| text(|s| Size::read(s).map(drop))),
        Rate::NAME => quantity::unit_missing(value, "1/s", "1/m").or_else(|| text(|s| Rate::read(s).map(drop))),
        Address::NAME => net::port_alone(value).or_else(|| text(|s| Address::read(s).map(drop))),
        BackendUrl::NAME => text(|s| BackendUrl::read(s).map(drop)),
        Delimiter::NAME => text(|s| Delimiter::read(s).map(drop)),
        HttpUrl::NAME => text(|s| HttpUrl::read(s).map(drop)),
        SecretReference::NAME => text(|s| SecretReference::read(s).map(drop)),
        Host::NAME => text(|s| Host::read(s).map(drop)),
        RequestPath::NAME => text(|s| RequestPath::read(s).map(drop)),
        CloseCode::NAME => number(|n| CloseCode::read(n).map(drop)),
        HoldCode::NAME => number(|n| HoldCode::read(n).map(drop)),
        _ => None,
    }
}

/// Serde and schema for a type with `NAME`, `read` and `Display`.
macro_rules! text_scalar {
    ($type:ident, $name:literal, $title:literal, $pattern:literal, $examples:tt) => {
        impl $type {
            pub(in crate::config) const NAME: &'static str = $name;
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::read(&text).map_err(|mistake| serde::de::Error::custom(mistake.message))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "title": $title,
                    "type": "string",
                    "pattern": $pattern,
                    "examples": $examples,
                })
            }
        }
    };
}

use text_scalar;
