//! Zig, by its own build.

use crate::workshop::build::recipe::{Recipe, Step, Tool, Way};

/// `belay.filter` in the project's `build.zig` says the rest: for `wasm32-freestanding`, without WASI.
pub(super) const RECIPE: Recipe = Recipe {
    language: "zig",
    told_by: "build.zig",
    files: &["build.zig"],
    marked: None,
    ways: &[
        Way {
            name: "zig build",
            tools: &[Tool {
                program: "zig",
                check: &["version"],
                says: "0.17.",
                get: "Get Zig 0.17 from https://ziglang.org/download",
            }],
            steps: &[Step { command: &["zig", "build"], env: &[], unless: None }],
            made: "zig-out/bin/*.wasm",
        },
        Way {
            name: "python-zig build",
            tools: &[Tool {
                program: "python-zig",
                check: &["version"],
                says: "0.17.",
                get: "pip install 'ziglang~=0.17.0'",
            }],
            steps: &[Step { command: &["python-zig", "build"], env: &[], unless: None }],
            made: "zig-out/bin/*.wasm",
        },
    ],
};
