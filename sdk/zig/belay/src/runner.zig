//! Runs a filter: its configuration, the table of what it keeps of sessions, and each event, by the session's number.

const std = @import("std");
const belay = @import("belay.zig");

/// F, and its sessions.
pub fn Runner(comptime F: type) type {
    return struct {
        const Self = @This();
        const Session = if (@hasDecl(F, "Session")) F.Session else struct {};

        filter: F = undefined,
        /// By the session's number, which the host keeps dense.
        sessions: std.ArrayList(?*Session) = .empty,

        fn find(self: *Self, number: u32) *Session {
            while (self.sessions.items.len <= number) self.sessions.append(belay.gpa, null) catch @panic("out of memory");
            const slot = &self.sessions.items[number];
            if (slot.*) |session| return session;
            const session = belay.gpa.create(Session) catch @panic("out of memory");
            session.* = .{};
            slot.* = session;
            return session;
        }

        fn begin(self: *Self, number: u32) *Session {
            self.forget(number);
            return self.find(number);
        }

        fn forget(self: *Self, number: u32) void {
            if (number >= self.sessions.items.len) return;
            if (self.sessions.items[number]) |session| belay.gpa.destroy(session);
            self.sessions.items[number] = null;
        }

        pub fn configure(self: *Self, json: []const u8, problem: *belay.Problem) belay.Refused!belay.Subscription {
            const config = if (@hasDecl(F, "Config")) try belay.config.read(F.Config, json, problem) else {};
            self.filter = try F.configure(config, problem);
            var subscription: belay.Subscription = self.filter.subscription();
            // Without it the states of sessions that are over would stay.
            subscription.close = true;
            return subscription;
        }

        pub fn onHandshake(self: *Self, number: u32, handshake: belay.Handshake) belay.Admission {
            const session = self.begin(number);
            return if (@hasDecl(F, "onHandshake")) self.filter.onHandshake(session, handshake) else .accept;
        }

        pub fn onHandshakeAnswer(self: *Self, number: u32, handshake: belay.Handshake, answer: belay.Answer) belay.Admission {
            const session = self.find(number);
            if (@hasDecl(F, "onHandshakeAnswer")) return self.filter.onHandshakeAnswer(session, handshake, answer);
            return if (answer == .failed) .{ .refuse = .{ .status = 503 } } else .accept;
        }

        pub fn onReopen(self: *Self, number: u32, handshake: belay.Handshake) void {
            const session = self.begin(number);
            if (@hasDecl(F, "onReopen")) self.filter.onReopen(session, handshake);
        }

        pub fn onMessage(self: *Self, number: u32, message: *belay.Incoming) belay.Verdict {
            return if (@hasDecl(F, "onMessage")) self.filter.onMessage(self.find(number), message) else .pass;
        }

        pub fn onMessageAnswer(self: *Self, number: u32, message: *belay.Incoming, answer: belay.Answer) belay.Verdict {
            if (@hasDecl(F, "onMessageAnswer")) return self.filter.onMessageAnswer(self.find(number), message, answer);
            return if (answer == .failed) belay.close(1011, "") else .pass;
        }

        pub fn onUpstream(self: *Self, number: u32, event: belay.UpstreamEvent) belay.Reaction {
            return if (@hasDecl(F, "onUpstream")) self.filter.onUpstream(self.find(number), event) else .none;
        }

        pub fn onHeartbeat(self: *Self, number: u32, direction: belay.Direction) belay.Reaction {
            return if (@hasDecl(F, "onHeartbeat")) self.filter.onHeartbeat(self.find(number), direction) else .none;
        }

        pub fn onTimer(self: *Self, number: u32, timer: u32) belay.Reaction {
            return if (@hasDecl(F, "onTimer")) self.filter.onTimer(self.find(number), timer) else .none;
        }

        pub fn onAnswer(self: *Self, number: u32, answer: belay.Answer) belay.Reaction {
            return if (@hasDecl(F, "onAnswer")) self.filter.onAnswer(self.find(number), answer) else .none;
        }

        pub fn onClose(self: *Self, number: u32, reason: belay.CloseReason) void {
            if (@hasDecl(F, "onClose")) self.filter.onClose(self.find(number), reason);
            self.forget(number);
        }

        /// At most 16 KiB, in `scratch` or elsewhere; null: nothing to keep.
        pub fn snapshot(self: *Self, number: u32) ?[]const u8 {
            if (!@hasDecl(F, "snapshot") or number >= self.sessions.items.len) return null;
            return self.filter.snapshot(self.sessions.items[number] orelse return null);
        }

        pub fn restore(
            self: *Self,
            number: u32,
            handshake: belay.Handshake,
            state: []const u8,
            problem: *belay.Problem,
        ) belay.Refused!void {
            if (!@hasDecl(F, "restore")) return problem.say("this filter keeps no state over a reload", .{});
            errdefer self.forget(number);
            try self.filter.restore(self.begin(number), handshake, state, problem);
        }
    };
}
