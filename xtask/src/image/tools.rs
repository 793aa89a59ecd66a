//! What an image is built with besides Rust: Zig as the linker for either processor, which has its own libc, and what writes
//! bills of materials. Installed by name from PyPI and crates.io under `target/image-tools`.

use std::path::PathBuf;
use std::process::Command;

use super::succeed;
use crate::workspace;

/// PyPI's packages, pinned: what links decides what is in the image.
const PYTHON: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.17.1"];
/// Writes CycloneDX from what cargo resolves for a target.
const CYCLONEDX: &str = "cargo-cyclonedx@0.5.9";

/// Where they are.
pub(super) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Installs what is not there.
    pub(super) fn installed() -> Result<Self, String> {
        let folder = workspace::target().join("image-tools");
        let venv = folder.join("venv");
        if !venv.join("bin/cargo-zigbuild").exists() {
            succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
            succeed(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(PYTHON))?;
        }
        if !folder.join("bin/cargo-cyclonedx").exists() {
            println!("building {CYCLONEDX}, for about two minutes");
            let install = ["install", "--quiet", "--locked", "--debug", CYCLONEDX, "--root"];
            succeed(workspace::cargo().args(install).arg(&folder))?;
        }
        Ok(Self { folder })
    }

    /// A cargo that has them as its subcommands, and Zig as theirs.
    pub(super) fn cargo(&self) -> Result<Command, String> {
        let ours = [self.folder.join("venv/bin"), self.folder.join("bin")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&path)));
        let mut cargo = workspace::cargo();
        cargo.env("PATH", path.map_err(|error| error.to_string())?);
        Ok(cargo)
    }
}
