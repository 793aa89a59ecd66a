//! Why a component could not be had: what was tried, and what to do.

use super::reference::{Digest, Reference};

/// A component could not be had from its registry.
#[derive(Debug, thiserror::Error)]
#[error("cannot pull {reference}: {cause}{}", after(.cached))]
pub struct PullError {
    /// What was wanted.
    pub reference: Reference,
    /// What is wrong.
    pub cause: Box<Failure>,
    /// Where else it was looked for.
    pub cached: Looked,
}

/// Where it was looked for before the registry was asked.
#[derive(Debug)]
pub enum Looked {
    /// There is no folder for what was pulled.
    Nowhere,
    /// It is not in this folder, or not whole.
    In(std::path::PathBuf),
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The registry cannot be reached, or the connection broke.
    #[error("{url}: {cause}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the system said.
        cause: String,
    },
    /// It took too long.
    #[error("{url}: no answer within {seconds} s")]
    TimedOut {
        /// What was asked last.
        url: String,
        /// The time that there was.
        seconds: u64,
    },
    /// The registry wants to know who asks.
    #[error("{url}: {status}: {}", if *.known { "the credentials for this registry are not accepted" } else {
        "it wants credentials, and there are none for this registry: name a file with them in registries.credentials" })]
    Denied {
        /// What was asked.
        url: String,
        /// What it answered.
        status: u16,
        /// Whether there were credentials.
        known: bool,
    },
    /// It is not there.
    #[error(
        "{url}: 404: the registry has no such component; is it the digest of the manifest, and the right repository?"
    )]
    NotFound {
        /// What was asked.
        url: String,
    },
    /// The registry is not well, or is none.
    #[error("{url}: {what}")]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// Something was changed on the way, or in the registry.
    #[error("{url}: the digest of what came is {found}, and {wanted} was asked for")]
    OtherContent {
        /// What was asked.
        url: String,
        /// Asked for.
        wanted: Digest,
        /// Come.
        found: Digest,
    },
    /// It is no artifact that holds a component.
    #[error("{0}")]
    Manifest(String),
    /// The file of credentials.
    #[error("{0}")]
    Credentials(String),
    /// This machine.
    #[error("{0}")]
    Local(String),
}

impl Failure {
    /// Whether the same question may be answered a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Answer { what, .. } => what.starts_with('5') || what.starts_with("429"),
            _ => false,
        }
    }
}

fn after(cached: &Looked) -> String {
    match cached {
        Looked::Nowhere => "; with registries.cache, a component that was pulled once needs no registry".to_owned(),
        Looked::In(folder) => format!("; and it is not in the cache, {}", folder.display()),
    }
}
