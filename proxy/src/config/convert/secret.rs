//! `${file:PATH}` and `${env:NAME}`: the values that may name a secret, and what they name.

use serde_json::Value;

use super::Convert;
use crate::config::diagnostics::PLAIN_SECRET;
use crate::config::path::Path;
use crate::secret::{Piece, Reference, Secret, Secrets, pieces};

/// Longer than any key or token; a file of more is another one.
const SECRET_BYTES_MAX: usize = 64 * 1024;

impl Convert<'_> {
    /// Adds the secrets that a text names. The line feed that editors and `kubectl` put at a file's end is not a part of it.
    pub(super) fn name_secrets(&mut self, text: &str, secrets: &mut Secrets, path: &Path) {
        for piece in pieces(text) {
            let Piece::Named(name, reference) = piece else { continue };
            match self.secret_at(reference) {
                Ok(secret) => secrets.add(name, secret),
                Err((message, help)) => self.note(path, message, Some(help)),
            }
        }
    }

    /// A text that can only be a secret, and so must name one. Nothing after a mistake.
    pub(super) fn named_secret(&mut self, text: &str, path: &Path) -> Option<Secret> {
        let mut secrets = Secrets::default();
        self.name_secrets(text, &mut secrets, path);
        if secrets != Secrets::default() {
            return Some(secrets.fill(text));
        }
        if !self.was_noted(path) {
            self.note(path, PLAIN_SECRET.to_owned(), Some("write ${file:PATH} or ${env:NAME} for it".to_owned()));
        }
        None
    }

    /// As [`Self::name_secrets`], for all texts in it.
    pub(super) fn name_secrets_in(&mut self, value: &Value, secrets: &mut Secrets, path: &Path) {
        match value {
            Value::String(text) => self.name_secrets(text, secrets, path),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| self.name_secrets_in(item, secrets, &path.item(index)));
            }
            Value::Object(entries) => {
                entries.iter().for_each(|(key, value)| self.name_secrets_in(value, secrets, &path.key(key)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// What went wrong tells where, and nothing of what stands there.
    fn secret_at(&self, reference: Reference<'_>) -> Result<Secret, (String, String)> {
        let (place, text) = match reference {
            Reference::File(file) => {
                let text = std::fs::read(self.folder.join(file)).map_err(|error| {
                    let help = "paths are relative to the folder of this file".to_owned();
                    (format!("cannot read the secret in '{file}': {error}"), help)
                })?;
                (format!("'{file}'"), String::from_utf8(text).ok())
            }
            Reference::Variable(name) => {
                let text = std::env::var_os(name).ok_or_else(|| {
                    let help = "set it for this process, or name a file: ${file:PATH}".to_owned();
                    (format!("the environment variable '{name}' is not set"), help)
                })?;
                (format!("the environment variable '{name}'"), text.into_string().ok())
            }
        };
        let text = text
            .map(|text| text.strip_suffix('\n').map_or(text.as_str(), |text| text.trim_end_matches('\r')).to_owned());
        match text {
            Some(text) if (1..=SECRET_BYTES_MAX).contains(&text.len()) => Ok(Secret::new(text)),
            Some(_) => Err((
                format!("the secret in {place} is empty, or longer than 64KiB"),
                "put the secret there, and nothing else".to_owned(),
            )),
            None => Err((
                format!("the secret in {place} is not UTF-8"),
                "write it in base64, if who reads it takes that".to_owned(),
            )),
        }
    }
}

/// Whether a header of this name holds a secret, whatever its value.
pub(super) fn is_secret(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    matches!(&*header, "authorization" | "proxy-authorization" | "cookie")
        || ["key", "token", "secret", "password"].iter().any(|end| header.ends_with(end))
}
