//! The fake host's circuit breakers, over a sliding window of single results.

const std = @import("std");
const belay = @import("belay.zig");

const Result = struct { at_ms: u64, failed: bool };

const Breaker = struct {
    name: []const u8,
    /// Of a keyed one.
    key: ?[]const u8 = null,
    settings: belay.BreakerSettings,
    state: belay.BreakerState = .closed,
    /// Closed: what came when.
    results: std.ArrayList(Result) = .empty,
    /// Open: until when.
    until_ms: u64 = 0,
    /// Half-open: when the places of probes that nothing is known of become free, and how many went well in a row.
    places: std.ArrayList(u64) = .empty,
    successes: u32 = 0,

    fn open(self: *Breaker, now_ms: u64) void {
        self.state = .open;
        self.until_ms = now_ms +| self.settings.open_ms;
    }

    fn close(self: *Breaker) void {
        self.state = .closed;
        self.results.clearRetainingCapacity();
    }

    fn halfOpen(self: *Breaker) void {
        self.state = .half_open;
        self.places.clearRetainingCapacity();
        self.successes = 0;
    }

    /// Whether what is in the window is too much.
    fn fails(self: *Breaker, now_ms: u64) bool {
        var kept: usize = 0;
        var failures: u64 = 0;
        for (self.results.items) |result| {
            if (result.at_ms +| self.settings.window_ms <= now_ms) continue;
            self.results.items[kept] = result;
            kept += 1;
            if (result.failed) failures += 1;
        }
        self.results.shrinkRetainingCapacity(kept);
        return kept >= @max(1, self.settings.results_min) and failures * 100 >= kept * self.settings.failure_percent;
    }
};

pub const Breakers = struct {
    all: std.ArrayList(Breaker) = .empty,

    pub fn define(
        self: *Breakers,
        memory: std.mem.Allocator,
        name: []const u8,
        settings: belay.BreakerSettings,
        problem: *belay.Problem,
    ) belay.Refused!u32 {
        if (settings.window_ms == 0 or settings.open_ms == 0 or settings.probes == 0) {
            return problem.at("", "window, open time and probes must be above zero");
        }
        if (settings.failure_percent < 1 or settings.failure_percent > 100) {
            return problem.at("", "the share of failures must be from 1 to 100 percent");
        }
        return self.place(memory, name, null, settings);
    }

    fn place(self: *Breakers, memory: std.mem.Allocator, name: []const u8, key: ?[]const u8, settings: belay.BreakerSettings) u32 {
        for (self.all.items, 0..) |known, i| {
            const same_key = if (known.key) |k| (key != null and std.mem.eql(u8, k, key.?)) else key == null;
            if (same_key and std.mem.eql(u8, known.name, name)) return @intCast(i);
        }
        const kept_key = if (key) |k| memory.dupe(u8, k) catch @panic("out of memory") else null;
        const kept_name = memory.dupe(u8, name) catch @panic("out of memory");
        self.all.append(memory, .{ .name = kept_name, .key = kept_key, .settings = settings }) catch @panic("out of memory");
        return @intCast(self.all.items.len - 1);
    }

    pub fn keyed(self: *Breakers, memory: std.mem.Allocator, id: u32, key: []const u8) u32 {
        if (id >= self.all.items.len) return id;
        const whole = self.all.items[id];
        return self.place(memory, whole.name, key, whole.settings);
    }

    /// Null: go on; otherwise how long to wait.
    pub fn admit(self: *Breakers, memory: std.mem.Allocator, id: u32, now_ms: u64) ?u64 {
        if (id >= self.all.items.len) return null;
        const breaker = &self.all.items[id];
        if (breaker.state == .closed) return null;
        if (breaker.state == .open) {
            if (now_ms < breaker.until_ms) return breaker.until_ms - now_ms;
            breaker.halfOpen();
        }
        var at: usize = 0;
        while (at < breaker.places.items.len) {
            if (breaker.places.items[at] <= now_ms) _ = breaker.places.orderedRemove(at) else at += 1;
        }
        if (breaker.places.items.len >= breaker.settings.probes) return breaker.places.items[0] - now_ms;
        breaker.places.append(memory, now_ms +| breaker.settings.open_ms) catch @panic("out of memory");
        return null;
    }

    pub fn result(self: *Breakers, memory: std.mem.Allocator, id: u32, now_ms: u64, given: union(enum) { success_us: u64, failure }) void {
        if (id >= self.all.items.len) return;
        const breaker = &self.all.items[id];
        const slow_ms = breaker.settings.slow_ms;
        const failed = switch (given) {
            .failure => true,
            .success_us => |latency_us| slow_ms != 0 and latency_us > slow_ms *| 1000,
        };
        switch (breaker.state) {
            .closed => {
                breaker.results.append(memory, .{ .at_ms = now_ms, .failed = failed }) catch @panic("out of memory");
                if (breaker.fails(now_ms)) breaker.open(now_ms);
            },
            .open => {},
            .half_open => {
                if (failed) return breaker.open(now_ms);
                if (breaker.places.items.len > 0) _ = breaker.places.orderedRemove(0);
                breaker.successes += 1;
                if (breaker.successes >= breaker.settings.probes) breaker.close();
            },
        }
    }

    pub fn state(self: *Breakers, id: u32, now_ms: u64) belay.BreakerState {
        if (id >= self.all.items.len) return .closed;
        const breaker = self.all.items[id];
        return if (breaker.state == .open and now_ms >= breaker.until_ms) .half_open else breaker.state;
    }
};
