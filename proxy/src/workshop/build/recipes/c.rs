//! C and C++, by a Makefile that takes the compilers that it is given.

use crate::workshop::build::recipe::{Recipe, Step, Tool, Way};

const MAKE: Tool = Tool { program: "make", check: &["--version"], says: "", get: "Get make from your distribution" };

/// Debian 12: clang 14 knows where its wasi-libc is.
const CLANG: Tool = Tool {
    program: "clang",
    check: &["--target=wasm32-wasi", "-print-file-name=crt1-reactor.o"],
    says: "/crt1-reactor.o",
    get: "Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32",
};

const CLANG_CPP: Tool = Tool {
    program: "clang++",
    check: &["--target=wasm32-wasi", "-print-file-name=libc++.a"],
    says: "/libc++.a",
    get: "Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32 libc++-dev-wasm32 libc++abi-dev-wasm32",
};

const ZIG: Tool =
    Tool { program: "zig", check: &["version"], says: "", get: "Get Zig from https://ziglang.org/download" };

/// What PyPI's package of the Zig compiler installs.
const PYTHON_ZIG: Tool = Tool { program: "python-zig", check: &["version"], says: "", get: "pip install ziglang" };

const MADE: &str = "build/filter.wasm";

/// Told from C++, which stands before it, by having no C++.
pub(super) const C: Recipe = Recipe {
    language: "c",
    told_by: "Makefile, with CC = clang --target=wasm32-wasi in it",
    files: &["Makefile"],
    marked: Some(("Makefile", "\nCC = clang --target=wasm32-wasi")),
    ways: &[
        Way { name: "clang", tools: &[MAKE, CLANG], steps: &[make(&["make", MADE])], made: MADE },
        Way {
            name: "zig cc",
            tools: &[MAKE, ZIG],
            steps: &[make(&["make", MADE, "CC=zig cc -target wasm32-wasi"])],
            made: MADE,
        },
        Way {
            name: "python-zig cc",
            tools: &[MAKE, PYTHON_ZIG],
            steps: &[make(&["make", MADE, "CC=python-zig cc -target wasm32-wasi"])],
            made: MADE,
        },
    ],
};

/// The same with C++.
pub(super) const CPP: Recipe = Recipe {
    language: "cpp",
    told_by: "Makefile, with CXX = clang++ --target=wasm32-wasi in it",
    files: &["Makefile"],
    marked: Some(("Makefile", "\nCXX = clang++ --target=wasm32-wasi")),
    ways: &[
        Way { name: "clang", tools: &[MAKE, CLANG, CLANG_CPP], steps: &[make(&["make", MADE])], made: MADE },
        Way {
            name: "zig c++",
            tools: &[MAKE, ZIG],
            steps: &[make(&["make", MADE, "CC=zig cc -target wasm32-wasi", "CXX=zig c++ -target wasm32-wasi"])],
            made: MADE,
        },
        Way {
            name: "python-zig c++",
            tools: &[MAKE, PYTHON_ZIG],
            steps: &[make(&[
                "make",
                MADE,
                "CC=python-zig cc -target wasm32-wasi",
                "CXX=python-zig c++ -target wasm32-wasi",
            ])],
            made: MADE,
        },
    ],
};

const fn make(command: &'static [&'static str]) -> Step {
    Step { command, env: &[], unless: None }
}
