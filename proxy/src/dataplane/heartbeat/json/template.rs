//! The answer to a heartbeat: JSON in which placeholders stand for fields of the message and for the time.

use std::io::Write as _;

use serde_json::Value;

use crate::time::UnixTime;

/// A part of an answer, or all of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Template {
    /// As it is, as JSON.
    Fixed(Box<[u8]>),
    /// A value of its own type: a text that was one placeholder and nothing else.
    Filled(Placeholder),
    /// A text with placeholders in it.
    Text(Box<[Piece]>),
    /// Names as JSON writes them. What has a field that the message does not have is left out.
    Object(Box<[(Box<[u8]>, Template)]>),
    /// What has a field that the message does not have is `null`.
    List(Box<[Template]>),
}

/// A part of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    Fixed(Box<str>),
    Filled(Placeholder),
}

/// What stands between braces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Placeholder {
    /// Names of fields, or places in lists, from the outside in.
    Field(Box<[Box<str>]>),
    /// Milliseconds since 1970.
    Millis,
    /// Seconds since 1970.
    Seconds,
    /// `2026-01-31T12:00:00.000Z`.
    Rfc3339,
}

/// Why a template cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    /// An opening brace without its closing one.
    #[error("'{0}' has a '{{' without a '}}'")]
    Open(Box<str>),
    /// Nothing of that name can be put in.
    #[error("'{{{0}}}' is neither a field of the message nor a form of the time")]
    Unknown(Box<str>),
}

impl Template {
    pub(super) fn new(value: &Value) -> Result<Self, TemplateError> {
        Ok(match value {
            Value::String(text) => Self::text(text)?,
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((json(name.as_str()), Self::new(value)?)));
                Self::Object(fields.collect::<Result<_, _>>()?)
            }
            Value::Array(items) => Self::List(items.iter().map(Self::new).collect::<Result<_, _>>()?),
            other => Self::Fixed(json(other.clone())),
        })
    }

    fn text(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or_else(|| TemplateError::Open(text.into()))?;
            if !before.is_empty() {
                pieces.push(Piece::Fixed(before.into()));
            }
            pieces.push(Piece::Filled(Placeholder::new(inside)?));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Fixed(rest.into()));
        }
        Ok(match &mut pieces[..] {
            [Piece::Filled(placeholder)] => Self::Filled(placeholder.clone()),
            pieces if pieces.iter().any(|piece| matches!(piece, Piece::Filled(_))) => Self::Text(pieces.into()),
            _ => Self::Fixed(json(text)),
        })
    }

    /// The answer to this message. The clock is asked only if the answer says the time.
    pub(super) fn fill_in(&self, message: &Value, clock: fn() -> UnixTime) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.write(message, clock, &mut out) {
            out.extend_from_slice(b"null");
        }
        out
    }

    /// Writes nothing and says no if it is a field that the message does not have.
    fn write(&self, message: &Value, clock: fn() -> UnixTime, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Fixed(json) => out.extend_from_slice(json),
            Self::Filled(placeholder) => match placeholder.value(message, clock) {
                Some(value) => write(out, &value),
                None => return false,
            },
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Fixed(piece) => text += piece,
                        Piece::Filled(placeholder) => match placeholder.value(message, clock) {
                            Some(Value::String(value)) => text += &value,
                            Some(value) => text += &value.to_string(),
                            None => {}
                        },
                    }
                }
                write(out, &Value::String(text));
            }
            Self::Object(fields) => {
                out.push(b'{');
                let first = out.len();
                for (name, field) in fields {
                    let before = out.len();
                    if before > first {
                        out.push(b',');
                    }
                    out.extend_from_slice(name);
                    out.push(b':');
                    if !field.write(message, clock, out) {
                        out.truncate(before);
                    }
                }
                out.push(b'}');
            }
            Self::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    if !item.write(message, clock, out) {
                        out.extend_from_slice(b"null");
                    }
                }
                out.push(b']');
            }
        }
        true
    }
}

impl Placeholder {
    fn new(inside: &str) -> Result<Self, TemplateError> {
        match inside {
            "now:ms" => Ok(Self::Millis),
            "now:s" => Ok(Self::Seconds),
            "now:rfc3339" => Ok(Self::Rfc3339),
            _ if inside.contains([':', '{']) || inside.split('.').any(str::is_empty) => {
                Err(TemplateError::Unknown(inside.into()))
            }
            path => Ok(Self::Field(path.split('.').map(Into::into).collect())),
        }
    }

    fn value(&self, message: &Value, clock: fn() -> UnixTime) -> Option<Value> {
        Some(match self {
            Self::Field(path) => path
                .iter()
                .try_fold(message, |value, step| match value {
                    Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                    other => other.get(&**step),
                })?
                .clone(),
            Self::Millis => clock().as_millis().into(),
            Self::Seconds => clock().as_secs().into(),
            Self::Rfc3339 => clock().to_string().into(),
        })
    }
}

fn json(value: impl Into<Value>) -> Box<[u8]> {
    value.into().to_string().into_bytes().into()
}

fn write(out: &mut Vec<u8>, value: &Value) {
    // Into memory: it cannot fail.
    let _ = write!(out, "{value}");
}
