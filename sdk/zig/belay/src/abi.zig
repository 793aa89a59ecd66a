//! The proxy's side of a filter: the world's imports and exports, and how what they are given lies in memory (the component
//! model's canonical ABI).

const std = @import("std");
const builtin = @import("builtin");
const belay = @import("belay.zig");

/// Not in a test.
pub const in_proxy = builtin.cpu.arch == .wasm32;

// Memory. What the host hands over, and what lives until the event is over, lies in one arena. It is emptied when the next call
// begins, which is when the host has read what the last one gave.

var arena: std.heap.ArenaAllocator = .init(std.heap.wasm_allocator);
var over = false;
/// What a big message took goes back beyond this.
const kept_bytes_max = 64 * 1024;

fn memory() std.mem.Allocator {
    if (over) {
        _ = arena.reset(.{ .retain_with_limit = kept_bytes_max });
        over = false;
    }
    return arena.allocator();
}

fn realloc(old: ?[*]u8, old_size: usize, alignment: usize, size: usize) callconv(.c) [*]u8 {
    if (size == 0) return @ptrFromInt(alignment);
    // Nothing that is handed over is aligned to more than this.
    const block = memory().alignedAlloc(u8, .@"8", size) catch @trap();
    if (old) |from| @memcpy(block[0..@min(old_size, size)], from[0..@min(old_size, size)]);
    return block.ptr;
}

/// A list or a string as it lies in memory.
const List = extern struct {
    at: usize = 0,
    len: usize = 0,

    fn of(items: anytype) List {
        return .{ .at = if (items.len == 0) 0 else @intFromPtr(items.ptr), .len = items.len };
    }

    fn slice(self: List, comptime T: type) []T {
        if (self.len == 0) return &.{};
        return @as([*]T, @ptrFromInt(self.at))[0..self.len];
    }

    fn text(self: List) []u8 {
        return self.slice(u8);
    }
};

const RawHeader = extern struct { name: List, value: List };

const RawHandshake = extern struct {
    session_id: List,
    route: List,
    peer_address: List,
    peer_port: u16,
    host: List,
    path: List,
    query: List,
    headers: List,
    subprotocols: List,

    fn lift(raw: *const RawHandshake) belay.Handshake {
        const protocols = raw.subprotocols.slice(List);
        const names = must(memory().alloc([]const u8, protocols.len));
        for (names, protocols) |*name, protocol| name.* = protocol.text();
        return .{
            .session_id = raw.session_id.text(),
            .route = raw.route.text(),
            .peer_address = raw.peer_address.text(),
            .peer_port = raw.peer_port,
            .host = raw.host.text(),
            .path = raw.path.text(),
            .query = raw.query.text(),
            .headers = liftHeaders(raw.headers),
            .subprotocols = names,
        };
    }
};

fn must(allocated: anytype) @typeInfo(@TypeOf(allocated)).error_union.payload {
    return allocated catch @trap();
}

fn liftHeaders(list: List) []const belay.Header {
    const raw = list.slice(RawHeader);
    const headers = must(memory().alloc(belay.Header, raw.len));
    for (headers, raw) |*header, r| header.* = .{ .name = r.name.text(), .value = r.value.text() };
    return headers;
}

fn lowerHeaders(headers: []const belay.Header) List {
    const raw = must(memory().alloc(RawHeader, headers.len));
    for (raw, headers) |*r, header| r.* = .{ .name = .of(header.name), .value = .of(header.value) };
    return .of(raw);
}

/// A result<response, callout-error>: an error lies in the first byte of the status.
const RawAnswer = extern struct {
    failed: u32,
    status: u32,
    headers: List,
    body: List,

    fn lift(raw: RawAnswer) belay.Answer {
        if (raw.failed & 0xff != 0) return .{ .failed = @enumFromInt(@as(u8, @truncate(raw.status))) };
        return .{ .response = .{
            .status = @truncate(raw.status),
            .headers = liftHeaders(raw.headers),
            .body = raw.body.text(),
        } };
    }
};

/// What a call gives: a tag, and at most nine words behind it.
var given_back: extern struct { tag: u32, words: [9]usize } = undefined;

fn give(tag: u32, words: anytype) *anyopaque {
    given_back.tag = tag;
    inline for (words, 0..) |word, i| given_back.words[i] = word;
    return &given_back;
}

fn giveText(tag: u32, text: []const u8) *anyopaque {
    const list: List = .of(text);
    return give(tag, .{ list.at, list.len });
}

