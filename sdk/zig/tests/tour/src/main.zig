//! Tour uses each answer, each event and each of the host's functions: sdk/conformance/tour.yaml is its judge.

const std = @import("std");
const belay = @import("belay");

const Tour = struct {
    pub const Session = struct {};

    breaker: belay.Breaker,
    limiter: belay.Limiter,
    file: u64 = 0,
    since_ms: u64 = 0,

    pub fn configure(_: void, problem: *belay.Problem) belay.Refused!Tour {
        return .{
            .breaker = try .define("backend", .{
                .window_ms = 60_000,
                .results_min = 2,
                .failure_percent = 50,
                .open_ms = 10_000,
                .probes = 1,
            }, problem),
            .limiter = try .define("takes", .{ .tokens = 2, .period_ms = 1000, .burst = 2 }, problem),
        };
    }

    pub fn subscription(_: *Tour) belay.Subscription {
        return .{
            .to_backend = .whole,
            .to_client = .{ .prefix = 8 },
            .handshake = true,
            .upstream = true,
            .heartbeat = true,
            .close = true,
        };
    }

    pub fn onHandshake(_: *Tour, _: *Session, handshake: belay.Handshake) belay.Admission {
        if (is(handshake.path, "/refuse")) {
            return belay.refuse(403, &.{.{ .name = "x-tour", .value = "no" }}, "not here");
        }
        if (is(handshake.path, "/protocols")) {
            const offered = belay.scratch().alloc([]const u8, handshake.subprotocols.len) catch @panic("out of memory");
            for (handshake.subprotocols, 1..) |name, i| offered[offered.len - i] = belay.print("tour.{s}", .{name});
            belay.offerSubprotocols(offered);
            belay.defaultSubprotocol("tour");
        }
        if (is(handshake.path, "/ask")) {
            var ask: belay.Request = .{
                .url = belay.print("http://auth.test/check?{s}", .{handshake.query}),
                .timeout_ms = 1500,
            };
            if (handshake.header("authorization")) |token| {
                const headers = belay.scratch().alloc(belay.Header, 1) catch @panic("out of memory");
                headers[0] = .{ .name = "authorization", .value = token };
                ask.headers = headers;
            }
            return .{ .call_out = ask };
        }
        return .accept;
    }

    pub fn onHandshakeAnswer(_: *Tour, _: *Session, _: belay.Handshake, answer: belay.Answer) belay.Admission {
        const response = switch (answer) {
            .response => |response| response,
            .failed => |failed| return belay.refuse(503, &.{}, reason(failed)),
        };
        if (response.status == 307) return .{ .call_out = .{ .url = "http://auth.test/again" } };
        if (response.status != 200) return belay.refuse(response.status, &.{}, "");
        if (response.headers.len > 0) {
            const who = belay.print("{s} {s}", .{ response.headers[0].value, response.body });
            belay.setAttribute("who", who);
            belay.setUpstreamHeader("x-who", who);
        }
        return .accept;
    }

    pub fn onMessage(self: *Tour, _: *Session, message: *belay.Incoming) belay.Verdict {
        if (message.direction == .to_client) return fromBackend(message);
        if (message.kind == .binary) {
            std.mem.reverse(u8, message.payload);
            return .{ .replace = message.payload };
        }
        return self.obey(message.payload);
    }

    /// Does what it is told.
    fn obey(self: *Tour, text: []const u8) belay.Verdict {
        const Command = enum {
            remember,
            drop,
            binary,
            beat,
            ping,
            empty,
            bye,
            ask,
            timers,
            cancel,
            forget,
            lose,
            trap,
        };
        if (std.mem.startsWith(u8, text, "be ")) {
            belay.setAttribute("who", text[3..]);
            return .pass;
        }
        if (std.mem.startsWith(u8, text, "save ")) {
            return if (belay.store.set("saved", text[5..], 60_000)) .drop else belay.replyText("full");
        }
        switch (std.meta.stringToEnum(Command, text) orelse return self.askHost(text)) {
            .remember => return .remember,
            .drop => return .drop,
            .binary => return .{ .reply = .{ .kind = .binary, .payload = "\x00\x01\xff" } },
            .beat => return .{ .heartbeat = null },
            .ping => return .{ .heartbeat = .{ .payload = "pong" } },
            .empty => return .{ .replace = "" },
            .bye => return belay.close(4000, "bye"),
            .ask => return .{ .call_out = .{
                .method = "POST",
                .url = "http://judge.test/",
                .headers = &.{.{ .name = "content-type", .value = "text/plain" }},
                .body = text,
                .timeout_ms = 250,
            } },
            .timers => {
                belay.setTimer(1, 5_000);
                belay.setTimer(2, 10_000);
                belay.setTimer(3, 1_000);
                belay.setTimer(3, 20_000);
            },
            .cancel => belay.cancelTimer(2),
            .forget => belay.removeAttribute("who"),
            .lose => {
                belay.store.remove("saved");
                return .drop;
            },
            .trap => @panic("the tour is over"),
        }
        return .pass;
    }

    /// Answers with what the host says.
    fn askHost(self: *Tour, text: []const u8) belay.Verdict {
        if (is(text, "who")) return belay.replyText(belay.attribute("who") orelse "nobody");
        if (is(text, "load")) return belay.replyText(belay.store.get("saved") orelse "nothing");
        if (is(text, "breaker")) return belay.replyText(stateOf(self.breaker));
        if (is(text, "other breaker")) return belay.replyText(stateOf(self.breaker.keyed("other")));
        if (is(text, "admit")) return granted(self.breaker.admit());
        if (is(text, "take")) return granted(self.limiter.take("key", 1));
        if (is(text, "file")) {
            self.file = belay.fileVersion("greeting");
            return belay.replyText(belay.readFile("greeting") orelse "no file");
        }
        if (is(text, "same file")) return belay.replyText(if (belay.fileVersion("greeting") == self.file) "yes" else "no");
        if (is(text, "clock")) return replyNumber(belay.unixMs());
        if (is(text, "since")) {
            const passed = if (self.since_ms == 0) 0 else belay.nowMs() - self.since_ms;
            self.since_ms = belay.nowMs();
            return replyNumber(passed);
        }
        if (is(text, "dice")) return replyNumber(belay.random());
        if (is(text, "log")) {
            belay.log(.debug, "one");
            belay.log(.info, "two");
            belay.log(.warn, "three ç…");
            belay.log(.@"error", "four");
            belay.count("logged", 4);
            return .drop;
        }
        return .pass;
    }

    pub fn onMessageAnswer(_: *Tour, _: *Session, _: *belay.Incoming, answer: belay.Answer) belay.Verdict {
        return switch (answer) {
            .failed => |failed| belay.replyText(reason(failed)),
            .response => |response| if (response.status == 200) .{ .replace = response.body } else .drop,
        };
    }

    pub fn onUpstream(self: *Tour, _: *Session, event: belay.UpstreamEvent) belay.Reaction {
        switch (event) {
            .connected => |micros| self.breaker.success(micros),
            .failed => self.breaker.failure(),
            .lost => return belay.sendText("lost"),
            .latency => |micros| return .{ .call_out = .{ .url = belay.print("http://metrics.test/latency/{d}", .{micros}) } },
        }
        return .none;
    }

    pub fn onHeartbeat(_: *Tour, _: *Session, direction: belay.Direction) belay.Reaction {
        return if (direction == .to_backend) .{ .send = .{ .kind = .binary, .payload = "\x07" } } else .none;
    }

    pub fn onTimer(_: *Tour, _: *Session, timer: u32) belay.Reaction {
        const name = belay.print("timer {d}", .{timer});
        return if (timer == 3) .{ .close = .{ .code = 4002, .reason = name } } else belay.sendText(name);
    }

    pub fn onAnswer(_: *Tour, _: *Session, answer: belay.Answer) belay.Reaction {
        return switch (answer) {
            .failed => |failed| .{ .close = .{ .code = 4001, .reason = reason(failed) } },
            .response => |response| belay.sendText(belay.print("answered {d}", .{response.status})),
        };
    }
};

fn fromBackend(message: *belay.Incoming) belay.Verdict {
    if (is(message.payload, "secret")) return .drop;
    if (message.size <= 8) return .pass;
    return belay.replyText(belay.print("{s} of {d}", .{ message.payload, message.size }));
}

fn is(a: []const u8, b: []const u8) bool {
    return std.mem.eql(u8, a, b);
}

fn replyNumber(number: u64) belay.Verdict {
    return belay.replyText(belay.print("{d}", .{number}));
}

fn granted(wait: ?belay.Wait) belay.Verdict {
    const w = wait orelse return belay.replyText("yes");
    return belay.replyText(belay.print("in {d}", .{w.retry_after_ms}));
}

fn stateOf(breaker: belay.Breaker) []const u8 {
    return switch (breaker.state()) {
        .closed => "closed",
        .open => "open",
        .half_open => "half-open",
    };
}

/// The world's own word for it.
fn reason(failed: belay.CalloutError) []const u8 {
    return if (failed == .too_large) "too-large" else @tagName(failed);
}

comptime {
    belay.exportFilter(Tour);
}

pub const panic = belay.panic;
