const std = @import("std");
const belay = @import("belay");

pub fn build(b: *std.Build) void {
    belay.filter(b, b.dependency("belay", .{}), "tour", b.path("src/main.zig"));
}
