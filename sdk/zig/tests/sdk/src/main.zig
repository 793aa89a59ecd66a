//! The SDK's own tests: what filters in Zig rely on, in the fake host.

const std = @import("std");
const belay = @import("belay");

const Everything = struct {
    pub const Config = struct { rules: []const Rule = &.{}, name: ?[]const u8 = null, ratio: f32 = 0.5 };
    const Rule = struct { burst: u32, strict: bool = false };
    pub const Session = struct { said: u32 = 0 };

    config: Config,

    pub fn configure(config: Config, _: *belay.Problem) belay.Refused!Everything {
        return .{ .config = config };
    }
    pub fn subscription(_: *Everything) belay.Subscription {
        return .{ .to_backend = .whole };
    }
    pub fn onMessage(_: *Everything, session: *Session, message: *belay.Incoming) belay.Verdict {
        session.said += 1;
        belay.setTimer(7, 100);
        return .{ .replace = belay.print("{d}: {s}", .{ session.said, message.payload }) };
    }
    pub fn onTimer(_: *Everything, _: *Session, timer: u32) belay.Reaction {
        return belay.sendText(belay.print("timer {d}", .{timer}));
    }
};

fn problemOf(json: []const u8) ![]const u8 {
    var problem: belay.Problem = .{};
    // The bench is left alone: the problem's text lies in it.
    if (belay.testing.Bench(Everything).startOr(json, &problem)) |_| return "" else |_| return problem.text;
}

test "an error of a config names its field" {
    try std.testing.expectEqualStrings("", try problemOf("null"));
    try std.testing.expectEqualStrings("", try problemOf(
        \\{ "rules": [{ "burst": 1 }], "name": "x", "ratio": 1 }
    ));
    try std.testing.expectEqualStrings("rules[1].burst: a whole number is wanted", try problemOf(
        \\{ "rules": [{ "burst": 1 }, { "burst": "x" }] }
    ));
    try std.testing.expectEqualStrings("rules[0].burst: missing", try problemOf("{ \"rules\": [{}] }"));
    try std.testing.expectEqualStrings("rulez: unknown field", try problemOf("{ \"rulez\": [] }"));
}

test "a session's state is its own, and its timers come when they are due" {
    var bench = try belay.testing.Bench(Everything).start("null");
    defer bench.deinit();
    const ann = bench.connect(.{});
    const bob = bench.connect(.{});
    try belay.testing.expect(bench.says(ann, "a"), .{ .replace = "1: a" });
    try belay.testing.expect(bench.says(ann, "b"), .{ .replace = "2: b" });
    try belay.testing.expect(bench.says(bob, "c"), .{ .replace = "1: c" });
    try std.testing.expect(bench.advance(ann, 99) == null);
    try belay.testing.expect(bench.advance(ann, 1).?, belay.sendText("timer 7"));
}

const Careful = struct {
    pub const Config = struct {};
    pub const Session = struct {};

    backend: belay.Breaker,

    pub fn configure(_: Config, problem: *belay.Problem) belay.Refused!Careful {
        const settings: belay.BreakerSettings = .{
            .window_ms = 60_000,
            .results_min = 2,
            .failure_percent = 50,
            .slow_ms = 100,
            .open_ms = 10_000,
            .probes = 1,
        };
        return .{ .backend = try .define("backend", settings, problem) };
    }
    pub fn subscription(_: *Careful) belay.Subscription {
        return .{ .to_backend = .whole, .upstream = true };
    }
    pub fn onMessage(self: *Careful, _: *Session, message: *belay.Incoming) belay.Verdict {
        const breaker = if (std.mem.eql(u8, message.payload, "other")) self.backend.keyed("other") else self.backend;
        if (breaker.admit()) |wait| return belay.replyText(belay.print("{s}, in {d}", .{ @tagName(breaker.state()), wait.retry_after_ms }));
        return belay.replyText(@tagName(breaker.state()));
    }
    pub fn onUpstream(self: *Careful, _: *Session, event: belay.UpstreamEvent) belay.Reaction {
        switch (event) {
            .connected => |latency_us| self.backend.success(latency_us),
            else => self.backend.failure(),
        }
        return .none;
    }
};

test "a breaker opens, lets a probe through, and closes" {
    var bench = try belay.testing.Bench(Careful).start("{}");
    defer bench.deinit();
    const ann = bench.connect(.{});
    try belay.testing.expect(bench.says(ann, "x"), belay.replyText("closed"));
    _ = bench.upstream(ann, .failed);
    // Slower than it may be.
    _ = bench.upstream(ann, .{ .connected = 200_000 });
    try belay.testing.expect(bench.says(ann, "x"), belay.replyText("open, in 10000"));
    try belay.testing.expect(bench.says(ann, "other"), belay.replyText("closed"));
    _ = bench.advance(ann, 10_000);
    try belay.testing.expect(bench.says(ann, "x"), belay.replyText("half_open"));
    // The one probe is under way.
    try belay.testing.expect(bench.says(ann, "x"), belay.replyText("half_open, in 10000"));
    _ = bench.upstream(ann, .{ .connected = 1_000 });
    try belay.testing.expect(bench.says(ann, "x"), belay.replyText("closed"));
    // What was before it opened counts no more.
    _ = bench.upstream(ann, .failed);
    try belay.testing.expect(bench.says(ann, "x"), belay.replyText("closed"));
}

test "a query parameter is found by its whole name" {
    const handshake: belay.Handshake = .{ .query = "surname=lee&name=ann&flag" };
    try std.testing.expectEqualStrings("ann", handshake.queryValue("name").?);
    try std.testing.expect(handshake.queryValue("flag") == null);
    try std.testing.expect(handshake.queryValue("nam") == null);
}
