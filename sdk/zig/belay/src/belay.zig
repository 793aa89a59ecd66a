//! Write a filter for Belay in Zig: a struct with a few functions, and `comptime { belay.exportFilter(Mask); }`.
//!
//! A filter is told of what happens to sessions (a client asks to be let in, a message passes, the backend is lost) and answers
//! each with a verdict:
//!
//!     const belay = @import("belay");
//!
//!     const Mask = struct {
//!         pub const Config = struct { word: []const u8, strikes: u32 = 3 };
//!         pub const Session = struct { rude: u32 = 0 }; // What is kept of each session.
//!
//!         config: Config,
//!
//!         pub fn configure(config: Config, _: *belay.Problem) belay.Refused!Mask {
//!             return .{ .config = config };
//!         }
//!         pub fn subscription(_: *Mask) belay.Subscription {
//!             return .{ .to_backend = .whole };
//!         }
//!         pub fn onMessage(self: *Mask, session: *Session, message: *belay.Incoming) belay.Verdict {
//!             if (std.mem.indexOf(u8, message.payload, self.config.word) == null) return .pass;
//!             session.rude += 1;
//!             return if (session.rude > self.config.strikes) belay.close(1008, "mind your language") else .drop;
//!         }
//!     };
//!     comptime {
//!         belay.exportFilter(Mask);
//!     }
//!     pub const panic = belay.panic; // What a panic says is logged.
//!
//! Of the functions only `configure` and `subscription` must be there; the rest have a default that lets things pass:
//! `onHandshake`, `onHandshakeAnswer`, `onReopen`, `onMessage`, `onMessageAnswer`, `onUpstream`, `onHeartbeat`, `onTimer`, `onAnswer`,
//! `onClose`, `snapshot`, `restore` (see `Runner` for what each is given).
//!
//! One instance serves many sessions of one worker, one call at a time. A call never blocks and has a deadline. What an event is
//! given, and what `scratch` gives, is there until the event is over; what is to stay goes to `gpa`. What must be shared between
//! workers, or survive a trap, belongs to the host: `Limiter`, `Breaker`, `store`, attributes.

const std = @import("std");
const builtin = @import("builtin");

pub const config = @import("config.zig");
pub const testing = @import("testing.zig");
const types = @import("types.zig");
const abi = @import("abi.zig");

pub const Header = types.Header;
pub const Handshake = types.Handshake;
pub const Refusal = types.Refusal;
pub const Request = types.Request;
pub const Response = types.Response;
pub const CalloutError = types.CalloutError;
pub const Answer = types.Answer;
pub const Admission = types.Admission;
pub const Direction = types.Direction;
pub const Kind = types.Kind;
pub const Message = types.Message;
pub const Incoming = types.Incoming;
pub const CloseReason = types.CloseReason;
pub const Verdict = types.Verdict;
pub const Reaction = types.Reaction;
pub const UpstreamEvent = types.UpstreamEvent;
pub const Interest = types.Interest;
pub const Subscription = types.Subscription;
pub const Level = types.Level;
pub const Quota = types.Quota;
pub const BreakerSettings = types.BreakerSettings;
pub const BreakerState = types.BreakerState;
pub const Runner = @import("runner.zig").Runner;

/// A config or a state is refused; why stands in the Problem.
pub const Refused = error{Refused};

/// What is wrong with a config or a state, for whoever wrote it.
pub const Problem = struct {
    text: []const u8 = "refused",

    /// Says what is wrong with a field of the config, a path from its root; empty: with all of it.
    pub fn at(self: *Problem, field: []const u8, problem: []const u8) Refused {
        return self.say("{s}{s}{s}", .{ field, if (field.len > 0) ": " else "", problem });
    }

    pub fn say(self: *Problem, comptime format: []const u8, arguments: anytype) Refused {
        self.text = print(format, arguments);
        return error.Refused;
    }
};

/// For what is to stay.
pub const gpa: std.mem.Allocator = if (abi.in_proxy) std.heap.wasm_allocator else std.heap.page_allocator;

/// For what is needed until the event is over.
pub fn scratch() std.mem.Allocator {
    return host().scratch();
}

/// A text in `scratch`.
pub fn print(comptime format: []const u8, arguments: anytype) []u8 {
    return std.fmt.allocPrint(scratch(), format, arguments) catch @panic("out of memory");
}

// Answers.

pub fn refuse(status: u16, headers: []const Header, body: []const u8) Admission {
    return .{ .refuse = .{ .status = status, .headers = headers, .body = body } };
}

pub fn replyText(text: []const u8) Verdict {
    return .{ .reply = .{ .kind = .text, .payload = text } };
}

pub fn close(code: u16, reason: []const u8) Verdict {
    return .{ .close = .{ .code = code, .reason = reason } };
}

pub fn sendText(text: []const u8) Reaction {
    return .{ .send = .{ .kind = .text, .payload = text } };
}

// The host.

fn host() if (abi.in_proxy) type else *testing.Host {
    return if (abi.in_proxy) @import("host.zig") else testing.current();
}

/// Writes a line to the proxy's log, under the filter's and the session's name. Long lines are cut, floods are thinned.
pub fn log(level: Level, text: []const u8) void {
    host().log(level, text);
}

