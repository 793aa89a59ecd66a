//! Word-guard masks words in what clients say, minds those who say too many of them, and closes on who will not listen.

const std = @import("std");
const belay = @import("belay");

/// What each session's strikes are remembered for after the last one, by name.
const remembered_for_ms = 3600 * 1000;

const Guard = struct {
    pub const Config = struct {
        words: []const []const u8,
        notice_after: u32 = 3,
        close_after: u32 = 10,
        per_minute: u32 = 600,
    };

    /// What is kept of each client.
    pub const Session = struct {
        user: []const u8 = "",
        peer: []const u8 = "",
        strikes: u32 = 0,
    };

    config: Config,
    messages: belay.Limiter,

    pub fn configure(config: Config, problem: *belay.Problem) belay.Refused!Guard {
        if (config.words.len == 0) return problem.at("words", "a list of at least one word is wanted");
        for (config.words) |word| {
            if (word.len == 0) return problem.at("words", "a word must not be empty");
            for (word) |byte| if (byte >= 0x80) return problem.at("words", "a word is ASCII");
        }
        inline for (.{ "notice_after", "close_after", "per_minute" }) |field| {
            if (@field(config, field) == 0) return problem.at(field, "a whole number from 1 is wanted");
        }
        const quota: belay.Quota = .{ .tokens = config.per_minute, .period_ms = 60_000, .burst = config.per_minute };
        return .{ .config = config, .messages = try .define("messages", quota, problem) };
    }

    pub fn subscription(_: *Guard) belay.Subscription {
        return .{ .to_backend = .whole, .handshake = true, .close = true };
    }

    pub fn onHandshake(self: *Guard, session: *Session, handshake: belay.Handshake) belay.Admission {
        self.onReopen(session, handshake);
        if (session.user.len == 0) {
            const headers = [_]belay.Header{.{ .name = "content-type", .value = "text/plain" }};
            return belay.refuse(400, &headers, "word-guard: say who you are: ?name=…\n");
        }
        belay.setAttribute("user", session.user);
        belay.setUpstreamHeader("x-user", session.user);
        return .accept;
    }

    pub fn onReopen(_: *Guard, session: *Session, handshake: belay.Handshake) void {
        var user = handshake.queryValue("name") orelse "";
        if (user.len == 0) user = handshake.header("x-name") orelse "";
        session.* = .{ .user = keep(user), .peer = keep(handshake.peer_address) };
    }

    pub fn onMessage(self: *Guard, session: *Session, message: *belay.Incoming) belay.Verdict {
        if (message.kind != .text) return .pass;
        if (self.messages.take(session.peer, 1)) |_| return belay.replyText("word-guard: too many messages");
        const found = self.mask(message.payload);
        if (found == 0) return .pass;
        session.strikes += 1;
        belay.count("masked", found);
        const total = belay.store.add(belay.print("strikes:{s}", .{session.user}), 1, remembered_for_ms);
        if (session.strikes == self.config.close_after) {
            belay.log(.info, belay.print("word-guard: closing {s}", .{session.user}));
            return belay.close(1008, "word-guard: too many words");
        }
        if (session.strikes == self.config.notice_after) {
            return belay.replyText(belay.print("word-guard: mind your words, {s} ({d} so far)", .{ session.user, total }));
        }
        return .{ .replace = message.payload };
    }

    pub fn onClose(_: *Guard, session: *Session, _: belay.CloseReason) void {
        belay.gpa.free(session.user);
        belay.gpa.free(session.peer);
    }

    pub fn snapshot(_: *Guard, session: *const Session) ?[]const u8 {
        if (session.strikes == 0) return null;
        const state = belay.scratch().create([4]u8) catch return null;
        std.mem.writeInt(u32, state, session.strikes, .little);
        return state;
    }

    pub fn restore(
        self: *Guard,
        session: *Session,
        handshake: belay.Handshake,
        state: []const u8,
        problem: *belay.Problem,
    ) belay.Refused!void {
        if (state.len != 4) return problem.say("word-guard: 4 bytes of state, not {d}", .{state.len});
        self.onReopen(session, handshake);
        session.strikes = std.mem.readInt(u32, state[0..4], .little);
    }

    /// Puts as many stars in place of each word as it has bytes, and says how many words it found.
    fn mask(self: *const Guard, text: []u8) u64 {
        var found: u64 = 0;
        var at: usize = 0;
        while (at < text.len) {
            const length = self.wordAt(text[at..]);
            @memset(text[at..][0..length], '*');
            found += @intFromBool(length > 0);
            at += @max(1, length);
        }
        return found;
    }

    /// The length of the longest word that a text begins with; 0: none.
    fn wordAt(self: *const Guard, text: []const u8) usize {
        var longest: usize = 0;
        for (self.config.words) |word| {
            if (word.len > longest and std.ascii.startsWithIgnoreCase(text, word)) longest = word.len;
        }
        return longest;
    }
};

fn keep(text: []const u8) []const u8 {
    return belay.gpa.dupe(u8, text) catch @panic("out of memory");
}

comptime {
    belay.exportFilter(Guard);
}

pub const panic = belay.panic;

const Bench = belay.testing.Bench(Guard);
const some_words =
    \\{ "words": ["darn", "heck"] }
;

test "nobody is let in without a name" {
    var bench = try Bench.start(some_words);
    defer bench.deinit();
    _, const admission = bench.ask(.{ .query = "surname=lee" });
    try std.testing.expectEqual(400, admission.refuse.status);
    const bob = bench.connect(.{ .headers = &.{.{ .name = "x-name", .value = "bob" }} });
    try std.testing.expectEqualStrings("bob", bench.attribute(bob, "user").?);
}

test "the third message is answered and the tenth closes" {
    var bench = try Bench.start(some_words);
    defer bench.deinit();
    const ann = bench.connect(.{ .query = "name=ann" });
    for (1..11) |said| {
        const verdict = bench.says(ann, "Darn it, heck");
        try belay.testing.expect(verdict, switch (said) {
            3 => belay.replyText("word-guard: mind your words, ann (3 so far)"),
            10 => belay.close(1008, "word-guard: too many words"),
            else => .{ .replace = "**** it, ****" },
        });
    }
    try std.testing.expectEqual(20, bench.host.counters.get("masked").?);
}

test "strikes survive a reload" {
    var bench = try Bench.start(some_words);
    defer bench.deinit();
    const ann = bench.connect(.{ .query = "name=ann" });
    for (0..2) |_| _ = bench.says(ann, "darn");
    try bench.reload(some_words, ann);
    try belay.testing.expect(bench.says(ann, "darn"), belay.replyText("word-guard: mind your words, ann (3 so far)"));
}
