//! A secret's name.

use std::fmt;

use super::{Mistake, text_scalar};
use crate::config::diagnostics::PLAIN_SECRET;
use crate::secret::{Piece, Reference, pieces};

/// `${file:PATH}` or `${env:NAME}`, and nothing besides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct SecretReference(Box<str>);

text_scalar!(
    SecretReference,
    "SecretReference",
    "where a secret is",
    r"^\$\{(file|env):[^}]+\}$",
    ["${file:./secret}", "${env:BELAY_SECRET}"]
);

impl SecretReference {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let reference = Self(text.into());
        match reference.reference() {
            Some(_) => Ok(reference),
            // Not what was found: it may be the secret itself.
            None => Err(Mistake::new(PLAIN_SECRET, "write ${file:PATH} or ${env:NAME}")),
        }
    }

    /// Where it is.
    pub(in crate::config) fn reference(&self) -> Option<Reference<'_>> {
        let mut pieces = pieces(&self.0);
        match (pieces.next(), pieces.next()) {
            (Some(Piece::Named(_, reference)), None) => Some(reference),
            _ => None,
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
