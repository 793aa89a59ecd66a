//! The SDK's own tests. Not in the SDK's folder: what a build leaves there would go into every new project.

const std = @import("std");

pub fn build(b: *std.Build) void {
    const belay = b.dependency("belay", .{}).module("belay");
    const tests = b.addTest(.{ .root_module = b.createModule(.{
        .root_source_file = b.path("src/main.zig"),
        .target = b.graph.host,
        .imports = &.{.{ .name = "belay", .module = belay }},
    }) });
    b.step("test", "Run the SDK's own tests").dependOn(&b.addRunArtifact(tests).step);
}
