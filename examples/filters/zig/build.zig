const std = @import("std");
const belay = @import("belay");

pub fn build(b: *std.Build) void {
    belay.filter(b, b.dependency("belay", .{}), "word-guard", b.path("src/main.zig"));
}
