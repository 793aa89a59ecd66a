//! What the data path is given: listeners and routes, validated. Reading them from YAML is the config room's; choosing a
//! route for a request is [`Routes::find`].

mod filter;
mod find;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::codec::Framing;
use super::drain::Drain;
use super::heartbeat::HeartbeatPolicy;
use super::hold::HoldPolicy;
use super::probe::Prefixes;
use crate::limiter::Rate;
use crate::tls::{ClientTls, ServerTls};

pub use filter::{FailurePolicy, FilterLimits, FilterSource, FilterSpec, Isolation};
pub use find::{Came, has_dot_segments, parameter, parameters};

/// Everything a worker needs to serve.
#[derive(Clone, Debug, Default)]
pub struct Dataplane {
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// In order of precedence, see [`Routes::find`].
    pub routes: Routes,
    /// Filters by the name that the YAML gives them; routes name them by index.
    pub filters: Vec<FilterSpec>,
    /// Limits of the process.
    pub limits: Limits,
    /// How the process goes away.
    pub drain: Drain,
}

/// One address that clients connect to.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Unique. Routes name it.
    pub name: Option<Box<str>>,
    /// What its clients speak.
    pub protocol: Protocol,
    /// Port 0 lets the system choose.
    pub address: SocketAddr,
    /// Its clients speak TLS, if there is any.
    pub tls: Option<Arc<ServerTls>>,
    /// Protects us from its clients.
    pub limits: ListenerLimits,
}

/// What a listener's clients speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    /// HTTP/1.1: WebSocket handshakes and plain requests. The default.
    #[default]
    Http,
    /// Raw TCP. Every connection is a session of the one route that names the listener.
    Tcp,
}

/// What one listener lets its clients do.
#[derive(Clone, Debug)]
pub struct ListenerLimits {
    /// From the connection's first byte to the end of its request's head. Default 10 s. Raw TCP has no such thing.
    pub handshake_timeout: Duration,
    /// Request line and headers together. Default 16 KiB; at least 8 KiB, hyper's least.
    pub header_bytes_max: usize,
    /// Count of headers. Default 100.
    pub headers_max: usize,
    /// Open connections; more are refused. Default 100,000.
    pub connections_max: usize,
    /// How fast connections may come, over all workers; more are refused. Default: as they come.
    pub accept: Option<Rate>,
    /// What one of its peers may do.
    pub peer: PeerLimits,
}

/// What one peer of a listener may do: one address, or one network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerLimits {
    /// Open connections, over all workers; more are refused. Default: as many as the listener has.
    pub connections_max: Option<usize>,
    /// How fast they may come; more are refused. Default: as they come.
    pub accept: Option<Rate>,
    /// Whose addresses are one peer. Default: each of IPv4, those of a /64 of IPv6.
    pub prefixes: Prefixes,
    /// Peers whose rate is known; when so many are in use, further ones share one. Default 100,000, about 50 bytes each.
    pub entries_max: usize,
}

/// Limits that all listeners share.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Payload held for all sessions together, both directions. Default 256 MiB. A session that would need more is closed.
    pub held_bytes_max: usize,
    /// Memory of the process; with more, no clients are let in.
    pub memory: MemoryBudget,
}

/// How much memory the process may use before it lets nobody in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemoryBudget {
    /// What its container leaves it, if that is limited. The default.
    #[default]
    OfContainer,
    /// Bytes.
    Bytes(u64),
    /// As much as there is.
    Unlimited,
}

/// Routes in their order in the YAML.
#[derive(Clone, Debug, Default)]
pub struct Routes(pub Vec<Arc<Route>>);

/// Where a request goes, and how its session is treated.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique; the YAML's `name`, or made from the match.
    pub name: Box<str>,
    /// Which requests take it.
    pub matches: Match,
    /// How messages stand on the connections of both ends. Raw if the listener that it matches is.
    pub framing: Framing,
    /// Where they go.
    pub backend: Backend,
    /// Indices into [`Dataplane::filters`], in the order for messages to the backend.
    pub filters: Vec<usize>,
    /// Heartbeats at the edge.
    pub heartbeat: HeartbeatPolicy,
    /// What happens while the upstream is away.
    pub hold: HoldPolicy,
    /// Bounds on what either side may send.
    pub messages: MessageLimits,
    /// A client that reads too slowly.
    pub slow_client: SlowClient,
}

