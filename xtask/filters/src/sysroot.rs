//! The standard library for wasm32-unknown-unknown, built by this toolchain from sources that Debian packages, offline: the
//! package brings every dependency of std along.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::build::{cargo, run};
use crate::debian::Apt;
use crate::toolchain::{TARGET, Toolchain, rustc_version};

/// The whole of the crate that is built so that std is.
const PROBE: &str = "\
[package]
name = \"probe\"
version = \"0.0.0\"
edition = \"2024\"
[lib]
crate-type = [\"rlib\"]
[workspace]
[profile.release]
codegen-units = 1
";

/// Fetches the sources of this very rustc, and builds. Once done it stays under `target/`.
pub(crate) fn from_rust_src(root: &Path) -> Result<Toolchain, String> {
    let rustc_version = rustc_version()?;
    let version = rustc_version.split(' ').nth(1).unwrap_or_default();
    let place = Place(root.join("target/wasm-std").join(version));
    let made_of = place.once(|| {
        let apt = Apt::with_backports(&root.join("target/apt"))?;
        let package = format!("rust-src={}", apt.version_beginning("rust-src", version)?);
        apt.unpack(&package, &place.sources(), &["./usr/src/*/library"])?;
        build(&place, &[])?;
        Ok(package)
    })?;
    Ok(Toolchain {
        rustc_version,
        std: format!("Debian's {made_of}"),
        flags: vec![place.sysroot_flag()],
        environment: Vec::new(),
    })
}

/// Where something is unpacked and built.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    /// What was unpacked.
    pub(crate) fn sources(&self) -> PathBuf {
        self.0.join("src")
    }

    fn sysroot(&self) -> PathBuf {
        self.0.join("sysroot")
    }

    /// For rustc.
    pub(crate) fn sysroot_flag(&self) -> OsString {
        let mut flag = OsString::from("--sysroot=");
        flag.push(self.sysroot());
        flag
    }

    /// Makes what belongs here, unless it was made before, and gives what it was made of.
    pub(crate) fn once(&self, make: impl FnOnce() -> Result<String, String>) -> Result<String, String> {
        let note = self.0.join("made-of");
        if let Ok(made_of) = std::fs::read_to_string(&note) {
            return Ok(made_of);
        }
        // The note is written last: what is here without it is half done.
        let _ = std::fs::remove_dir_all(&self.0);
        let made_of = make()?;
        std::fs::write(&note, &made_of).map_err(|error| format!("{}: {error}", note.display()))?;
        Ok(made_of)
    }
}

/// The folder `library` of an unpacked package.
fn library_in(sources: &Path) -> Result<PathBuf, String> {
    let folder = sources.join("usr/src");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut libraries = entries.flatten().map(|entry| entry.path().join("library")).filter(|library| library.is_dir());
    libraries.next().ok_or_else(|| format!("there is no library in {}", folder.display()))
}

/// Makes a stable cargo build std out of the unpacked sources, and take its dependencies from beside them.
pub(crate) fn build(place: &Place, environment: &[(OsString, OsString)]) -> Result<(), String> {
    let library = library_in(&place.sources())?;
    let probe = place.0.join("probe");
    let problem = |error: std::io::Error| format!("{}: {error}", probe.display());
    std::fs::create_dir_all(probe.join("src")).map_err(problem)?;
    std::fs::write(probe.join("Cargo.toml"), PROBE).map_err(problem)?;
    std::fs::write(probe.join("src/lib.rs"), "").map_err(problem)?;
    let mut flags = OsString::from("-Cembed-bitcode=yes\u{1f}--remap-path-prefix=");
    flags.push(&library);
    flags.push("=/rustc/library");
    let mut command = cargo();
    command.current_dir(&probe).args(["build", "--quiet", "--release", "--offline", "--target", TARGET]);
    command.args(["-Zbuild-std=std,panic_abort", "--config", "source.crates-io.replace-with=\"std-vendored\""]);
    command.arg("--config").arg(format!("source.std-vendored.directory={:?}", library.join("vendor")));
    command.arg("--target-dir").arg(probe.join("target")).envs(environment.iter().cloned());
    command.env("RUSTC_BOOTSTRAP", "1").env("__CARGO_TESTS_ONLY_SRC_ROOT", &library);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags).env_remove("RUSTFLAGS");
    run(&mut command)?;
    let built = probe.join("target").join(TARGET).join("release/deps");
    let libraries = place.sysroot().join("lib/rustlib").join(TARGET).join("lib");
    std::fs::create_dir_all(&libraries).map_err(problem)?;
    for file in std::fs::read_dir(&built).map_err(problem)?.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libprobe-") {
            std::fs::copy(file.path(), libraries.join(&name)).map_err(problem)?;
        }
    }
    std::fs::remove_dir_all(&probe).map_err(problem)
}
