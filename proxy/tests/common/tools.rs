//! Tools that are not Rust: Python packages and Node modules, pinned in `proxy/tests/tools` and installed by
//! `cargo xtask test`. A test whose tool is missing says so aloud and in `target/not-run.txt`; it does not fail.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where the tools are: `BELAY_TEST_TOOLS`, or `target/test-tools`.
pub fn folder() -> PathBuf {
    std::env::var_os("BELAY_TEST_TOOLS").map_or_else(|| workspace().join("target/test-tools"), PathBuf::from)
}

/// Says that a test was not run, and why.
pub fn not_run(test: &str, why: &str) {
    let line = format!("NOT RUN: {test}: {why}\n");
    eprint!("{line}");
    let path = workspace().join("target/not-run.txt");
    let _ = std::fs::create_dir_all(workspace().join("target"));
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("target/ can be written to");
}

/// A script installed with the Python packages, such as `kosoku`; nothing, said aloud, if it is not there.
pub fn python_script(test: &str, name: &str) -> Option<PathBuf> {
    found(test, folder().join("venv/bin").join(name))
}

/// A program built of a Go module, such as `oras`.
pub fn go(test: &str, name: &str) -> Option<PathBuf> {
    found(test, folder().join("go/bin").join(name))
}

/// A Python that has these modules.
pub fn python(test: &str, modules: &[&str]) -> Option<PathBuf> {
    let python = found(test, folder().join("venv/bin/python"))?;
    let imports = format!("import {}", modules.join(", "));
    let works = Command::new(&python).args(["-c", &imports]).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    not_run(test, &format!("{} cannot '{imports}' (cargo xtask test installs it)", python.display()));
    None
}

/// A Node command that finds these modules; scripts can be anywhere and use `require`.
pub fn node(test: &str, modules: &[&str]) -> Option<Command> {
    let path = folder().join("node_modules");
    for module in modules {
        found(test, path.join(module))?;
    }
    let node = program(test, "node")?;
    let mut command = Command::new(node);
    command.env("NODE_PATH", path);
    Some(command)
}

/// A program on the PATH.
pub fn program(test: &str, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let place = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if place.is_none() {
        not_run(test, &format!("there is no '{name}' on the PATH"));
    }
    place
}

fn found(test: &str, path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    not_run(test, &format!("there is no {} (cargo xtask test installs it)", path.display()));
    None
}
