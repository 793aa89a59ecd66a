//! `listeners`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ListenerTls, count};
use crate::config::scalar::{Address, Delimiter, Rate, Size, Time};
use crate::dataplane::route as validated;

/// One address that clients connect to.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(in crate::config) struct Listener {
    /// What routes call it, in `match.listener`; unique. A raw TCP listener needs one.
    pub(in crate::config) name: Option<String>,
    /// The IP address and port. 0.0.0.0 is every IPv4 address, [::] every address; port 0 lets the system choose.
    pub(in crate::config) address: Option<Address>,
    /// What its clients speak.
    pub(in crate::config) protocol: ListenerProtocol,
    /// How messages are found in the stream of a raw TCP connection, in both directions, see [raw TCP](tcp.md). It must be
    /// given for `protocol: tcp`.
    pub(in crate::config) framer: Option<Framer>,
    /// Its clients speak TLS. Without it, none.
    pub(in crate::config) tls: Option<ListenerTls>,
    /// What clients of this listener may do.
    pub(in crate::config) limits: ListenerLimits,
}

/// What a listener's clients speak.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum ListenerProtocol {
    /// HTTP/1.1: WebSocket and plain requests.
    #[default]
    Http,
    /// Messages straight on TCP. One route names the listener and takes all of its connections.
    Tcp,
}

/// How messages are found in a stream: by a rule that has a name, or by one that is described.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum Framer {
    /// By name.
    Named(NamedFramer),
    /// Described.
    Described(Box<DescribedFramer>),
}

/// A rule that has a name.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum NamedFramer {
    /// A line feed ends each message.
    Lines,
    /// Records of 13 bytes, as heartbeats of magic, timestamp and checksum are.
    Packet,
    /// MQTT 3.1.1 and 5 packets.
    Mqtt,
    /// STOMP 1.0 to 1.2 frames, and the line ends between them.
    Stomp,
}

/// A rule that is described: one of these.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct DescribedFramer {
    /// These bytes end each message: a text in which `\0`, `\n`, `\r`, `\t`, `\\` and `\x1e` are escapes, at most 16 bytes.
    pub(in crate::config) delimiter: Option<Delimiter>,
    /// Each message has so many bytes.
    #[schemars(range(min = 1))]
    pub(in crate::config) fixed: Option<u32>,
    /// Each message says how long it is.
    pub(in crate::config) length: Option<Length>,
}

/// Where a message says how long it is, and what it means by it. With `offset` and `adjust` at 0, filters and heartbeats
/// see the message without its length; otherwise they see all of it.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["bytes"]))]
pub(in crate::config) struct Length {
    /// How many bytes the length has: 1, 2, 4, 8, or `varint`, as Protocol Buffers have it.
    pub(in crate::config) bytes: Option<LengthBytes>,
    /// Which byte of the length comes first. Not for `varint`.
    #[schemars(extend("default" = "big"))]
    pub(in crate::config) order: Option<Order>,
    /// So many bytes of the message come before the length.
    #[schemars(range(max = 65_535))]
    pub(in crate::config) offset: u32,
    /// Added to the length: positive if it counts less than what follows, a checksum for example; negative if it counts more.
    #[schemars(range(min = -65_535, max = 65_535))]
    pub(in crate::config) adjust: i32,
    /// What the length counts. `frame` is not for `varint`.
    pub(in crate::config) counts: Counts,
}

/// How many bytes a length has.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(untagged)]
pub(in crate::config) enum LengthBytes {
    /// So many.
    Number(u32),
    /// As many as it needs.
    Word(Varint),
}

/// The word `varint`.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Varint {
    /// Seven bits a byte, the lowest first.
    Varint,
}

/// Which byte of a number comes first.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Order {
    /// The highest: network order.
    #[default]
    Big,
    /// The lowest.
    Little,
}

/// What a length counts.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Counts {
    /// What comes after it.
    #[default]
    Body,
    /// The whole message, with itself and what comes before it.
    Frame,
}

/// What one listener lets its clients do.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ListenerLimits {
    /// The longest from a connection's first byte to the end of its request's head, and before that as long again for the
    /// handshake of TLS. Slower clients are closed. Raw TCP connections have no request, and no use for the limits of headers.
    ///
    /// Raise it for clients on very poor networks.
    pub(in crate::config) handshake_timeout: Time,
    /// The most that the request line and the headers may take together; more is answered with 431. At least 8KiB.
    ///
    /// Raise it when large cookies or tokens come in headers.
    pub(in crate::config) header_bytes: Size,
    /// The most headers of one request; more is answered with 431.
    #[schemars(range(min = 1, max = 10_000))]
    pub(in crate::config) headers: u32,
    /// The most connections open at a time; further ones are refused.
    ///
    /// Keep it below the process's file limit; each session takes two.
    #[schemars(range(min = 1))]
    pub(in crate::config) connections: u32,
    /// How fast connections may come, all workers together; further ones are refused. Without it, as they come.
    ///
    /// Set it to what the backend can let in, so that a crowd that comes back at once does not bury it.
    pub(in crate::config) accept_rate: Option<Rate>,
    /// The most at once. Without it, as many as `accept_rate` lets come in a second.
    #[schemars(range(min = 1))]
    pub(in crate::config) accept_burst: Option<u32>,
    /// What one peer may do. Without it, as much as all of them.
    pub(in crate::config) peer: PeerLimits,
}

/// What one peer of a listener may do: all clients of one address, or of one network. It is the address that the connection comes
/// from, so behind a proxy or load balancer that hides addresses all clients are one peer.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct PeerLimits {
    /// The most connections open at a time; further ones are refused. Without it, as many as the listener may have.
    ///
    /// Set it where clients connect directly. Many people share an address behind a NAT: hundreds are not unusual.
    #[schemars(range(min = 1))]
    pub(in crate::config) connections: Option<u32>,
    /// How fast they may come; further ones are refused. Without it, as they come.
    pub(in crate::config) accept_rate: Option<Rate>,
    /// The most at once. Without it, as many as `accept_rate` lets come in a second.
    #[schemars(range(min = 1))]
    pub(in crate::config) accept_burst: Option<u32>,
    /// IPv4 addresses that begin with so many equal bits are one peer.
    #[schemars(range(min = 1, max = 32))]
    pub(in crate::config) prefix_v4: u8,
    /// IPv6 addresses that begin with so many equal bits are one peer. One end user has all of a /64, and often of a /56.
    #[schemars(range(min = 1, max = 128))]
    pub(in crate::config) prefix_v6: u8,
    /// The most peers whose rate is known, about 50 bytes each. When so many come at once, further ones share theirs.
    #[schemars(range(min = 1))]
    pub(in crate::config) entries: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        let limits = validated::ListenerLimits::default();
        Self {
            handshake_timeout: Time(limits.handshake_timeout),
            header_bytes: Size(limits.header_bytes_max),
            headers: count(limits.headers_max),
            connections: count(limits.connections_max),
            accept_rate: None,
            accept_burst: None,
            peer: PeerLimits::default(),
        }
    }
}

impl Default for PeerLimits {
    fn default() -> Self {
        let validated::PeerLimits { prefixes, entries_max, .. } = validated::PeerLimits::default();
        Self {
            connections: None,
            accept_rate: None,
            accept_burst: None,
            prefix_v4: prefixes.v4,
            prefix_v6: prefixes.v6,
            entries: count(entries_max),
        }
    }
}
