//! Debian's `rustc-web`, which it builds browsers with, unpacked under `target/`, and std built from its `rust-web-src`. For when
//! Debian has no sources of this toolchain's own version.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::output;
use crate::debian::Apt;
use crate::sysroot::{Place, build};
use crate::toolchain::Toolchain;

/// Fetches compiler, linker and sources, and builds std. Once done it stays under `target/`.
pub(crate) fn from_rust_web(root: &Path) -> Result<Toolchain, String> {
    let place = Place(root.join("target/rust-web"));
    let unpacked = place.sources();
    let made_of = place.once(|| {
        let apt = Apt::with_this_release(&root.join("target/apt-rust-web"))?;
        let version = apt.newest("rustc-web")?;
        let library = apt.dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
        let llvm = apt.dependency(&library, "libllvm")?;
        let lld = format!("lld-{}", llvm.trim_start_matches("libllvm"));
        for package in ["rustc-web", "libstd-rust-web-dev", &library, "rust-web-src"] {
            apt.unpack(&format!("{package}={version}"), &unpacked, &[])?;
        }
        for package in [&llvm, &lld] {
            apt.unpack(package, &unpacked, &[])?;
        }
        build(&place, &environment(&unpacked)?)?;
        Ok(format!("rust-web-src={version}"))
    })?;
    let environment = environment(&unpacked)?;
    let version = output(Command::new(rustc(&unpacked)).arg("--version").envs(environment.iter().cloned()))?;
    let mut linker = OsString::from("-Clinker=");
    linker.push(find(&unpacked.join("usr/lib"), "llvm-")?.join("bin/wasm-ld"));
    Ok(Toolchain {
        rustc_version: version.trim().to_owned(),
        std: format!("Debian's {made_of}"),
        flags: vec![place.sysroot_flag(), linker],
        environment,
    })
}

fn rustc(unpacked: &Path) -> PathBuf {
    unpacked.join("usr/bin/rustc")
}

/// What makes cargo use a compiler that is not installed.
fn environment(unpacked: &Path) -> Result<Vec<(OsString, OsString)>, String> {
    let libraries = unpacked.join("usr/lib");
    let of_this_machine = find(&libraries, std::env::consts::ARCH)?;
    let of_llvm = find(&libraries, "llvm-")?.join("lib");
    let path = std::env::join_paths([of_this_machine, of_llvm]).map_err(|error| error.to_string())?;
    Ok(vec![("RUSTC".into(), rustc(unpacked).into()), ("LD_LIBRARY_PATH".into(), path)])
}

/// The entry of a folder that begins like this.
fn find(folder: &Path, beginning: &str) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut fitting = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(beginning));
    let entry = fitting.next().ok_or_else(|| format!("there is no {beginning}… in {}", folder.display()))?;
    Ok(entry.path())
}
