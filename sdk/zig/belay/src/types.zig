//! What filter and host talk about: the world's types.

const std = @import("std");

pub const Header = struct {
    /// Lower case.
    name: []const u8,
    value: []const u8,
};

/// What the client asked for when it connected.
pub const Handshake = struct {
    /// Stable for the life of the session, and what the backend sees as `Belay-Session`.
    session_id: []const u8 = "",
    /// The name of the route that matched.
    route: []const u8 = "",
    /// The client's IP address, without port.
    peer_address: []const u8 = "",
    peer_port: u16 = 0,
    /// The Host header, empty if there was none.
    host: []const u8 = "",
    path: []const u8 = "",
    /// Without the question mark.
    query: []const u8 = "",
    headers: []const Header = &.{},
    /// What the client offers in Sec-WebSocket-Protocol, in its order.
    subprotocols: []const []const u8 = &.{},

    /// The first header of this name, in any case.
    pub fn header(self: Handshake, name: []const u8) ?[]const u8 {
        for (self.headers) |h| if (std.ascii.eqlIgnoreCase(h.name, name)) return h.value;
        return null;
    }

    /// The first query parameter of this name, as it is written.
    pub fn queryValue(self: Handshake, name: []const u8) ?[]const u8 {
        var rest = self.query;
        while (rest.len > 0) {
            const end = std.mem.indexOfScalar(u8, rest, '&') orelse rest.len;
            const pair = rest[0..end];
            if (pair.len > name.len and pair[name.len] == '=' and std.mem.startsWith(u8, pair, name)) {
                return pair[name.len + 1 ..];
            }
            rest = rest[@min(end + 1, rest.len)..];
        }
        return null;
    }
};

/// The answer to a client that is not let in.
pub const Refusal = struct {
    /// 300 to 599.
    status: u16,
    headers: []const Header = &.{},
    body: []const u8 = "",
};

/// A request to an HTTP service, asked instead of a verdict.
pub const Request = struct {
    /// Upper case.
    method: []const u8 = "GET",
    /// Absolute. Its origin must be one of the YAML's `callouts.allow`.
    url: []const u8,
    /// At most 64.
    headers: []const Header = &.{},
    /// At most 1 MiB.
    body: []const u8 = "",
    /// 0, and more than the YAML's `callouts.timeout`, mean that timeout.
    timeout_ms: u32 = 0,
};

/// What the service answered, whatever the status.
pub const Response = struct {
    status: u16,
    headers: []const Header = &.{},
    /// At most as long as the YAML's `callouts.body`.
    body: []const u8 = "",
};

/// Why there is no answer.
pub const CalloutError = enum(u8) {
    /// The YAML does not allow this origin, or HTTP not this request. Nothing was sent.
    forbidden,
    /// Too many callouts are under way, or this event has asked too often. Nothing was sent.
    busy,
    /// There was no answer in time. It may have been heard.
    timeout,
    /// No connection, or one that was lost before all of the answer was there.
    @"unreachable",
    /// The answer is longer than allowed.
    too_large,
};

/// What became of a callout.
pub const Answer = union(enum) { response: Response, failed: CalloutError };

/// The answer to a client that asks to be let in.
pub const Admission = union(enum) {
    accept,
    refuse: Refusal,
    /// Ask this first: onHandshakeAnswer decides. The client waits.
    call_out: Request,
};

/// Where a message is going.
pub const Direction = enum(u8) { to_backend, to_client };

pub const Kind = enum(u8) { text, binary };

/// A message of the filter's own.
pub const Message = struct {
    kind: Kind = .text,
    /// A text must be UTF-8.
    payload: []const u8,
};

/// A message on its way.
pub const Incoming = struct {
    direction: Direction,
    kind: Kind,
    /// Its own length in bytes.
    size: u32,
    /// As much as was subscribed to; change it in place and give it to `.replace`. There until the event is over.
    payload: []u8,
};

/// A code of RFC 6455, section 7.4, that may stand on the wire, and at most 123 bytes of text.
pub const CloseReason = struct { code: u16, reason: []const u8 = "" };

/// The answer to a message.
pub const Verdict = union(enum) {
    /// Pass it on as it is.
    pass,
    /// Pass it on as it is, and say it again first to every later upstream of this session.
    remember,
    /// Pass this on in its place, as the same kind.
    replace: []const u8,
    /// Answer its sender with this, and pass nothing on.
    reply: Message,
    /// Pass nothing on.
    drop,
    /// It was a heartbeat: pass nothing on, and answer its sender with this if given.
    heartbeat: ?Message,
    /// End the session.
    close: CloseReason,
    /// Ask this first: onMessageAnswer decides. Later messages in this direction wait.
    call_out: Request,
};

/// The answer to what is not a message.
pub const Reaction = union(enum) {
    none,
    /// Send this to the client.
    send: Message,
    /// End the session.
    close: CloseReason,
    /// Ask this, and let everything go on: onAnswer hears what came of it. One at a time for a session.
    call_out: Request,
};

/// What became of the session's upstream. Times are in microseconds.
pub const UpstreamEvent = union(enum) { connected: u64, failed, lost, latency: u64 };

/// How much of each message a filter wants to see.
pub const Interest = union(enum) { ignore, size, prefix: u32, whole };

/// What a filter wants to hear. Nobody is called for anything else.
pub const Subscription = struct {
    to_backend: Interest = .ignore,
    to_client: Interest = .ignore,
    /// onHandshake, and onReopen when the instance was replaced.
    handshake: bool = false,
    upstream: bool = false,
    heartbeat: bool = false,
    /// onClose. Said for you if Session is not empty.
    close: bool = false,
};

pub const Level = enum(u8) { debug, info, warn, @"error" };

/// How fast and how far buckets fill.
pub const Quota = struct {
    /// Tokens that come back in a period.
    tokens: u32,
    period_ms: u64,
    /// Tokens that may be taken at once.
    burst: u32,
};

/// When a breaker opens and closes.
pub const BreakerSettings = struct {
    /// Looks back this far.
    window_ms: u64,
    /// Says nothing before so many results are in the window.
    results_min: u32,
    /// Opens at this share of failures, in percent.
    failure_percent: u32,
    /// A success slower than this counts as a failure; 0: never.
    slow_ms: u64 = 0,
    /// Stays open this long, then lets probes through.
    open_ms: u64,
    /// So many probes at a time, and so many successes in a row close it.
    probes: u32,
};

pub const BreakerState = enum(u8) { closed, open, half_open };
