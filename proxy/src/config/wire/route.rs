//! `routes`.

mod answer;
mod heartbeat;
mod hold;
mod probe;

pub(in crate::config) use answer::*;
pub(in crate::config) use heartbeat::*;
pub(in crate::config) use hold::*;
pub(in crate::config) use probe::*;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientTls;
use crate::config::scalar::{BackendUrl, Host, RequestPath, Size, Time};
use crate::dataplane::route as validated;

/// Which requests go where, and how their sessions are treated. Plain HTTP requests that match go to the same backend.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["backend"]))]
pub(in crate::config) struct Route {
    /// What logs, metrics and traces call it; unique. Without it, a name is made from `match`.
    pub(in crate::config) name: Option<String>,
    /// Which requests take this route. All that is given must hold; without it, every request.
    #[serde(rename = "match")]
    pub(in crate::config) matches: Match,
    /// Where they go: a URL, or a mapping with the URL and timeouts.
    pub(in crate::config) backend: Option<BackendOrUrl>,
    /// Names of filters, in the order for messages to the backend; messages to the client take them in reverse.
    pub(in crate::config) filters: Vec<String>,
    /// Heartbeats, answered here and kept from the backend.
    pub(in crate::config) heartbeat: Heartbeat,
    /// What happens while the backend is away. `off` closes the client when its backend is lost.
    pub(in crate::config) hold: HoldOrOff,
    /// Bounds on what either side may send.
    pub(in crate::config) messages: Messages,
    /// What happens to a client that reads too slowly.
    pub(in crate::config) slow_client: SlowClient,
}

/// Which requests take a route. All that is given must hold.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Match {
    /// The `name` of the listener that the client came to. For a raw TCP listener this, and `sni`, is all that there is
    /// to match.
    pub(in crate::config) listener: Option<String>,
    /// The name that the client asked for in its TLS handshake (SNI), as `host` is written.
    pub(in crate::config) sni: Option<Host>,
    /// The Host header's name, in any case and with any port. A leading `*.` stands for one or more labels.
    pub(in crate::config) host: Option<Host>,
    /// The path, exactly. Not together with `path_prefix`.
    pub(in crate::config) path: Option<RequestPath>,
    /// The first segments of the path: `/chat` is for `/chat` and `/chat/7`, not for `/chats`.
    pub(in crate::config) path_prefix: Option<RequestPath>,
    /// Headers that must be there: the name in any case, and the value, or nothing if any value will do.
    pub(in crate::config) headers: BTreeMap<String, Option<String>>,
    /// Query parameters that must be there, percent-decoded: the name, and the value, or nothing if any value will do.
    pub(in crate::config) query: BTreeMap<String, Option<String>>,
}

/// A backend by its URL alone, or with its timeouts.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum BackendOrUrl {
    /// Where to connect.
    Url(BackendUrl),
    /// Where to connect, and how long to wait.
    Backend(Backend),
}

/// Where a route's connections to the backend go.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(in crate::config) struct Backend {
    /// `ws://`, the host or address, the port unless it is 80, and a path to put before the client's; with TLS `wss://`, the
    /// port unless it is 443. For clients of a raw TCP listener: `tcp://`, or with TLS `tls://`, the host or address, and the
    /// port. Names are resolved at each connection; of several addresses one that does not answer is left for the next after 250 ms.
    pub(in crate::config) url: Option<BackendUrl>,
    /// How a `wss://` or `tls://` backend is trusted.
    pub(in crate::config) tls: Option<ClientTls>,
    /// The longest for connecting and the answer to the handshake together.
    ///
    /// Raise it for backends that look much up before they let a client in.
    pub(in crate::config) connect_timeout: Time,
    /// A backend that takes nothing from us for this long counts as lost.
    ///
    /// Raise it for backends that pause for long.
    pub(in crate::config) stall_timeout: Time,
    /// A `tcp://` backend is told the client's address before the client's first byte, and the session's id in a field of
    /// type 0xE0. Without it, it is told nothing.
    pub(in crate::config) proxy_protocol: Option<ProxyProtocol>,
}

/// How a backend is told the client's address.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum ProxyProtocol {
    /// As version 2 of the PROXY protocol has it.
    V2,
}

/// Bounds on what either side may send.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Messages {
    /// The largest message, all its fragments together. More closes the session with 1009.
    ///
    /// Lower it to what your protocol needs; raise it for uploads over the socket.
    pub(in crate::config) message_bytes: Size,
    /// The largest frame. Without it, as `message_bytes`. More closes the session with 1009.
    pub(in crate::config) frame_bytes: Option<Size>,
    /// The most fragments of one message. More closes the session with 1008.
    #[schemars(range(min = 1))]
    pub(in crate::config) fragments: u32,
}

/// What happens to a client that reads too slowly.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct SlowClient {
    /// With more than this on its way to a client, its backend is not read until it has taken some.
    ///
    /// Raise it for bursts of large messages; it is memory for each slow client.
    pub(in crate::config) bytes: Size,
    /// A client that takes nothing for this long is closed.
    pub(in crate::config) stall_timeout: Time,
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            url: None,
            tls: None,
            connect_timeout: Time(validated::Backend::CONNECT_TIMEOUT),
            stall_timeout: Time(validated::Backend::STALL_TIMEOUT),
            proxy_protocol: None,
        }
    }
}

impl Default for Messages {
    fn default() -> Self {
        let limits = validated::MessageLimits::default();
        Self { message_bytes: Size(limits.message_bytes_max), frame_bytes: None, fragments: limits.fragments_max }
    }
}

impl Default for SlowClient {
    fn default() -> Self {
        let limits = validated::SlowClient::default();
        Self { bytes: Size(limits.bytes_max), stall_timeout: Time(limits.stall_timeout) }
    }
}
