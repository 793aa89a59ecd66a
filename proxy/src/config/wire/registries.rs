//! `registries`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::scalar::{Size, Time};
use crate::oci;

/// How registries are spoken to that filters are pulled from, see [filters](filters.md#provenance).
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Registries {
    /// A folder for what was pulled, made if it is not there. Without it, everything is pulled at each start.
    ///
    /// Set it where there is a disk that outlives the container: what is there needs no registry.
    pub(in crate::config) cache: Option<String>,
    /// The most that the folder holds. What was used least lately goes first.
    ///
    /// Raise it above what all filters, in two versions each, take together.
    pub(in crate::config) cache_bytes: Size,
    /// A file of the kind of Docker's `config.json`, with `auths`. It is read at each pull. Without it, `config.json` in the
    /// folder that the environment names (`DOCKER_CONFIG`), or in `~/.docker`, if it is there.
    ///
    /// Set it to the mounted Secret for registries that are not public.
    pub(in crate::config) credentials: Option<String>,
    /// Hosts, with their ports, that are spoken to without TLS: `registry.test:5000`. `localhost` and loopback addresses are in
    /// any case.
    ///
    /// Digests are compared all the same; credentials can be read by whoever is on the way.
    pub(in crate::config) insecure: Vec<String>,
    /// A file in PEM: the authorities that registries' certificates are signed by. Without it, those of the system.
    pub(in crate::config) roots: Option<String>,
    /// The longest for all of one component.
    ///
    /// Raise it for large components over slow lines.
    pub(in crate::config) timeout: Time,
}

impl Default for Registries {
    fn default() -> Self {
        let settings = oci::Settings::default();
        Self {
            cache: None,
            cache_bytes: Size(usize::try_from(settings.cache_bytes_max).unwrap_or(usize::MAX)),
            credentials: None,
            insecure: Vec::new(),
            roots: None,
            timeout: Time(settings.timeout),
        }
    }
}
