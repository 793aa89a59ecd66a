//! The fake host of unit tests, and `Bench`, which runs a filter in it as the proxy would. The clock stands still until a test
//! moves it; what the filter did is there to be looked at.
//!
//!     test "the word is masked" {
//!         var bench = try belay.testing.Bench(Guard).start("{ \"words\": [\"darn\"] }");
//!         defer bench.deinit();
//!         const ann = bench.connect(.{ .query = "name=ann" });
//!         try belay.testing.expect(bench.says(ann, "darn"), .{ .replace = "****" });
//!     }

const std = @import("std");
const belay = @import("belay.zig");
const Breakers = @import("breakers.zig").Breakers;

var installed: ?*Host = null;

pub fn current() *Host {
    return installed orelse @panic("there is no host here: talk to the filter through belay.testing.Bench");
}

const Texts = std.StringArrayHashMapUnmanaged([]const u8);
const Bucket = struct { level: u64, at_ms: u64 };
const Limiter = struct { name: []const u8, quota: belay.Quota, buckets: std.StringHashMapUnmanaged(Bucket) = .empty };
const Stored = struct { value: []const u8, until_ms: u64 };

/// What a filter knows of a session and has asked for it.
pub const Facts = struct {
    attributes: Texts = .empty,
    upstream_headers: Texts = .empty,
    timers: std.AutoArrayHashMapUnmanaged(u32, u64) = .empty,
    offered: []const []const u8 = &.{},
    default_subprotocol: []const u8 = "",
};

