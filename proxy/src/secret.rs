//! Secrets: named in the configuration by `${file:PATH}` or `${env:NAME}`, read when it is loaded, and shown nowhere. Which
//! values may name one, and reading them, is the config room's.

use std::fmt;

use serde_json::Value;

/// A text that is shown nowhere: `Debug` says `***`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// The secrets that some texts name, by how they name them. The texts themselves hold none, so they can be shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets(Vec<(Box<str>, Secret)>);

/// Where a secret is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference<'a> {
    /// A file.
    File(&'a str),
    /// A variable of the environment.
    Variable(&'a str),
}

/// A part of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// As it stands.
    Text(&'a str),
    /// A secret's name, braces and all, and what it leads to.
    Named(&'a str, Reference<'a>),
}

/// A secret shorter than this is not looked for in what others say: it would be found everywhere.
const MASKED_BYTES_MIN: usize = 4;

impl Secret {
    /// This one.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// For those who need it, and do not show it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The parts of a text. `$${` stands for `${`; what is not closed, or names neither a file nor a variable, is text.
pub fn pieces(mut text: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        if let Some((name, reference, rest)) = named(text) {
            text = rest;
            return Some(Piece::Named(name, reference));
        }
        // The first character has been looked at: up to the next that may begin something.
        let skipped = if text.starts_with("$${") { 1 } else { 0 };
        let from = &text[skipped..];
        let beyond = from.char_indices().skip(1).find(|(at, _)| {
            let next = &from[*at..];
            next.starts_with("$${") || named(next).is_some()
        });
        // Of an escape, not the brace: `${` is text now, and is not looked at again.
        let end = if skipped == 1 {
            2.max(beyond.map_or(from.len(), |(at, _)| at))
        } else {
            beyond.map_or(from.len(), |(at, _)| at)
        };
        let (piece, rest) = from.split_at(end);
        text = rest;
        Some(Piece::Text(piece))
    })
}

/// The reference that a text begins with.
fn named(text: &str) -> Option<(&str, Reference<'_>, &str)> {
    let end = text.starts_with("${").then(|| text.find('}')).flatten()?;
    let reference = match text[2..end].split_once(':')? {
        ("file", path) if !path.is_empty() => Reference::File(path),
        ("env", name) if !name.is_empty() => Reference::Variable(name),
        _ => return None,
    };
    Some((&text[..=end], reference, &text[end + 1..]))
}

impl Secrets {
    /// One more.
    pub fn add(&mut self, name: &str, secret: Secret) {
        if self.find(name).is_none() {
            self.0.push((name.into(), secret));
        }
    }

    fn find(&self, name: &str) -> Option<&Secret> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, secret)| secret)
    }

    /// The text with its secrets in place.
    pub fn fill(&self, text: &str) -> Secret {
        let filled: String = pieces(text)
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Named(name, _) => self.find(name).map_or(name, Secret::reveal),
            })
            .collect();
        Secret::new(filled)
    }

    /// The value with the secrets of all its texts in place, to be handed to a filter.
    pub fn fill_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text).reveal().to_owned()),
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), self.fill_json(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    /// What somebody says who was given them, with their names in their place.
    pub fn mask(&self, said: &str) -> String {
        let shown = self.0.iter().filter(|(_, secret)| secret.0.len() >= MASKED_BYTES_MIN);
        shown.fold(said.to_owned(), |said, (name, secret)| said.replace(secret.reveal(), name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_names_secrets_by_file_and_by_variable() {
        let found: Vec<_> = pieces("Bearer ${file:/run/a b}, ${env:NAME}!").collect();
        let expected = [
            Piece::Text("Bearer "),
            Piece::Named("${file:/run/a b}", Reference::File("/run/a b")),
            Piece::Text(", "),
            Piece::Named("${env:NAME}", Reference::Variable("NAME")),
            Piece::Text("!"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_names_no_secret_is_text() {
        let secrets = Secrets::default();
        for text in ["", "plain", "$", "${", "${}", "${file:}", "${env:", "${other:x}", "a$b{c}", "ü${é}"] {
            assert_eq!(secrets.fill(text).reveal(), text);
        }
        assert_eq!(secrets.fill("$${env:NAME} and $$ and $${").reveal(), "${env:NAME} and $$ and ${");
    }

    #[test]
    fn secrets_are_filled_in_and_never_shown() {
        let mut secrets = Secrets::default();
        secrets.add("${env:KEY}", Secret::new("hunter2"));
        let written = json!({ "keys": [{ "secret": "${env:KEY}" }], "rate": 7 });
        let filled = secrets.fill_json(&written);
        assert_eq!(filled, json!({ "keys": [{ "secret": "hunter2" }], "rate": 7 }));
        assert_eq!(secrets.mask("keys[0]: 'hunter2' is too short"), "keys[0]: '${env:KEY}' is too short");
        assert_eq!(format!("{secrets:?} {:?}", Secret::new("hunter2")), r#"["${env:KEY}"] ***"#);
    }
}
