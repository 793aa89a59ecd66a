//! The languages, and how their toolchains are come by: from PATH, or from their registries by name into
//! `target/test-tools`. What cannot be had is said, and its language not run.

use std::ffi::OsString;

use crate::test::tools;
use crate::workspace;

/// One language that there is a word-guard in.
pub(crate) struct Language {
    /// Of `examples/filters` and `sdk`.
    pub(crate) folder: &'static str,
    pub(crate) name: &'static str,
    /// Makes sure that its tools are there, or says why they are not.
    pub(crate) install: fn() -> Result<(), String>,
    /// Programs that say their version, each with its arguments.
    pub(crate) versions: &'static [&'static [&'static str]],
    /// Scripts for `sdk/<folder>/tests/tour`.
    pub(crate) tour: &'static [&'static str],
    /// Tests of its SDK and its sample on the machine itself, in the SDK's fake host. Those that need no compiler are
    /// `proxy/tests/sdk_unit_tests.rs`.
    pub(crate) suites: &'static [Suite],
}

/// Tests in the language's own way.
pub(crate) struct Suite {
    pub(crate) folder: &'static str,
    /// What runs them; the first whose program is there.
    pub(crate) ways: &'static [&'static [&'static str]],
}

/// In the order of the table.
pub(crate) const LANGUAGES: &[Language] = &[
    Language {
        folder: "rust",
        name: "Rust",
        install: rust,
        versions: &[&["rustc", "--version"]],
        tour: TOUR,
        // Those of the SDK are the workspace's.
        suites: &[Suite { folder: "examples/filters/rust", ways: &[&["cargo", "test", "--quiet", "--locked"]] }],
    },
    Language {
        folder: "go",
        name: "Go",
        install: nothing,
        versions: &[&["go", "version"]],
        tour: TOUR,
        suites: &[Suite { folder: "sdk/go", ways: GO }, Suite { folder: "examples/filters/go", ways: GO }],
    },
    Language {
        folder: "c",
        name: "C",
        install: nothing,
        versions: C,
        tour: TOUR,
        suites: &[Suite { folder: "examples/filters/c", ways: MAKE }],
    },
    Language {
        folder: "cpp",
        name: "C++",
        install: nothing,
        versions: C,
        tour: TOUR,
        suites: &[Suite { folder: "examples/filters/cpp", ways: MAKE }],
    },
    Language {
        folder: "zig",
        name: "Zig",
        install: nothing,
        versions: &[ZIG],
        tour: TOUR,
        suites: &[
            Suite { folder: "sdk/zig/tests/sdk", ways: ZIG_TEST },
            Suite { folder: "examples/filters/zig", ways: ZIG_TEST },
        ],
    },
    Language {
        folder: "javascript",
        name: "TypeScript",
        install: || node("javascript"),
        versions: &[&["node", "--version"]],
        tour: TOUR,
        suites: &[Suite { folder: "examples/filters/javascript", ways: NPM }],
    },
    Language {
        folder: "assemblyscript",
        name: "AssemblyScript",
        install: || node("assemblyscript"),
        versions: &[&["node", "--version"]],
        tour: TOUR,
        suites: &[Suite { folder: "examples/filters/assemblyscript", ways: NPM }],
    },
    Language {
        folder: "python",
        name: "Python",
        install: python,
        versions: &[&["python3", "--version"]],
        tour: &["sdk/conformance/tour.yaml", "sdk/python/tests/recycle.yaml"],
        // They need no compiler.
        suites: &[],
    },
];

const TOUR: &[&str] = &["sdk/conformance/tour.yaml", "sdk/conformance/memory.yaml"];
const GO: &[&[&str]] = &[&["go", "test", "./..."]];
const MAKE: &[&[&str]] = &[&["make", "--silent", "test"]];
const NPM: &[&[&str]] = &[&["npm", "--silent", "test"]];
const ZIG_TEST: &[&[&str]] = &[&["zig", "build", "test"], &["python-zig", "build", "test"]];
/// Whichever `belay filter build` finds first.
const C: &[&[&str]] = &[&["clang", "--version"], ZIG];
/// As PyPI's package has it, which comes with the tests' tools.
const ZIG: &[&str] = &["python-zig", "version"];

/// Where tools are looked for: those that were installed here first.
pub(crate) fn path() -> OsString {
    let own = tools::folder();
    let own = [own.join("bin"), own.join("venv/bin"), own.join("node_modules/.bin")];
    let theirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&theirs))).unwrap_or(theirs)
}

/// `belay filter build` finds its tools by PATH, brings them itself, or says that they are not there.
fn nothing() -> Result<(), String> {
    Ok(())
}

/// The target of its compiler is rustup's to bring; a compiler of another kind may have it anyway, which the build finds out.
fn rust() -> Result<(), String> {
    if workspace::on_path("rustup").is_some() {
        let _ = tools::run(std::process::Command::new("rustup").args([
            "--quiet",
            "target",
            "add",
            "wasm32-unknown-unknown",
        ]));
    }
    Ok(())
}

/// What a sample's `package.json` names. A registry that cannot be reached is a tool that is not there.
fn node(sample: &str) -> Result<(), String> {
    in_sample(sample, "npm", &["install", "--silent", "--no-audit", "--no-fund"])
}

/// What the sample's `requirements.txt` names, in an environment of its own.
fn python() -> Result<(), String> {
    in_sample("python", "python3", &["-m", "venv", ".venv"])?;
    let install =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"];
    in_sample("python", ".venv/bin/python", &install)
}

fn in_sample(sample: &str, program: &str, arguments: &[&str]) -> Result<(), String> {
    let folder = workspace::root().join("examples/filters").join(sample);
    // With a slash it stands in the sample.
    let program = if program.contains('/') { folder.join(program) } else { program.into() };
    tools::run(std::process::Command::new(program).args(arguments).current_dir(folder).env("PATH", path()))
}
