//! What a message must have to be a heartbeat.

use serde_json::Value;

/// A part of a message, or all of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Pattern {
    /// Something, whatever it is.
    Any,
    /// This.
    Is(Value),
    /// An object with these fields at least.
    Object(Box<[(Box<str>, Pattern)]>),
    /// A list of as many items, each as it says.
    List(Box<[Pattern]>),
}

/// Why a pattern cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// It is a text, a number or the like.
    #[error("a pattern is a mapping or a list")]
    NotAStructure,
    /// It has no name and no text, so it would match messages that are anything but heartbeats.
    #[error("the pattern has neither a field's name nor a text in it")]
    NoWords,
}

/// Stands for any value.
const ANY: &str = "{any}";

impl Pattern {
    pub(super) fn new(value: &Value) -> Result<Self, PatternError> {
        match value {
            Value::Object(_) | Value::Array(_) => Ok(Self::read(value)),
            _ => Err(PatternError::NotAStructure),
        }
    }

    fn read(value: &Value) -> Self {
        match value {
            Value::String(text) if text == ANY => Self::Any,
            Value::Object(fields) => {
                Self::Object(fields.iter().map(|(name, value)| (name.as_str().into(), Self::read(value))).collect())
            }
            Value::Array(items) => Self::List(items.iter().map(Self::read).collect()),
            other => Self::Is(other.clone()),
        }
    }

    pub(super) fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _) => true,
            (Self::Is(expected), value) => expected == value,
            (Self::Object(fields), Value::Object(values)) => {
                fields.iter().all(|(name, field)| values.get(&**name).is_some_and(|value| field.matches(value)))
            }
            (Self::List(items), Value::Array(values)) => {
                items.len() == values.len() && items.iter().zip(values).all(|(item, value)| item.matches(value))
            }
            (Self::Object(_) | Self::List(_), _) => false,
        }
    }

    /// What stands in every message that matches, as JSON writes it: texts before names, since names stand in other messages
    /// too, and of each the longest first. A sender that escapes letters which need no escape is not understood.
    pub(super) fn words(&self) -> Result<Box<[Box<[u8]>]>, PatternError> {
        let (mut texts, mut names) = (Vec::new(), Vec::new());
        self.collect_words(&mut texts, &mut names);
        for words in [&mut texts, &mut names] {
            words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        }
        texts.append(&mut names);
        if texts.is_empty() { Err(PatternError::NoWords) } else { Ok(texts.into()) }
    }

    fn collect_words(&self, texts: &mut Vec<Box<[u8]>>, names: &mut Vec<Box<[u8]>>) {
        match self {
            Self::Is(Value::String(text)) => texts.push(quoted(text)),
            Self::Any | Self::Is(_) => {}
            Self::Object(fields) => {
                for (name, field) in fields {
                    names.push(quoted(name));
                    field.collect_words(texts, names);
                }
            }
            Self::List(items) => items.iter().for_each(|item| item.collect_words(texts, names)),
        }
    }
}

fn quoted(text: &str) -> Box<[u8]> {
    Value::from(text).to_string().into_bytes().into()
}
