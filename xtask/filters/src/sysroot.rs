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
    let place = root.join("target/wasm-std").join(version);
    let (sysroot, made_of) = (place.join("sysroot"), place.join("made-of"));
    // Written last, so that what is here without it is half done.
    let package = match std::fs::read_to_string(&made_of) {
        Ok(package) => package,
        Err(_) => {
            let _ = std::fs::remove_dir_all(&place);
            let apt = Apt::with_backports(&root.join("target/apt"))?;
            let package = apt.version_beginning("rust-src", version)?;
            let package = format!("rust-src={package}");
            let sources = place.join("src");
            apt.unpack(&package, &sources, &["./usr/src/*/library"])?;
            build(&library_in(&sources)?, &place, &sysroot)?;
            std::fs::write(&made_of, &package).map_err(|error| format!("{}: {error}", made_of.display()))?;
            package
        }
    };
    let mut flag = OsString::from("--sysroot=");
    flag.push(&sysroot);
    Ok(Toolchain {
        rustc_version,
        std: format!("Debian's {package}"),
        flags: vec![flag],
        cargo_arguments: Vec::new(),
        environment: Vec::new(),
    })
}

/// The folder `library` of an unpacked package.
pub(crate) fn library_in(sources: &Path) -> Result<PathBuf, String> {
    let folder = sources.join("usr/src");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut libraries = entries.flatten().map(|entry| entry.path().join("library")).filter(|library| library.is_dir());
    libraries.next().ok_or_else(|| format!("there is no library in {}", folder.display()))
}

/// What makes a stable cargo build std out of these sources, and take its dependencies from beside them.
pub(crate) fn build_std(library: &Path) -> (Vec<OsString>, Vec<(OsString, OsString)>) {
    let vendored = format!("source.std-vendored.directory={:?}", library.join("vendor"));
    let arguments = ["-Zbuild-std=std,panic_abort", "--offline", "--config"].map(OsString::from).to_vec();
    let replaced = ["source.crates-io.replace-with=\"std-vendored\"", "--config", &vendored].map(OsString::from);
    let environment = [
        ("RUSTC_BOOTSTRAP".into(), "1".into()),
        ("__CARGO_TESTS_ONLY_SRC_ROOT".into(), library.as_os_str().to_owned()),
    ];
    (arguments.into_iter().chain(replaced).collect(), environment.to_vec())
}

fn build(library: &Path, place: &Path, sysroot: &Path) -> Result<(), String> {
    let probe = place.join("probe");
    let problem = |error: std::io::Error| format!("{}: {error}", probe.display());
    std::fs::create_dir_all(probe.join("src")).map_err(problem)?;
    std::fs::write(probe.join("Cargo.toml"), PROBE).map_err(problem)?;
    std::fs::write(probe.join("src/lib.rs"), "").map_err(problem)?;
    let (arguments, environment) = build_std(library);
    let mut flags = OsString::from("-Cembed-bitcode=yes\u{1f}--remap-path-prefix=");
    flags.push(library);
    flags.push("=/rustc/library");
    let mut command = cargo();
    command.current_dir(&probe).args(["build", "--quiet", "--release", "--target", TARGET]).args(arguments);
    command.arg("--target-dir").arg(probe.join("target")).envs(environment);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags).env_remove("RUSTFLAGS");
    run(&mut command)?;
    let built = probe.join("target").join(TARGET).join("release/deps");
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    std::fs::create_dir_all(&libraries).map_err(problem)?;
    for file in std::fs::read_dir(&built).map_err(problem)?.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libprobe-") {
            std::fs::copy(file.path(), libraries.join(&name)).map_err(problem)?;
        }
    }
    std::fs::remove_dir_all(&probe).map_err(problem)
}