fn giveMessage(tag: u32, message: belay.Message) *anyopaque {
    const payload: List = .of(message.payload);
    return give(tag, .{ @as(usize, @intFromEnum(message.kind)), payload.at, payload.len });
}

fn giveClose(tag: u32, close: belay.CloseReason) *anyopaque {
    const reason: List = .of(close.reason);
    return give(tag, .{ @as(usize, close.code), reason.at, reason.len });
}

fn giveRequest(tag: u32, request: belay.Request) *anyopaque {
    const method: List = .of(request.method);
    const url: List = .of(request.url);
    const headers = lowerHeaders(request.headers);
    const body: List = .of(request.body);
    return give(tag, .{
        method.at, method.len, url.at, url.len, headers.at, headers.len, body.at, body.len, request.timeout_ms,
    });
}

fn giveAdmission(admission: belay.Admission) *anyopaque {
    switch (admission) {
        .accept => return give(0, .{}),
        .refuse => |refusal| {
            const headers = lowerHeaders(refusal.headers);
            const body: List = .of(refusal.body);
            return give(1, .{ @as(usize, refusal.status), headers.at, headers.len, body.at, body.len });
        },
        .call_out => |request| return giveRequest(2, request),
    }
}

fn giveVerdict(verdict: belay.Verdict) *anyopaque {
    return switch (verdict) {
        .pass => give(0, .{}),
        .remember => give(1, .{}),
        .replace => |payload| giveText(2, payload),
        .reply => |message| giveMessage(3, message),
        .drop => give(4, .{}),
        .heartbeat => |answer| if (answer) |message| heartbeat: {
            const payload: List = .of(message.payload);
            break :heartbeat give(5, .{ @as(usize, 1), @as(usize, @intFromEnum(message.kind)), payload.at, payload.len });
        } else give(5, .{@as(usize, 0)}),
        .close => |close| giveClose(6, close),
        .call_out => |request| giveRequest(7, request),
    };
}

fn giveReaction(reaction: belay.Reaction) *anyopaque {
    return switch (reaction) {
        .none => give(0, .{}),
        .send => |message| giveMessage(1, message),
        .close => |close| giveClose(2, close),
        .call_out => |request| giveRequest(3, request),
    };
}

fn giveSubscription(s: belay.Subscription) *anyopaque {
    const flags = [_]bool{ s.handshake, s.upstream, s.heartbeat, s.close };
    var events: usize = 0;
    for (flags, 0..) |flag, i| events |= @as(usize, @intFromBool(flag)) << @intCast(i);
    const backend, const backend_bytes = lowerInterest(s.to_backend);
    const client, const client_bytes = lowerInterest(s.to_client);
    return give(0, .{ backend, backend_bytes, client, client_bytes, events });
}

fn lowerInterest(interest: belay.Interest) struct { usize, usize } {
    return .{ @intFromEnum(interest), if (interest == .prefix) interest.prefix else 0 };
}

