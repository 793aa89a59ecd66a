//! Contents, as a script writes them and as it compares them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A text, or anything.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum PayloadOrText {
    /// A text.
    Text(String),
    /// Anything.
    Payload(Payload),
}

/// One of `text`, `json`, `hex` and `base64`.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Payload {
    /// A text.
    pub(in crate::config) text: Option<String>,
    /// A text of JSON, written without spaces.
    pub(in crate::config) json: Option<Value>,
    /// Bytes, two digits each; spaces are left out.
    pub(in crate::config) hex: Option<String>,
    /// Bytes.
    pub(in crate::config) base64: Option<String>,
    /// Of `text`, `hex` and `base64`: so many times over.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::config) times: Option<u32>,
}

/// What a content is to be: a text, or anything.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum Content {
    /// This text.
    Text(String),
    /// Anything.
    Match(ContentMatch),
}

/// One of `text`, `json`, `hex`, `base64`, `contains` and `starts_with`. JSON may be written in any way.
// No `deny_unknown_fields`, which serde has not beside `flatten`: the schema says it, and unknown keys are found by that.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default)]
#[schemars(extend("additionalProperties" = false))]
pub(in crate::config) struct ContentMatch {
    /// This content.
    #[serde(flatten)]
    pub(in crate::config) is: Payload,
    /// A text that has this in it.
    pub(in crate::config) contains: Option<String>,
    /// A text that begins so.
    pub(in crate::config) starts_with: Option<String>,
}

/// What a text is to be.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum TextMatch {
    /// This.
    Is(String),
    /// Of this kind.
    Like(TextLike),
}

/// What a text is like.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum TextLike {
    /// It has this in it.
    Contains(String),
    /// It begins so.
    StartsWith(String),
}

/// A line of the filter's log.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum Line {
    /// This text, at any level.
    Text(String),
    /// With more.
    Line(LineMatch),
}

/// What a line of the log is to be.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct LineMatch {
    /// How much it matters. Without it, at any level.
    pub(in crate::config) level: Option<Level>,
    /// What it says. Without it, anything.
    pub(in crate::config) text: Option<TextMatch>,
}

/// How much a line of the log matters.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// For whoever wants to know.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}
