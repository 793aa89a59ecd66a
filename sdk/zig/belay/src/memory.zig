//! What the host hands over, and what lives until the event is over, lies in one arena. It is emptied when the next call begins,
//! which is when the host has read what the last one gave.

const std = @import("std");

var arena: std.heap.ArenaAllocator = .init(std.heap.wasm_allocator);
var over = false;

/// The call at hand is over; what it gives is read now.
pub fn done() void {
    over = true;
}

/// What a big message took goes back beyond this.
const kept_bytes_max = 64 * 1024;

pub fn memory() std.mem.Allocator {
    if (over) {
        _ = arena.reset(.{ .retain_with_limit = kept_bytes_max });
        over = false;
    }
    return arena.allocator();
}

pub fn realloc(old: ?[*]u8, old_size: usize, alignment: usize, size: usize) callconv(.c) [*]u8 {
    if (size == 0) return @ptrFromInt(alignment);
    // Nothing that is handed over is aligned to more than this.
    const block = memory().alignedAlloc(u8, .@"8", size) catch @trap();
    if (old) |from| @memcpy(block[0..@min(old_size, size)], from[0..@min(old_size, size)]);
    return block.ptr;
}

/// A list or a string as it lies in memory.
pub const List = extern struct {
    at: usize = 0,
    len: usize = 0,

    pub fn of(items: anytype) List {
        return .{ .at = if (items.len == 0) 0 else @intFromPtr(items.ptr), .len = items.len };
    }

    pub fn slice(self: List, comptime T: type) []T {
        if (self.len == 0) return &.{};
        return @as([*]T, @ptrFromInt(self.at))[0..self.len];
    }

    pub fn text(self: List) []u8 {
        return self.slice(u8);
    }
};

/// Without memory there is nothing to be done: the trap costs the event, and the instance is replaced.
pub fn must(allocated: anytype) @typeInfo(@TypeOf(allocated)).error_union.payload {
    return allocated catch @trap();
}
