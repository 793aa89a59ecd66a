//! `clients` and `report`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientTls, count};
use crate::config::scalar::{HttpUrl, SecretReference, Size, Time, TimeOrZero};
use crate::{clients, report};

/// How clients are told apart and followed.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Clients {
    /// The attribute whose value says who a client is. Filters set attributes: `auth-jwt` makes `user` of a token's `sub`.
    /// Sessions without it are followed one by one.
    ///
    /// Change it when your filters name users otherwise.
    pub(in crate::config) identity: String,
    /// A client whose last session is gone is `reconnecting` for so long, and only then `disconnected`.
    ///
    /// Raise it when your clients take longer to come back and nobody should hear of it.
    pub(in crate::config) grace: TimeOrZero,
    /// The most clients that are remembered, about 300 bytes each. Of those that are disconnected, the ones that have been
    /// so longest make room; a client that finds none is not followed, and counted.
    ///
    /// Raise it above the number of clients that may be connected at a time.
    #[schemars(range(min = 1))]
    pub(in crate::config) entries: u32,
}

/// Tells an HTTP endpoint what becomes of clients: CloudEvents in batches, signed as Standard Webhooks says.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint", "secret"]))]
pub(in crate::config) struct Report {
    /// Where batches are sent with POST.
    pub(in crate::config) endpoint: Option<HttpUrl>,
    /// How an `https://` endpoint is trusted.
    pub(in crate::config) tls: Option<ClientTls>,
    /// Signs each batch, so that the endpoint can tell that it is ours: `whsec_` and 24 to 64 bytes in base64, or up to
    /// four of them parted by white space while receivers move from one to the next.
    pub(in crate::config) secret: Option<SecretOrReference>,
    /// Which changes are told.
    #[schemars(length(min = 1))]
    pub(in crate::config) events: Vec<Topic>,
    /// What events name as their `source`. Without it, `/belay/` and the host's name, which in a pod is the pod's.
    ///
    /// Set it where that name is not unique.
    pub(in crate::config) source: Option<String>,
    /// How events are put together.
    pub(in crate::config) batch: Batch,
    /// The longest for one request, its answer included.
    pub(in crate::config) timeout: Time,
    /// The waits between attempts, random below a ceiling that doubles.
    pub(in crate::config) retry: Retry,
    /// The most events that wait for the endpoint in memory, about 500 bytes each; with a `spool` none does. The oldest make
    /// room.
    #[schemars(range(min = 1))]
    pub(in crate::config) queue: u32,
    /// Keeps events on disk while the endpoint is away, and over a crash of Belay. Without it they wait in memory.
    ///
    /// Set it where a disconnect must not be missed.
    pub(in crate::config) spool: Option<Spool>,
}

/// Where the secret is, which is never this file: in one word, or described.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum SecretOrReference {
    /// In one word.
    Reference(SecretReference),
    /// Described.
    Secret(Secret),
}

/// Where the secret is: a file or an environment variable, never this file.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Secret {
    /// A file, such as a mounted Kubernetes Secret. Read anew for each batch.
    pub(in crate::config) file: Option<String>,
    /// The name of an environment variable.
    pub(in crate::config) environment: Option<String>,
}

/// What is told.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Topic {
    /// Clients: connected, reconnecting, disconnected.
    Client,
    /// Sessions: connected, holding, draining, disconnected.
    Session,
}

/// How events are put together.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Batch {
    /// The most events in one request.
    #[schemars(range(min = 1, max = 10_000))]
    pub(in crate::config) events: u32,
    /// The longest that an event waits for others.
    ///
    /// Lower it to hear of a disconnect sooner.
    pub(in crate::config) every: Time,
}

/// The waits between attempts.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Retry {
    /// The first ceiling.
    pub(in crate::config) from: Time,
    /// The last ceiling.
    pub(in crate::config) to: Time,
}

/// Keeps events on disk.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["folder"]))]
pub(in crate::config) struct Spool {
    /// Made if it is not there; for one process at a time, and the same one after each of its restarts.
    pub(in crate::config) folder: Option<String>,
    /// The most that events may take. At least 1MiB. The oldest make room.
    ///
    /// A change of a client takes about 500 bytes: multiply by the changes of the longest outage to be survived.
    pub(in crate::config) bytes: Size,
}

impl Default for Clients {
    fn default() -> Self {
        let settings = clients::Settings::default();
        Self {
            identity: settings.attribute.into(),
            grace: TimeOrZero(settings.grace),
            entries: count(settings.entries_max),
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self {
            endpoint: None,
            tls: None,
            secret: None,
            events: vec![Topic::Client],
            source: None,
            batch: Batch::default(),
            timeout: Time(report::Settings::TIMEOUT),
            retry: Retry::default(),
            queue: count(report::Settings::QUEUE_EVENTS),
            spool: None,
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        let batch = report::Batching::default();
        Self { events: count(batch.events_max), every: Time(batch.every) }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { from: Time(report::Settings::RETRY_FROM), to: Time(report::Settings::RETRY_TO) }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self { folder: None, bytes: Size(report::Settings::SPOOL_BYTES) }
    }
}
