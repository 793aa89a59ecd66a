//! The SDKs' own tests, each by its language's runner: JavaScript's and AssemblyScript's under Node, Python's under pytest. What
//! needs a compiler for WebAssembly is `cargo xtask languages`'.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::tools;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

#[track_caller]
fn passes(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&said));
}

fn under_node(test: &str, package: &str) {
    let Some(mut node) = tools::node(test, &[]) else { return };
    let tests = std::fs::read_dir(repository(package).join("test")).unwrap();
    let tests: Vec<PathBuf> = tests.map(|entry| entry.unwrap().path()).collect();
    assert!(!tests.is_empty(), "{package} has no tests");
    passes(node.arg("--test").args(tests).current_dir(repository(package)));
}

#[test]
fn javascript_in_its_fake_host() {
    under_node("the JavaScript SDK's tests", "sdk/javascript/belay-filter");
}

#[test]
fn exports_of_assemblyscript_are_renamed() {
    under_node("the AssemblyScript SDK's tests", "sdk/assemblyscript/belay-filter");
}

#[test]
fn python_in_its_fake_host() {
    for project in ["sdk/python", "examples/filters/python"] {
        let Some(python) = tools::python("the Python SDK's tests", &["pytest"]) else { return };
        let pytest = ["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"];
        passes(Command::new(python).args(pytest).current_dir(repository(project)));
    }
}
