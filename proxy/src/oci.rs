//! Pulls filters' components from OCI registries, by digest: what a digest names cannot be changed by who runs the registry.
//! Reference, manifest and component are checked against their digests wherever they come from, and kept in a folder if there
//! is one. Which filter wants which is the application's.
//!
//! The way (OCI distribution specification 1.1, "Pulling manifests" and "Pulling blobs"): the manifest that the reference
//! names, then the one layer that is the component. It is a small client over hyper and our own TLS rather than `oci-client`:
//! that one brings reqwest, and with it a second set of everything that a connection needs.

mod cache;
mod challenge;
mod credentials;
mod error;
mod http;
mod manifest;
mod pull;
mod reference;

use std::path::PathBuf;
use std::time::Duration;

pub use error::PullError;
pub use pull::Puller;
pub use reference::{BadReference, Digest, Reference, SCHEME};

/// How registries are spoken to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// A folder for what was pulled. Default: none, everything is pulled at each start.
    pub cache: Option<PathBuf>,
    /// What the folder may hold; what was used least lately goes first. Default 512 MiB.
    pub cache_bytes_max: u64,
    /// A file of Docker's `config.json` kind. Default: `config.json` in `DOCKER_CONFIG`, or in `~/.docker`, if it is there.
    pub credentials: Option<PathBuf>,
    /// Hosts, with their ports, that are spoken to without TLS. Those of this machine are in any case.
    pub insecure: Vec<Box<str>>,
    /// PEM: the authorities that registries' certificates are signed by. Default: those of the system.
    pub roots: Option<PathBuf>,
    /// For all of one component. Default 60 s.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache: None,
            cache_bytes_max: 512 * 1024 * 1024,
            credentials: None,
            insecure: Vec::new(),
            roots: None,
            timeout: Duration::from_secs(60),
        }
    }
}
