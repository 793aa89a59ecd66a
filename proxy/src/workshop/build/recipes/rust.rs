//! Rust, by Cargo.

use crate::workshop::build::recipe::{Recipe, Step, Tool, Way};

/// For `wasm32-unknown-unknown`: without WASI, as filters are.
pub(super) const RECIPE: Recipe = Recipe {
    language: "rust",
    told_by: "Cargo.toml",
    files: &["Cargo.toml"],
    marked: None,
    ways: &[Way {
        name: "cargo",
        tools: &[
            Tool { program: "cargo", check: &["--version"], says: "", get: "Get Rust from https://rustup.rs" },
            Tool {
                program: "rustc",
                check: &["--print", "target-libdir", "--target", "wasm32-unknown-unknown"],
                says: "wasm32-unknown-unknown",
                get: "Get the target with: rustup target add wasm32-unknown-unknown",
            },
        ],
        steps: &[Step {
            command: &["cargo", "build", "--release", "--target", "wasm32-unknown-unknown", "--target-dir", "target"],
            env: &[],
            unless: None,
        }],
        made: "target/wasm32-unknown-unknown/release/*.wasm",
    }],
};
