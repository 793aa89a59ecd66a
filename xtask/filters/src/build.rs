//! From crates to components: cargo, then `componentize`. The same sources and toolchain give the same bytes in any folder.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::componentize::componentize;
use crate::package;
use crate::toolchain::{TARGET, Toolchain};

/// Builds them all, together: the features of what they share are then always the same.
pub(crate) fn all(root: &Path, names: &[String], toolchain: &Toolchain) -> Result<Vec<Vec<u8>>, String> {
    let target = root.join("target/filters");
    let mut command = cargo();
    command.current_dir(root).args(["build", "--locked", "--profile", "filter", "--target", TARGET]);
    command.arg("--target-dir").arg(&target).envs(toolchain.environment.iter().cloned());
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, toolchain))
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS");
    for name in names {
        command.args(["--package", &package(name)]);
    }
    run(&mut command)?;
    names.iter().map(|name| component(&target, name)).collect()
}

fn component(target: &Path, name: &str) -> Result<Vec<u8>, String> {
    let module = target.join(TARGET).join("filter").join(package(name).replace('-', "_")).with_extension("wasm");
    let bytes = std::fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
    componentize(&bytes).map_err(|error| format!("{}: {error}", module.display()))
}

/// The compiler's flags, so that no path of this machine gets into the bytes.
fn flags(root: &Path, toolchain: &Toolchain) -> OsString {
    let mut flags: Vec<OsString> = toolchain.flags.clone();
    let cargo_home =
        std::env::var_os("CARGO_HOME").map(Into::into).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let places = [Some(root.to_owned()), cargo_home].into_iter().zip(["/belay", "/cargo"]);
    for (place, name) in places.filter_map(|(place, name): (Option<std::path::PathBuf>, _)| Some((place?, name))) {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(place);
        flag.push("=");
        flag.push(name);
        flags.push(flag);
    }
    flags.join(&OsString::from("\u{1f}"))
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs it; what it has to say goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} failed ({status})")) }
}

/// Runs it and gives what it printed; the error has the last line of what it complained of.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program} failed ({}): {last}", output.status))
    }
}
