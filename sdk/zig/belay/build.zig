//! Builds nothing of its own: it gives the module `belay` to filters, and a function that builds one.

const std = @import("std");

pub fn build(b: *std.Build) void {
    _ = b.addModule("belay", .{ .root_source_file = b.path("src/belay.zig") });
}

/// A filter whose source is `root`: `zig build` makes zig-out/bin/NAME.wasm, a core module that `belay filter build` makes a
/// component of; `zig build test` runs its tests in the fake host.
pub fn filter(b: *std.Build, sdk: *std.Build.Dependency, name: []const u8, root: std.Build.LazyPath) void {
    const belay = sdk.module("belay");
    const imports: []const std.Build.Module.Import = &.{.{ .name = "belay", .module = belay }};

    const module = b.addExecutable(.{
        .name = name,
        .root_module = b.createModule(.{
            .root_source_file = root,
            // No WASI: a filter needs none.
            .target = b.resolveTargetQuery(.{ .cpu_arch = .wasm32, .os_tag = .freestanding }),
            .optimize = .ReleaseSmall,
            .strip = true,
            .imports = imports,
        }),
    });
    module.entry = .disabled;
    module.rdynamic = true;
    module.stack_size = 64 * 1024;
    b.installArtifact(module);

    const tests = b.addTest(.{ .root_module = b.createModule(.{
        .root_source_file = root,
        .target = b.graph.host,
        .imports = imports,
    }) });
    b.step("test", "Run the filter's tests").dependOn(&b.addRunArtifact(tests).step);
}