/// The world's exports, for a filter.
pub fn exportFilter(comptime F: type) void {
    const exports = struct {
        var runner: belay.Runner(F) = .{};

        const Connect = extern struct { session: u32, handshake: RawHandshake };
        const ConnectAnswer = extern struct { session: u32, handshake: RawHandshake, answer: RawAnswer };
        const Restore = extern struct { session: u32, handshake: RawHandshake, state: List };

        /// The call is over; what it gives is read now.
        fn done(given: *anyopaque) *anyopaque {
            over = true;
            return given;
        }

        fn configure(at: usize, len: usize) callconv(.c) *anyopaque {
            var problem: belay.Problem = .{};
            const text = (List{ .at = at, .len = len }).text();
            return done(if (runner.configure(text, &problem)) |subscription|
                giveSubscription(subscription)
            else |_|
                giveText(1, problem.text));
        }
        fn onHandshake(call: *Connect) callconv(.c) *anyopaque {
            return done(giveAdmission(runner.onHandshake(call.session, call.handshake.lift())));
        }
        fn onHandshakeAnswer(call: *ConnectAnswer) callconv(.c) *anyopaque {
            return done(giveAdmission(runner.onHandshakeAnswer(call.session, call.handshake.lift(), call.answer.lift())));
        }
        fn onReopen(call: *Connect) callconv(.c) void {
            runner.onReopen(call.session, call.handshake.lift());
            over = true;
        }
        fn incoming(direction: u32, kind: u32, size: u32, at: usize, len: usize) belay.Incoming {
            // An empty payload may be the first that is heard of this call.
            _ = memory();
            return .{
                .direction = @enumFromInt(direction),
                .kind = @enumFromInt(kind),
                .size = size,
                .payload = (List{ .at = at, .len = len }).text(),
            };
        }
        fn onMessage(session: u32, direction: u32, kind: u32, size: u32, at: usize, len: usize) callconv(.c) *anyopaque {
            var message = incoming(direction, kind, size, at, len);
            return done(giveVerdict(runner.onMessage(session, &message)));
        }
        fn onMessageAnswer(
            session: u32,
            direction: u32,
            kind: u32,
            size: u32,
            at: usize,
            len: usize,
            failed: u32,
            status: u32,
            headers: usize,
            headers_len: usize,
            body: usize,
            body_len: usize,
        ) callconv(.c) *anyopaque {
            var message = incoming(direction, kind, size, at, len);
            const answer = flatAnswer(failed, status, headers, headers_len, body, body_len);
            return done(giveVerdict(runner.onMessageAnswer(session, &message, answer)));
        }
        fn onUpstream(session: u32, kind: u32, micros: u64) callconv(.c) *anyopaque {
            _ = memory();
            const event: belay.UpstreamEvent = switch (kind) {
                0 => .{ .connected = micros },
                1 => .failed,
                2 => .lost,
                else => .{ .latency = micros },
            };
            return done(giveReaction(runner.onUpstream(session, event)));
        }
        fn onHeartbeat(session: u32, direction: u32) callconv(.c) *anyopaque {
            _ = memory();
            return done(giveReaction(runner.onHeartbeat(session, @enumFromInt(direction))));
        }
        fn onTimer(session: u32, timer: u32) callconv(.c) *anyopaque {
            _ = memory();
            return done(giveReaction(runner.onTimer(session, timer)));
        }
        fn onAnswer(
            session: u32,
            failed: u32,
            status: u32,
            headers: usize,
            headers_len: usize,
            body: usize,
            body_len: usize,
        ) callconv(.c) *anyopaque {
            _ = memory();
            const answer = flatAnswer(failed, status, headers, headers_len, body, body_len);
            return done(giveReaction(runner.onAnswer(session, answer)));
        }
        fn onClose(session: u32, code: u32, at: usize, len: usize) callconv(.c) void {
            _ = memory();
            runner.onClose(session, .{ .code = @truncate(code), .reason = (List{ .at = at, .len = len }).text() });
            over = true;
        }
        fn snapshot(session: u32) callconv(.c) *anyopaque {
            _ = memory();
            return done(if (runner.snapshot(session)) |state| giveText(1, state) else give(0, .{}));
        }
        fn restore(call: *Restore) callconv(.c) *anyopaque {
            var problem: belay.Problem = .{};
            return done(if (runner.restore(call.session, call.handshake.lift(), call.state.text(), &problem))
                give(0, .{})
            else |_|
                giveText(1, problem.text));
        }
    };
    const filter = "belay:filter/filter@0.1.0#";
    const state = "belay:filter/state@0.1.0#";
    @export(&realloc, .{ .name = "cabi_realloc" });
    @export(&exports.configure, .{ .name = filter ++ "configure" });
    @export(&exports.onHandshake, .{ .name = filter ++ "on-handshake" });
    @export(&exports.onHandshakeAnswer, .{ .name = filter ++ "on-handshake-answer" });
    @export(&exports.onReopen, .{ .name = filter ++ "on-reopen" });
    @export(&exports.onMessage, .{ .name = filter ++ "on-message" });
    @export(&exports.onMessageAnswer, .{ .name = filter ++ "on-message-answer" });
    @export(&exports.onUpstream, .{ .name = filter ++ "on-upstream" });
    @export(&exports.onHeartbeat, .{ .name = filter ++ "on-heartbeat" });
    @export(&exports.onTimer, .{ .name = filter ++ "on-timer" });
    @export(&exports.onAnswer, .{ .name = filter ++ "on-answer" });
    @export(&exports.onClose, .{ .name = filter ++ "on-close" });
    @export(&exports.snapshot, .{ .name = state ++ "snapshot" });
    @export(&exports.restore, .{ .name = state ++ "restore" });
}