/// All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The name of the listener that the client came to.
    pub listener: Option<Box<str>>,
    /// The name that the client asked for in its TLS handshake (SNI), as `host`.
    pub server_name: Option<Box<str>>,
    /// The Host header's name, without port, in any case. A leading `*.` matches one or more labels.
    pub host: Option<Box<str>>,
    /// The path.
    pub path: PathMatch,
    /// Headers that must be there: lower-case name, and the value unless any will do.
    pub headers: Vec<(Box<str>, Option<Box<str>>)>,
    /// Query parameters that must be there, decoded, and the value unless any will do.
    pub query: Vec<(Box<str>, Option<Box<str>>)>,
}

/// How a path is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PathMatch {
    /// Any path.
    #[default]
    Any,
    /// This one, to the letter.
    Exact(Box<str>),
    /// Whole segments: `/chat` matches `/chat` and `/chat/7`, not `/chats`.
    Prefix(Box<str>),
}

/// Where a route's upstream connections go.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Host and port to dial, `127.0.0.1:9000` or `chat.internal:80`; names are resolved at each dial.
    pub authority: Box<str>,
    /// Put before the client's path; empty or without a trailing slash.
    pub path_prefix: Box<str>,
    /// For connecting and the answer to the handshake together. Default 5 s.
    pub connect_timeout: Duration,
    /// For a backend that takes nothing from us: it counts as lost. Default 30 s.
    pub stall_timeout: Duration,
    /// What a raw TCP backend is told before the client's first byte, and before TLS.
    pub preface: Preface,
    /// It speaks TLS, if there is any.
    pub tls: Option<Arc<ClientTls>>,
}

/// What a raw TCP backend is told before the client's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Preface {
    /// Nothing. The default.
    #[default]
    None,
    /// The client's address and the session's id, as version 2 of the PROXY protocol
    /// (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, section 2.2).
    ProxyV2,
}

/// Bounds on what either side may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// One message, all its fragments together. Default 1 MiB. More closes with 1009.
    pub message_bytes_max: usize,
    /// One frame. Default as the message. More closes with 1009.
    pub frame_bytes_max: usize,
    /// Fragments of one message. Default 1,024. More closes with 1008.
    pub fragments_max: u32,
}

/// A client that reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowClient {
    /// Above this many bytes on their way to it, we stop reading its backend. Default 64 KiB.
    pub bytes_max: usize,
    /// After taking nothing for this long it is closed. Default 60 s.
    pub stall_timeout: Duration,
}

impl Backend {
    /// The default of `connect_timeout`.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    /// The default of `stall_timeout`.
    pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);

    /// The name or address that is dialled, without its port.
    pub fn host(&self) -> &str {
        self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host)
    }

    /// At this host and port, with the defaults.
    pub fn at(authority: impl Into<Box<str>>) -> Self {
        Self {
            authority: authority.into(),
            path_prefix: "".into(),
            connect_timeout: Self::CONNECT_TIMEOUT,
            stall_timeout: Self::STALL_TIMEOUT,
            preface: Preface::None,
            tls: None,
        }
    }
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            header_bytes_max: 16 * 1024,
            headers_max: 100,
            connections_max: 100_000,
            accept: None,
            peer: PeerLimits::default(),
        }
    }
}

impl Default for PeerLimits {
    fn default() -> Self {
        // An end user's network in IPv6 (RFC 6177): one who has a /64 has all of its addresses.
        Self { connections_max: None, accept: None, prefixes: Prefixes { v4: 32, v6: 64 }, entries_max: 100_000 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { held_bytes_max: 256 * 1024 * 1024, memory: MemoryBudget::default() }
    }
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { message_bytes_max: 1024 * 1024, frame_bytes_max: 1024 * 1024, fragments_max: 1024 }
    }
}

impl Default for SlowClient {
    fn default() -> Self {
        Self { bytes_max: 64 * 1024, stall_timeout: Duration::from_secs(60) }
    }
}