pub const Host = struct {
    arena: std.heap.ArenaAllocator,
    now_ms: u64 = 1_000_000,
    unix_base_ms: u64 = 1_700_000_000_000 - 1_000_000,
    seed: u64 = 0x9e37_79b9_7f4a_7c15,
    lines: std.ArrayList([]const u8) = .empty,
    counters: std.StringHashMapUnmanaged(u64) = .empty,
    files: Texts = .empty,
    limiters: std.ArrayList(Limiter) = .empty,
    breakers: Breakers = .{},
    entries: std.StringHashMapUnmanaged(Stored) = .empty,
    facts: ?*Facts = null,

    pub fn scratch(self: *Host) std.mem.Allocator {
        return self.arena.allocator();
    }
    fn keep(self: *Host, text: []const u8) []const u8 {
        return self.scratch().dupe(u8, text) catch @panic("out of memory");
    }
    pub fn log(self: *Host, _: belay.Level, text: []const u8) void {
        self.lines.append(self.scratch(), self.keep(text)) catch @panic("out of memory");
    }
    pub fn nowMs(self: *Host) u64 {
        return self.now_ms;
    }
    pub fn unixMs(self: *Host) u64 {
        return self.unix_base_ms + self.now_ms;
    }
    /// The same in every run.
    pub fn random(self: *Host) u64 {
        self.seed = self.seed *% 6364136223846793005 +% 1442695040888963407;
        return self.seed ^ (self.seed >> 33);
    }
    pub fn count(self: *Host, name: []const u8, by: u64) void {
        const entry = self.counters.getOrPutValue(self.scratch(), self.keep(name), 0) catch @panic("out of memory");
        entry.value_ptr.* += by;
    }
    pub fn readFile(self: *Host, name: []const u8) ?[]const u8 {
        return self.files.get(name);
    }
    pub fn fileVersion(self: *Host, name: []const u8) u64 {
        return std.hash.Wyhash.hash(0, self.files.get(name) orelse "");
    }
    fn put(self: *Host, texts: *Texts, name: []const u8, value: []const u8) void {
        texts.put(self.scratch(), self.keep(name), self.keep(value)) catch @panic("out of memory");
    }
    pub fn attribute(self: *Host, name: []const u8) ?[]const u8 {
        return if (self.facts) |facts| facts.attributes.get(name) else null;
    }
    pub fn setAttribute(self: *Host, name: []const u8, value: []const u8) void {
        if (self.facts) |facts| self.put(&facts.attributes, name, value);
    }
    pub fn removeAttribute(self: *Host, name: []const u8) void {
        if (self.facts) |facts| _ = facts.attributes.swapRemove(name);
    }
    pub fn setUpstreamHeader(self: *Host, name: []const u8, value: []const u8) void {
        if (self.facts) |facts| self.put(&facts.upstream_headers, name, value);
    }
    pub fn offerSubprotocols(self: *Host, names: []const []const u8) void {
        const kept = self.scratch().alloc([]const u8, names.len) catch @panic("out of memory");
        for (kept, names) |*k, name| k.* = self.keep(name);
        if (self.facts) |facts| facts.offered = kept;
    }
    pub fn defaultSubprotocol(self: *Host, name: []const u8) void {
        if (self.facts) |facts| facts.default_subprotocol = self.keep(name);
    }
    pub fn setTimer(self: *Host, timer: u32, after_ms: u64) void {
        const facts = self.facts orelse return;
        if (facts.timers.count() < 8 or facts.timers.contains(timer)) {
            facts.timers.put(self.scratch(), timer, self.now_ms +| after_ms) catch @panic("out of memory");
        }
    }
    pub fn cancelTimer(self: *Host, timer: u32) void {
        if (self.facts) |facts| _ = facts.timers.swapRemove(timer);
    }
    pub fn defineLimiter(self: *Host, name: []const u8, quota: belay.Quota, problem: *belay.Problem) belay.Refused!u32 {
        if (quota.tokens == 0 or quota.period_ms == 0 or quota.burst == 0) {
            return problem.at("", "tokens, period and burst must be above zero");
        }
        for (self.limiters.items, 0..) |l, i| if (std.mem.eql(u8, l.name, name)) return @intCast(i);
        self.limiters.append(self.scratch(), .{ .name = self.keep(name), .quota = quota }) catch @panic("out of memory");
        return @intCast(self.limiters.items.len - 1);
    }
    pub fn take(self: *Host, id: u32, key: []const u8, tokens: u32) ?u64 {
        if (id >= self.limiters.items.len) return null;
        const limiter = &self.limiters.items[id];
        if (tokens > limiter.quota.burst) return std.math.maxInt(u64);
        // In tokens times the period: nothing is rounded.
        const full = @as(u64, limiter.quota.burst) * limiter.quota.period_ms;
        const bucket = limiter.buckets.getOrPutValue(self.scratch(), self.keep(key), .{ .level = full, .at_ms = self.now_ms }) catch
            @panic("out of memory");
        const gained = (self.now_ms - bucket.value_ptr.at_ms) *| limiter.quota.tokens;
        bucket.value_ptr.* = .{ .level = @min(full, bucket.value_ptr.level +| gained), .at_ms = self.now_ms };
        const wanted = @as(u64, tokens) * limiter.quota.period_ms;
        if (bucket.value_ptr.level < wanted) {
            return std.math.divCeil(u64, wanted - bucket.value_ptr.level, limiter.quota.tokens) catch unreachable;
        }
        bucket.value_ptr.level -= wanted;
        return null;
    }
    pub fn defineBreaker(self: *Host, name: []const u8, s: belay.BreakerSettings, problem: *belay.Problem) belay.Refused!u32 {
        return self.breakers.define(self.scratch(), name, s, problem);
    }
    pub fn keyedBreaker(self: *Host, id: u32, key: []const u8) u32 {
        return self.breakers.keyed(self.scratch(), id, key);
    }
    pub fn admit(self: *Host, id: u32) ?u64 {
        return self.breakers.admit(self.scratch(), id, self.now_ms);
    }
    pub fn success(self: *Host, id: u32, latency_us: u64) void {
        self.breakers.result(self.scratch(), id, self.now_ms, .{ .success_us = latency_us });
    }
    pub fn failure(self: *Host, id: u32) void {
        self.breakers.result(self.scratch(), id, self.now_ms, .failure);
    }
    pub fn breakerState(self: *Host, id: u32) belay.BreakerState {
        return self.breakers.state(id, self.now_ms);
    }
    pub fn storeGet(self: *Host, key: []const u8) ?[]const u8 {
        const entry = self.entries.get(key) orelse return null;
        return if (entry.until_ms > self.now_ms) entry.value else null;
    }
    pub fn storeSet(self: *Host, key: []const u8, value: []const u8, ttl_ms: u64) bool {
        const entry: Stored = .{ .value = self.keep(value), .until_ms = self.now_ms +| ttl_ms };
        self.entries.put(self.scratch(), self.keep(key), entry) catch @panic("out of memory");
        return true;
    }
    pub fn storeRemove(self: *Host, key: []const u8) void {
        _ = self.entries.remove(key);
    }
    pub fn storeAdd(self: *Host, key: []const u8, by: i64, ttl_ms: u64) i64 {
        const before = self.storeGet(key) orelse "";
        const number: i64 = if (before.len == 8) std.mem.readInt(i64, before[0..8], .little) else 0;
        const sum = number +| by;
        var bytes: [8]u8 = undefined;
        std.mem.writeInt(i64, &bytes, sum, .little);
        _ = self.storeSet(key, &bytes, ttl_ms);
        return sum;
    }
};

