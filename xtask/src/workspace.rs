//! Where things are, and running cargo on them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace. xtask is always run from its sources.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo builds: beside the profile's folder that this program was built into.
pub(crate) fn target() -> PathBuf {
    let built = std::env::current_exe().ok();
    let target = built.as_deref().and_then(Path::parent).and_then(Path::parent);
    target.map_or_else(|| root().join("target"), Path::to_owned)
}

/// A program that the dev profile built.
pub(crate) fn program(name: &str) -> PathBuf {
    target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// This program. Not the file that it was started from: a build may have put another in its place meanwhile.
pub(crate) fn ourselves() -> std::io::Result<PathBuf> {
    let started = std::env::current_exe()?;
    Ok(if started.exists() { started } else { program("xtask") })
}

/// The cargo that runs us, at the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// The first of PATH's folders that has a program of this name.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
