//! The world's exports, for a filter, and how what they are given and give lies in memory (the component model's canonical ABI).

const std = @import("std");
const builtin = @import("builtin");
const belay = @import("belay.zig");
const memory = @import("memory.zig");
const List = memory.List;

/// Not in a test.
pub const in_proxy = builtin.cpu.arch == .wasm32;

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
        const names = memory.must(memory.memory().alloc([]const u8, protocols.len));
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

fn liftHeaders(list: List) []const belay.Header {
    const raw = list.slice(RawHeader);
    const headers = memory.must(memory.memory().alloc(belay.Header, raw.len));
    for (headers, raw) |*header, r| header.* = .{ .name = r.name.text(), .value = r.value.text() };
    return headers;
}

fn lowerHeaders(headers: []const belay.Header) List {
    const raw = memory.must(memory.memory().alloc(RawHeader, headers.len));
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
        if (raw.failed & 0xff != 0) return .{ .failed = @fromBackingInt(@intCast(@as(u8, @truncate(raw.status)))) };
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
    return give(tag, .{ @as(usize, @backingInt(message.kind)), payload.at, payload.len });
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
            break :heartbeat give(5, .{ @as(usize, 1), @as(usize, @backingInt(message.kind)), payload.at, payload.len });
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
    return .{ @backingInt(interest), if (interest == .prefix) interest.prefix else 0 };
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
            memory.done();
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
            memory.done();
        }
        fn incoming(direction: u32, kind: u32, size: u32, at: usize, len: usize) belay.Incoming {
            // An empty payload may be the first that is heard of this call.
            _ = memory.memory();
            return .{
                .direction = @fromBackingInt(@intCast(direction)),
                .kind = @fromBackingInt(@intCast(kind)),
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
            _ = memory.memory();
            const event: belay.UpstreamEvent = switch (kind) {
                0 => .{ .connected = micros },
                1 => .failed,
                2 => .lost,
                else => .{ .latency = micros },
            };
            return done(giveReaction(runner.onUpstream(session, event)));
        }
        fn onHeartbeat(session: u32, direction: u32) callconv(.c) *anyopaque {
            _ = memory.memory();
            return done(giveReaction(runner.onHeartbeat(session, @fromBackingInt(@intCast(direction)))));
        }
        fn onTimer(session: u32, timer: u32) callconv(.c) *anyopaque {
            _ = memory.memory();
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
            _ = memory.memory();
            const answer = flatAnswer(failed, status, headers, headers_len, body, body_len);
            return done(giveReaction(runner.onAnswer(session, answer)));
        }
        fn onClose(session: u32, code: u32, at: usize, len: usize) callconv(.c) void {
            _ = memory.memory();
            runner.onClose(session, .{ .code = @truncate(code), .reason = (List{ .at = at, .len = len }).text() });
            memory.done();
        }
        fn snapshot(session: u32) callconv(.c) *anyopaque {
            _ = memory.memory();
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
    @export(&memory.realloc, .{ .name = "cabi_realloc" });
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