fn flatAnswer(failed: u32, status: u32, headers: usize, headers_len: usize, body: usize, body_len: usize) belay.Answer {
    const raw: RawAnswer = .{
        .failed = failed,
        .status = status,
        .headers = .{ .at = headers, .len = headers_len },
        .body = .{ .at = body, .len = body_len },
    };
    return raw.lift();
}

/// The world's imports.
pub const Host = struct {
    const host = struct {
        extern "belay:filter/host@0.1.0" fn log(level: u32, at: [*]const u8, len: usize) void;
        extern "belay:filter/host@0.1.0" fn @"now-ms"() u64;
        extern "belay:filter/host@0.1.0" fn @"unix-ms"() u64;
        extern "belay:filter/host@0.1.0" fn random() u64;
        extern "belay:filter/host@0.1.0" fn count(name: [*]const u8, name_len: usize, by: u64) void;
        extern "belay:filter/host@0.1.0" fn @"read-file"(name: [*]const u8, name_len: usize, given: *Given) void;
        extern "belay:filter/host@0.1.0" fn @"file-version"(name: [*]const u8, name_len: usize) u64;
    };
    const current = struct {
        extern "belay:filter/current@0.1.0" fn attribute(name: [*]const u8, name_len: usize, given: *Given) void;
        extern "belay:filter/current@0.1.0" fn @"set-attribute"(name: [*]const u8, name_len: usize, value: [*]const u8, len: usize) void;
        extern "belay:filter/current@0.1.0" fn @"remove-attribute"(name: [*]const u8, name_len: usize) void;
        extern "belay:filter/current@0.1.0" fn @"set-upstream-header"(name: [*]const u8, name_len: usize, value: [*]const u8, len: usize) void;
        extern "belay:filter/current@0.1.0" fn @"offer-subprotocols"(at: usize, len: usize) void;
        extern "belay:filter/current@0.1.0" fn @"default-subprotocol"(name: [*]const u8, name_len: usize) void;
        extern "belay:filter/current@0.1.0" fn @"set-timer"(timer: u32, after_ms: u64) void;
        extern "belay:filter/current@0.1.0" fn @"cancel-timer"(timer: u32) void;
    };
    const limiter = struct {
        extern "belay:filter/limiter@0.1.0" fn define(name: [*]const u8, name_len: usize, tokens: u32, period_ms: u64, burst: u32, given: *Given) void;
        extern "belay:filter/limiter@0.1.0" fn take(limiter: u32, key: [*]const u8, key_len: usize, tokens: u32, given: *GivenWait) void;
    };
    const breaker = struct {
        extern "belay:filter/breaker@0.1.0" fn define(
            name: [*]const u8,
            name_len: usize,
            window_ms: u64,
            results_min: u32,
            failure_percent: u32,
            slow_ms: u64,
            open_ms: u64,
            probes: u32,
            given: *Given,
        ) void;
        extern "belay:filter/breaker@0.1.0" fn keyed(breaker: u32, key: [*]const u8, key_len: usize) u32;
        extern "belay:filter/breaker@0.1.0" fn admit(breaker: u32, given: *GivenWait) void;
        extern "belay:filter/breaker@0.1.0" fn success(breaker: u32, latency_us: u64) void;
        extern "belay:filter/breaker@0.1.0" fn failure(breaker: u32) void;
        extern "belay:filter/breaker@0.1.0" fn peek(breaker: u32) u32;
    };
    const table = struct {
        extern "belay:filter/store@0.1.0" fn get(key: [*]const u8, key_len: usize, given: *Given) void;
        extern "belay:filter/store@0.1.0" fn set(key: [*]const u8, key_len: usize, value: [*]const u8, len: usize, ttl_ms: u64) u32;
        extern "belay:filter/store@0.1.0" fn remove(key: [*]const u8, key_len: usize) void;
        extern "belay:filter/store@0.1.0" fn add(key: [*]const u8, key_len: usize, by: i64, ttl_ms: u64) i64;
    };

    /// An option<list<u8>>, or a result<u32, string>.
    const Given = extern struct {
        tag: u32 = 0,
        list: List = .{},

        fn optional(self: Given) ?[]const u8 {
            return if (self.tag & 0xff == 0) null else self.list.text();
        }

        fn defined(self: Given, problem: *belay.Problem) belay.Refused!u32 {
            if (self.tag & 0xff == 0) return self.list.at;
            return problem.at("", self.list.text());
        }
    };
    /// A result<_, u64>.
    const GivenWait = extern struct {
        tag: u64 = 0,
        wait_ms: u64 = 0,

        fn wait(self: GivenWait) ?u64 {
            return if (self.tag & 0xff == 0) null else self.wait_ms;
        }
    };

    pub fn scratch() std.mem.Allocator {
        return memory();
    }
    pub fn log(level: belay.Level, text: []const u8) void {
        host.log(@intFromEnum(level), text.ptr, text.len);
    }
    pub fn nowMs() u64 {
        return host.@"now-ms"();
    }
    pub fn unixMs() u64 {
        return host.@"unix-ms"();
    }
    pub fn random() u64 {
        return host.random();
    }
    pub fn count(name: []const u8, by: u64) void {
        host.count(name.ptr, name.len, by);
    }
    pub fn readFile(name: []const u8) ?[]const u8 {
        var given: Given = .{};
        host.@"read-file"(name.ptr, name.len, &given);
        return given.optional();
    }
    pub fn fileVersion(name: []const u8) u64 {
        return host.@"file-version"(name.ptr, name.len);
    }
    pub fn attribute(name: []const u8) ?[]const u8 {
        var given: Given = .{};
        current.attribute(name.ptr, name.len, &given);
        return given.optional();
    }
    pub fn setAttribute(name: []const u8, value: []const u8) void {
        current.@"set-attribute"(name.ptr, name.len, value.ptr, value.len);
    }
    pub fn removeAttribute(name: []const u8) void {
        current.@"remove-attribute"(name.ptr, name.len);
    }
    pub fn setUpstreamHeader(name: []const u8, value: []const u8) void {
        current.@"set-upstream-header"(name.ptr, name.len, value.ptr, value.len);
    }
    pub fn offerSubprotocols(names: []const []const u8) void {
        const raw = must(memory().alloc(List, names.len));
        for (raw, names) |*r, name| r.* = .of(name);
        const list: List = .of(raw);
        current.@"offer-subprotocols"(list.at, list.len);
    }
    pub fn defaultSubprotocol(name: []const u8) void {
        current.@"default-subprotocol"(name.ptr, name.len);
    }
    pub fn setTimer(timer: u32, after_ms: u64) void {
        current.@"set-timer"(timer, after_ms);
    }
    pub fn cancelTimer(timer: u32) void {
        current.@"cancel-timer"(timer);
    }
    pub fn defineLimiter(name: []const u8, quota: belay.Quota, problem: *belay.Problem) belay.Refused!u32 {
        var given: Given = .{};
        limiter.define(name.ptr, name.len, quota.tokens, quota.period_ms, quota.burst, &given);
        return given.defined(problem);
    }
    pub fn take(id: u32, key: []const u8, tokens: u32) ?u64 {
        var given: GivenWait = .{};
        limiter.take(id, key.ptr, key.len, tokens, &given);
        return given.wait();
    }
    pub fn defineBreaker(name: []const u8, s: belay.BreakerSettings, problem: *belay.Problem) belay.Refused!u32 {
        var given: Given = .{};
        breaker.define(name.ptr, name.len, s.window_ms, s.results_min, s.failure_percent, s.slow_ms, s.open_ms, s.probes, &given);
        return given.defined(problem);
    }
    pub fn keyedBreaker(id: u32, key: []const u8) u32 {
        return breaker.keyed(id, key.ptr, key.len);
    }
    pub fn admit(id: u32) ?u64 {
        var given: GivenWait = .{};
        breaker.admit(id, &given);
        return given.wait();
    }
    pub fn success(id: u32, latency_us: u64) void {
        breaker.success(id, latency_us);
    }
    pub fn failure(id: u32) void {
        breaker.failure(id);
    }
    pub fn breakerState(id: u32) belay.BreakerState {
        return @enumFromInt(breaker.peek(id));
    }
    pub fn storeGet(key: []const u8) ?[]const u8 {
        var given: Given = .{};
        table.get(key.ptr, key.len, &given);
        return given.optional();
    }
    pub fn storeSet(key: []const u8, value: []const u8, ttl_ms: u64) bool {
        return table.set(key.ptr, key.len, value.ptr, value.len, ttl_ms) != 0;
    }
    pub fn storeRemove(key: []const u8) void {
        table.remove(key.ptr, key.len);
    }
    pub fn storeAdd(key: []const u8, by: i64, ttl_ms: u64) i64 {
        return table.add(key.ptr, key.len, by, ttl_ms);
    }
};
