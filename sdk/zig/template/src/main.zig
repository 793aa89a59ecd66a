//! my-filter: answers messages that are too long, and lets all others pass.

const belay = @import("belay");

const MyFilter = struct {
    /// The filter's `config` in Belay's YAML.
    pub const Config = struct {
        /// In bytes.
        longest: u32,
    };

    longest: u32,

    pub fn configure(config: Config, _: *belay.Problem) belay.Refused!MyFilter {
        return .{ .longest = config.longest };
    }

    pub fn subscription(_: *MyFilter) belay.Subscription {
        // The size is enough: the messages themselves are not even copied.
        return .{ .to_backend = .size };
    }

    pub fn onMessage(self: *MyFilter, _: anytype, message: *belay.Incoming) belay.Verdict {
        if (message.size <= self.longest) return .pass;
        belay.count("too_long", 1);
        return belay.replyText("that was too long");
    }
};

comptime {
    belay.exportFilter(MyFilter);
}

pub const panic = belay.panic;

test "what is too long is answered" {
    var bench = try belay.testing.Bench(MyFilter).start("{ \"longest\": 5 }");
    defer bench.deinit();
    const client = bench.connect(.{});
    try belay.testing.expect(bench.says(client, "hello"), .pass);
    try belay.testing.expect(bench.says(client, "hello!"), belay.replyText("that was too long"));
}
