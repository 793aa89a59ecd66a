//! From the YAML's `config` (handed over as JSON) to a struct, with errors that name the field.

const std = @import("std");
const belay = @import("belay.zig");

/// Reads a struct: fields that the JSON lacks take their defaults, those that the struct lacks are an error. `null` is read as an
/// object without fields. What it holds stays. Understands integers, floats, bools, strings, slices, optionals, enums and structs.
pub fn read(comptime T: type, json: []const u8, problem: *belay.Problem) belay.Refused!T {
    const value = std.json.parseFromSliceLeaky(std.json.Value, belay.gpa, json, .{}) catch
        return problem.at("", "this is not JSON");
    if (value == .null) return fromObject(T, null, "", problem);
    return from(T, value, "", problem);
}

fn from(comptime T: type, value: std.json.Value, path: []const u8, problem: *belay.Problem) belay.Refused!T {
    switch (@typeInfo(T)) {
        .int => if (value == .integer) {
            return std.math.cast(T, value.integer) orelse problem.at(path, "a whole number within its range is wanted");
        } else return problem.at(path, "a whole number is wanted"),
        .float => switch (value) {
            .integer => |integer| return @floatFromInt(integer),
            .float => |float| return @floatCast(float),
            else => return problem.at(path, "a number is wanted"),
        },
        .bool => if (value == .bool) return value.bool else return problem.at(path, "true or false is wanted"),
        .optional => |optional| return if (value == .null) null else try from(optional.child, value, path, problem),
        .@"enum" => {
            if (value == .string) if (std.meta.stringToEnum(T, value.string)) |found| return found;
            return problem.at(path, "another word is wanted");
        },
        .pointer => |pointer| {
            if (pointer.child == u8) {
                if (value == .string) return value.string;
                return problem.at(path, "a text is wanted");
            }
            if (value != .array) return problem.at(path, "a list is wanted");
            const items = belay.gpa.alloc(pointer.child, value.array.items.len) catch @panic("out of memory");
            for (items, value.array.items, 0..) |*item, json, i| {
                item.* = try from(pointer.child, json, belay.print("{s}[{d}]", .{ path, i }), problem);
            }
            return items;
        },
        .@"struct" => if (value == .object) {
            return fromObject(T, value.object, path, problem);
        } else return problem.at(path, "an object is wanted"),
        else => @compileError("a config holds no " ++ @typeName(T)),
    }
}

fn fromObject(comptime T: type, object: ?std.json.ObjectMap, path: []const u8, problem: *belay.Problem) belay.Refused!T {
    var result: T = undefined;
    var known: usize = 0;
    const info = @typeInfo(T).@"struct";
    inline for (info.field_names, info.field_types, info.field_attrs) |name, Field, attributes| {
        const value = if (object) |o| o.get(name) else null;
        if (value) |present| {
            known += 1;
            @field(result, name) = try from(Field, present, join(path, name), problem);
        } else if (attributes.defaultValue(Field)) |default| {
            @field(result, name) = default;
        } else {
            return problem.at(join(path, name), "missing");
        }
    }
    if (object) |o| if (o.count() > known) {
        for (o.keys()) |name| if (!isField(T, name)) return problem.at(join(path, name), "unknown field");
    };
    return result;
}

fn isField(comptime T: type, name: []const u8) bool {
    inline for (@typeInfo(T).@"struct".field_names) |field| if (std.mem.eql(u8, field, name)) return true;
    return false;
}

fn join(path: []const u8, name: []const u8) []const u8 {
    return if (path.len == 0) name else belay.print("{s}.{s}", .{ path, name });
}