/// A filter at work, as one worker has it. One at a time.
pub fn Bench(comptime F: type) type {
    return struct {
        const Self = @This();
        const Client = struct { facts: Facts = .{}, handshake: belay.Handshake };

        host: *Host,
        runner: belay.Runner(F) = .{},
        subscription: belay.Subscription = .{},
        clients: std.ArrayList(*Client) = .empty,
        /// Why the last config or state was refused.
        problem: belay.Problem = .{},

        /// With this config, as JSON. When it is refused, `why` says why.
        pub fn start(json: []const u8) belay.Refused!Self {
            var why: belay.Problem = .{};
            return startOr(json, &why);
        }

        pub fn startOr(json: []const u8, why: *belay.Problem) belay.Refused!Self {
            const host = std.heap.page_allocator.create(Host) catch @panic("out of memory");
            host.* = .{ .arena = .init(std.heap.page_allocator) };
            installed = host;
            var self: Self = .{ .host = host };
            self.subscription = try self.runner.configure(json, why);
            return self;
        }

        pub fn deinit(self: *Self) void {
            installed = null;
            self.host.arena.deinit();
            std.heap.page_allocator.destroy(self.host);
        }

        fn about(self: *Self, client: u32) *Client {
            self.host.facts = &self.clients.items[client].facts;
            return self.clients.items[client];
        }

        fn done(self: *Self, given: anytype) @TypeOf(given) {
            self.host.facts = null;
            return given;
        }

        /// A client that is let in, or at least not refused by a test that looks. Gives its number.
        pub fn connect(self: *Self, handshake: belay.Handshake) u32 {
            const number, _ = self.ask(handshake);
            return number;
        }

        /// A client, and the answer to it.
        pub fn ask(self: *Self, handshake: belay.Handshake) struct { u32, belay.Admission } {
            const client = self.host.scratch().create(Client) catch @panic("out of memory");
            client.* = .{ .handshake = handshake };
            self.clients.append(self.host.scratch(), client) catch @panic("out of memory");
            const number: u32 = @intCast(self.clients.items.len - 1);
            _ = self.about(number);
            return .{ number, self.done(self.runner.onHandshake(number, handshake)) };
        }

        pub fn handshakeAnswer(self: *Self, client: u32, a: belay.Answer) belay.Admission {
            return self.done(self.runner.onHandshakeAnswer(client, self.about(client).handshake, a));
        }

        /// The client says this text.
        pub fn says(self: *Self, client: u32, text: []const u8) belay.Verdict {
            return self.message(client, .to_backend, .{ .payload = text });
        }

        pub fn message(self: *Self, client: u32, direction: belay.Direction, m: belay.Message) belay.Verdict {
            var incoming = self.incomingOf(direction, m);
            _ = self.about(client);
            return self.done(self.runner.onMessage(client, &incoming));
        }

        pub fn messageAnswer(self: *Self, client: u32, direction: belay.Direction, m: belay.Message, a: belay.Answer) belay.Verdict {
            var incoming = self.incomingOf(direction, m);
            _ = self.about(client);
            return self.done(self.runner.onMessageAnswer(client, &incoming, a));
        }

        fn incomingOf(self: *Self, direction: belay.Direction, m: belay.Message) belay.Incoming {
            const payload = self.host.scratch().dupe(u8, m.payload) catch @panic("out of memory");
            return .{ .direction = direction, .kind = m.kind, .size = @intCast(payload.len), .payload = payload };
        }

        pub fn upstream(self: *Self, client: u32, event: belay.UpstreamEvent) belay.Reaction {
            _ = self.about(client);
            return self.done(self.runner.onUpstream(client, event));
        }

        pub fn heartbeat(self: *Self, client: u32, direction: belay.Direction) belay.Reaction {
            _ = self.about(client);
            return self.done(self.runner.onHeartbeat(client, direction));
        }

        pub fn answer(self: *Self, client: u32, a: belay.Answer) belay.Reaction {
            _ = self.about(client);
            return self.done(self.runner.onAnswer(client, a));
        }

        pub fn closes(self: *Self, client: u32, code: u16) void {
            _ = self.about(client);
            self.done(self.runner.onClose(client, .{ .code = code }));
        }

        /// Lets time pass; a timer of this client that is due is fired, one for each call. Null: none was.
        pub fn advance(self: *Self, client: u32, by_ms: u64) ?belay.Reaction {
            self.host.now_ms += by_ms;
            const facts = &self.about(client).facts;
            for (facts.timers.keys(), facts.timers.values()) |timer, due| {
                if (due > self.host.now_ms) continue;
                _ = facts.timers.swapRemove(timer);
                return self.done(self.runner.onTimer(client, timer));
            }
            return self.done(@as(?belay.Reaction, null));
        }

        pub fn attribute(self: *Self, client: u32, name: []const u8) ?[]const u8 {
            return self.clients.items[client].facts.attributes.get(name);
        }

        /// A reload: an instance with this config takes this one's place, and what is kept of this client.
        pub fn reload(self: *Self, json: []const u8, client: u32) belay.Refused!void {
            const state = self.runner.snapshot(client);
            self.runner = .{};
            self.subscription = try self.runner.configure(json, &self.problem);
            const handshake = self.about(client).handshake;
            defer self.host.facts = null;
            if (state) |bytes| return self.runner.restore(client, handshake, bytes, &self.problem);
            self.runner.onReopen(client, handshake);
        }
    };
}

/// Fails unless an answer is what is wanted, to the last byte.
pub fn expect(got: anytype, want: @TypeOf(got)) !void {
    try std.testing.expectEqualDeep(want, got);
}
