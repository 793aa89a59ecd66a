//! What is in an image, as a folder: what the Containerfile copies, and what an engine starts from.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::Tools;
use super::{Arch, succeed};
use crate::{Outcome, workspace};

/// What distributions call the file of public authorities' certificates.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// What the bills are called while they lie beside each `Cargo.toml`, where cargo-cyclonedx puts them.
const BILL: &str = "image-bill";

/// One processor's.
pub(super) struct Root {
    pub(super) folder: PathBuf,
    pub(super) program_bytes: u64,
}

impl Root {
    /// Builds the program, writes its bill, and puts all of it into the folder `root/ARCH`, anew.
    pub(super) fn build(tools: &Tools, arch: Arch, into: &Path) -> Result<Self, String> {
        let program = build_program(tools, arch)?;
        let folder = into.join("root").join(arch.name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let certificates = CERTIFICATES.map(Path::new).into_iter().find(|file| file.exists());
        let certificates =
            certificates.ok_or("no public authorities' certificates (Debian: apt-get install ca-certificates)")?;
        let papers = folder.join("usr/share/doc/belay");
        copy(&program, &folder.join("usr/bin/belay"))?;
        copy(certificates, &folder.join("etc/ssl/certs/ca-certificates.crt"))?;
        copy(&workspace::root().join("LICENSE"), &papers.join("LICENSE"))?;
        write_bills(tools, arch, &papers)?;
        copy(&papers.join("belay.cdx.json"), &into.join(format!("belay-{}.cdx.json", arch.name)))?;
        // Where volumes are mounted: an engine cannot make them in a read-only root.
        for volume in ["etc/belay/config", "var/cache/belay"] {
            std::fs::create_dir_all(folder.join(volume)).map_err(|error| format!("{volume}: {error}"))?;
        }
        let program_bytes = std::fs::metadata(&program).map_err(|error| error.to_string())?.len();
        Ok(Self { folder, program_bytes })
    }
}

fn build_program(tools: &Tools, arch: Arch) -> Result<PathBuf, String> {
    let Arch { target, .. } = arch;
    // Without rustup the target may be there all the same; the build says if not.
    let _ = Command::new("rustup").args(["target", "add", target]).status();
    let mut cargo = tools.cargo()?;
    cargo.args(["zigbuild", "--locked", "--profile", "image", "--package", "belay", "--bin", "belay"]);
    cargo.args(["--target", target, "--target-dir"]).arg(workspace::target());
    // For that target only, in the words of jemalloc's build script.
    if let Some(bits) = arch.page_bits {
        cargo.env(format!("{}_JEMALLOC_SYS_WITH_LG_PAGE", target.to_uppercase().replace('-', "_")), bits);
    }
    succeed(&mut cargo)?;
    Ok(workspace::target().join(target).join("image/belay"))
}

/// The program's, and one for each filter inside it. cargo-cyclonedx writes one beside every `Cargo.toml` of the workspace.
fn write_bills(tools: &Tools, arch: Arch, papers: &Path) -> Outcome {
    let mut cargo = tools.cargo()?;
    cargo.args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
    cargo.args(["--override-filename", BILL, "--target", arch.target, "--manifest-path", "proxy/Cargo.toml"]);
    let written = succeed(&mut cargo).and_then(|()| {
        copy(&bill_in("proxy"), &papers.join("belay.cdx.json"))?;
        for filter in filters()? {
            copy(&bill_in(&format!("filters/{filter}")), &papers.join(format!("filter-{filter}.cdx.json")))?;
        }
        Ok(())
    });
    sweep(workspace::root(), 3);
    written
}

fn bill_in(member: &str) -> PathBuf {
    workspace::root().join(member).join(format!("{BILL}.json"))
}

/// Those that ship.
fn filters() -> Result<Vec<String>, String> {
    let folders = std::fs::read_dir(workspace::root().join("filters")).map_err(|error| error.to_string())?;
    let names = folders.flatten().filter(|entry| entry.path().join("Cargo.toml").exists());
    Ok(names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// Removes the bills from the sources, so many folders deep. One that stays is seen by git, and harmless.
fn sweep(folder: &Path, depth: u32) {
    let _ = std::fs::remove_file(folder.join(format!("{BILL}.json")));
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let is_source = |name: &std::ffi::OsStr| !["target", ".git", "node_modules"].iter().any(|other| name == *other);
    for entry in entries.flatten().filter(|entry| depth > 0 && is_source(&entry.file_name())) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep(&entry.path(), depth - 1);
        }
    }
}

fn copy(from: &Path, to: &Path) -> Outcome {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    std::fs::copy(from, to).map(drop).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}
