//! From the YAML's `config` (handed over as JSON) to a struct, with errors that name the field. Reads from front to back, into
//! the types that the struct has, so that a component holds no more of JSON than its config needs.

const std = @import("std");
const belay = @import("belay.zig");
const Token = std.json.Token;

/// Reads a struct: fields that the JSON lacks take their defaults, those that the struct lacks are an error. `null` is read as an
/// object without fields. What it holds stays. Understands integers, floats, bools, strings, slices, optionals, enums and structs.
pub fn read(comptime T: type, json: []const u8, problem: *belay.Problem) belay.Refused!T {
    const text = if (std.mem.eql(u8, std.mem.trim(u8, json, " \t\r\n"), "null")) "{}" else json;
    var reader: Reader = .{ .scanner = .initCompleteInput(belay.gpa, text), .problem = problem };
    return reader.value(T, "");
}

const Reader = struct {
    scanner: std.json.Scanner,
    problem: *belay.Problem,

    fn next(self: *Reader) belay.Refused!Token {
        return self.scanner.nextAlloc(belay.gpa, .alloc_if_needed) catch self.problem.at("", "this is not JSON");
    }

    fn peek(self: *Reader) belay.Refused!std.json.TokenType {
        return self.scanner.peekNextTokenType() catch self.problem.at("", "this is not JSON");
    }

    fn value(self: *Reader, comptime T: type, path: []const u8) belay.Refused!T {
        switch (@typeInfo(T)) {
            .int => return std.fmt.parseInt(T, try self.number(path, "a whole number is wanted"), 10) catch
                self.problem.at(path, "a whole number within its range is wanted"),
            .float => return std.fmt.parseFloat(T, try self.number(path, "a number is wanted")) catch
                self.problem.at(path, "a number is wanted"),
            .bool => return switch (try self.next()) {
                .true => true,
                .false => false,
                else => self.problem.at(path, "true or false is wanted"),
            },
            .optional => |optional| {
                if (try self.peek() != .null) return try self.value(optional.child, path);
                _ = try self.next();
                return null;
            },
            .@"enum" => return std.meta.stringToEnum(T, try self.string(path)) orelse self.problem.at(path, "another word is wanted"),
            .pointer => |pointer| return if (pointer.child == u8) self.string(path) else self.list(pointer.child, path),
            .@"struct" => return self.object(T, path),
            else => @compileError("a config holds no " ++ @typeName(T)),
        }
    }

    fn number(self: *Reader, path: []const u8, wanted: []const u8) belay.Refused![]const u8 {
        return switch (try self.next()) {
            .number, .allocated_number => |digits| digits,
            else => self.problem.at(path, wanted),
        };
    }

    fn string(self: *Reader, path: []const u8) belay.Refused![]const u8 {
        return switch (try self.next()) {
            // It stays longer than the JSON does.
            .string => |text| belay.gpa.dupe(u8, text) catch @panic("out of memory"),
            .allocated_string => |text| text,
            else => self.problem.at(path, "a text is wanted"),
        };
    }

    fn list(self: *Reader, comptime Item: type, path: []const u8) belay.Refused![]const Item {
        if (try self.next() != .array_begin) return self.problem.at(path, "a list is wanted");
        var items: std.ArrayList(Item) = .empty;
        while (try self.peek() != .array_end) {
            const item = try self.value(Item, belay.print("{s}[{d}]", .{ path, items.items.len }));
            items.append(belay.gpa, item) catch @panic("out of memory");
        }
        _ = try self.next();
        return items.items;
    }

    fn object(self: *Reader, comptime T: type, path: []const u8) belay.Refused!T {
        const info = @typeInfo(T).@"struct";
        if (try self.next() != .object_begin) return self.problem.at(path, "an object is wanted");
        var result: T = undefined;
        var there: [info.field_names.len]bool = @splat(false);
        while (try self.peek() != .object_end) {
            const key = try self.string(path);
            const known = inline for (info.field_names, info.field_types, 0..) |name, Field, i| {
                if (std.mem.eql(u8, key, name)) {
                    @field(result, name) = try self.value(Field, join(path, name));
                    there[i] = true;
                    break true;
                }
            } else false;
            if (!known) return self.problem.at(join(path, key), "unknown field");
        }
        _ = try self.next();
        inline for (info.field_names, info.field_types, info.field_attrs, 0..) |name, Field, attributes, i| {
            if (!there[i]) {
                @field(result, name) = attributes.defaultValue(Field) orelse return self.problem.at(join(path, name), "missing");
            }
        }
        return result;
    }
};

fn join(path: []const u8, name: []const u8) []const u8 {
    return if (path.len == 0) name else belay.print("{s}.{s}", .{ path, name });
}