/// Milliseconds on a clock that never goes back.
pub fn nowMs() u64 {
    return host().nowMs();
}

/// Milliseconds since 1970.
pub fn unixMs() u64 {
    return host().unixMs();
}

/// Evenly spread; not for secrets.
pub fn random() u64 {
    return host().random();
}

/// Adds to a counter that the proxy exports as `belay_filter_custom_total{filter, name}`. At most 32 names a filter.
pub fn count(name: []const u8, by: u64) void {
    host().count(name, by);
}

/// The bytes of a file that the YAML gives this filter under `files`, or null while it cannot be read.
pub fn readFile(name: []const u8) ?[]const u8 {
    return host().readFile(name);
}

/// Changes whenever the content of the file does.
pub fn fileVersion(name: []const u8) u64 {
    return host().fileVersion(name);
}

// The session of the event at hand. Outside an event these do nothing. What breaks a limit (64 attributes of at most 256 and
// 4096 bytes, 32 headers, 8 timers) is not done, and fails the event.

/// What filters know of the session under this name. Shared along the chain, kept with the session.
pub fn attribute(name: []const u8) ?[]const u8 {
    return host().attribute(name);
}

pub fn setAttribute(name: []const u8, value: []const u8) void {
    host().setAttribute(name, value);
}

pub fn removeAttribute(name: []const u8) void {
    host().removeAttribute(name);
}

/// A header for every later handshake with the backend, in place of one of that name. An empty value takes it away.
pub fn setUpstreamHeader(name: []const u8, value: []const u8) void {
    host().setUpstreamHeader(name, value);
}

/// What the backend is offered in place of the client's subprotocols, during onHandshake.
pub fn offerSubprotocols(names: []const []const u8) void {
    host().offerSubprotocols(names);
}

/// What the client is told if the backend picks none, during onHandshake.
pub fn defaultSubprotocol(name: []const u8) void {
    host().defaultSubprotocol(name);
}

/// Calls onTimer with `timer` after this time, in place of an earlier one of the same number.
pub fn setTimer(timer: u32, after_ms: u64) void {
    host().setTimer(timer, after_ms);
}

pub fn cancelTimer(timer: u32) void {
    host().cancelTimer(timer);
}

/// What was asked for is not there yet: it would be in so many milliseconds; the largest number: never.
pub const Wait = struct { retry_after_ms: u64 };

/// Token buckets with a key each, shared by all workers of the process.
pub const Limiter = struct {
    id: u32,

    /// Only in `configure`. The same name means the same buckets in every instance of this filter.
    pub fn define(name: []const u8, quota: Quota, problem: *Problem) Refused!Limiter {
        return .{ .id = try host().defineLimiter(name, quota, problem) };
    }

    /// Takes tokens from the key's bucket, all or none. Null: they are taken.
    pub fn take(self: Limiter, key: []const u8, tokens: u32) ?Wait {
        return .{ .retry_after_ms = host().take(self.id, key, tokens) orelse return null };
    }
};

/// A circuit breaker, shared by all workers of the process.
pub const Breaker = struct {
    id: u32,

    /// Only in `configure`. The same name means the same breaker in every instance of this filter.
    pub fn define(name: []const u8, settings: BreakerSettings, problem: *Problem) Refused!Breaker {
        return .{ .id = try host().defineBreaker(name, settings, problem) };
    }

    /// The breaker of this key, with the same settings. At most 1024 keys: beyond, this one stands in.
    pub fn keyed(self: Breaker, key: []const u8) Breaker {
        return .{ .id = host().keyedBreaker(self.id, key) };
    }

    /// May this go to the backend? Null: it may; say `success` or `failure` when it is known.
    pub fn admit(self: Breaker) ?Wait {
        return .{ .retry_after_ms = host().admit(self.id) orelse return null };
    }

    pub fn success(self: Breaker, latency_us: u64) void {
        host().success(self.id, latency_us);
    }

    pub fn failure(self: Breaker) void {
        host().failure(self.id);
    }

    /// Without taking a probe's place.
    pub fn state(self: Breaker) BreakerState {
        return host().breakerState(self.id);
    }
};

/// A small table of the filter's own, shared by all workers of the process, bounded in entries and bytes.
pub const store = struct {
    pub fn get(key: []const u8) ?[]const u8 {
        return host().storeGet(key);
    }

    /// False when the table is full.
    pub fn set(key: []const u8, value: []const u8, ttl_ms: u64) bool {
        return host().storeSet(key, value, ttl_ms);
    }

    pub fn remove(key: []const u8) void {
        host().storeRemove(key);
    }

    /// Adds to a number (absent: 0) and gives the sum; the time to live starts anew.
    pub fn add(key: []const u8, by: i64, ttl_ms: u64) i64 {
        return host().storeAdd(key, by, ttl_ms);
    }
};

/// For `pub const panic` of the program: what a panic says is logged at `error`, then the call traps.
pub const panic = if (abi.in_proxy) std.debug.FullPanic(logged) else std.debug.FullPanic(std.debug.defaultPanic);

fn logged(text: []const u8, _: ?usize) noreturn {
    log(.@"error", text);
    @trap();
}

/// Makes the component of a struct. Once a program, at comptime.
pub fn exportFilter(comptime F: type) void {
    if (abi.in_proxy) abi.exportFilter(F);
}
