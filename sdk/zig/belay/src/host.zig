//! The world's imports, as `belay.zig` calls them in the proxy.

const std = @import("std");
const belay = @import("belay.zig");
const memory = @import("memory.zig").memory;
const must = @import("memory.zig").must;
const List = @import("memory.zig").List;

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
    host.log(@backingInt(level), text.ptr, text.len);
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
    return @fromBackingInt(@intCast(breaker.peek(id)));
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
