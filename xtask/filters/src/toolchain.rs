//! How a compiler for wasm32-unknown-unknown is come by. Rust's own is best; where its servers are out of reach, Debian has
//! the sources of the same standard library, and a whole compiler of its own. Nothing on the machine is changed but by
//! rustup; what is made stands under `target/`.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::{build, rust_web, sysroot};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What cargo needs to build for the target.
pub(crate) struct Toolchain {
    /// As `rustc --version` says it.
    pub(crate) rustc_version: String,
    /// Whose build of the standard library.
    pub(crate) std: String,
    /// For rustc.
    pub(crate) flags: Vec<OsString>,
    /// For cargo.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// A way to come by one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The target is installed.
    Installed,
    /// Rustup installs it.
    Rustup,
    /// Our rustc, and std built from Debian's `rust-src` of the same version.
    RustSrc,
    /// Debian's `rustc-web`, and std built from its `rust-web-src`.
    RustWeb,
}

const WAYS: [Way; 4] = [Way::Installed, Way::Rustup, Way::RustSrc, Way::RustWeb];

impl Way {
    pub(crate) fn named(name: &str) -> Option<Self> {
        WAYS.into_iter().find(|way| way.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Rustup => "rustup",
            Self::RustSrc => "rust-src",
            Self::RustWeb => "rust-web",
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::Installed => "looking for the target in this toolchain",
            Self::Rustup => "rustup target add wasm32-unknown-unknown",
            Self::RustSrc => "building std from Debian's rust-src of this rustc's version, about a minute",
            Self::RustWeb => "taking Debian's rustc-web, and building std from its rust-web-src, some minutes",
        }
    }

    fn try_it(self, root: &Path) -> Result<Toolchain, String> {
        match self {
            Self::Installed => installed(),
            Self::Rustup => {
                build::output(Command::new("rustup").args(["target", "add", TARGET]))?;
                installed()
            }
            Self::RustSrc => sysroot::from_rust_src(root),
            Self::RustWeb => rust_web::from_rust_web(root),
        }
    }
}

/// By the way asked for, or by the first that works.
pub(crate) fn find(root: &Path, way: Option<Way>) -> Result<Toolchain, String> {
    let ways = way.map_or_else(|| WAYS.to_vec(), |way| vec![way]);
    let mut failures = String::new();
    for way in ways {
        println!("{}: {}", way.name(), way.explanation());
        match way.try_it(root) {
            Ok(toolchain) => return Ok(toolchain),
            Err(problem) => {
                println!("{}: did not work: {problem}", way.name());
                failures += &format!("\n  {}: {problem}", way.name());
            }
        }
    }
    Err(format!("no compiler for {TARGET} could be had:{failures}"))
}

fn installed() -> Result<Toolchain, String> {
    let folder = build::output(rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
    let folder = Path::new(folder.trim());
    let files = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if !files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-")) {
        return Err(format!("there is no std in {}", folder.display()));
    }
    Ok(Toolchain {
        rustc_version: rustc_version()?,
        std: "the toolchain".to_owned(),
        flags: Vec::new(),
        environment: Vec::new(),
    })
}

/// The compiler that cargo uses.
pub(crate) fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// As it says it.
pub(crate) fn rustc_version() -> Result<String, String> {
    Ok(build::output(rustc().arg("--version"))?.trim().to_owned())
}
