//! What is cheap to know of the image, which takes too long to be built here (`cargo xtask image --check` does): that the
//! Containerfile has no lint, and that what [`crate::image::layout`] writes is read, sent to a registry and read back by other
//! implementations. That the program starts in an empty root is one of the tests, `proxy/tests/bare_root.rs`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::report::{self, Verdict};
use super::tools;
use crate::image::layout::{Layout, NAME};
use crate::workspace;

pub(super) fn run() -> Verdict {
    tools::install();
    lint().and(reproduces()).and(travels())
}

/// By hadolint.
fn lint() -> Verdict {
    let hadolint = tools::folder().join("venv/bin/hadolint");
    if !hadolint.exists() {
        report::not_run("the Containerfile's lint", "there is no hadolint among the Python packages");
        return Verdict::NotRun("hadolint could not be installed".into());
    }
    super::one(Command::new(hadolint).arg("Containerfile").current_dir(workspace::root()))
}

/// The same roots make the same image, bit for bit, whatever their files' times and owners are.
fn reproduces() -> Verdict {
    let made = [small_layout("image-a"), small_layout("image-b")].map(|made| made.and_then(|folder| index(&folder)));
    match made {
        [Ok(a), Ok(b)] if a == b => Verdict::passed(),
        [Ok(a), Ok(b)] => Verdict::failed(&format!("two images of the same are not the same:\n{a}\n{b}")),
        [Err(why), _] | [_, Err(why)] => Verdict::failed(&why),
    }
}

/// To a registry and back, with oras and the registry of go-containerregistry.
fn travels() -> Verdict {
    let go = tools::folder().join("go/bin");
    if !go.join("registry").exists() || !go.join("oras").exists() {
        report::not_run("an image goes to a registry", "there is no registry or oras among the Go programs");
        return Verdict::NotRun("no registry or oras could be built".into());
    }
    match small_layout("image-a").and_then(|folder| travel(&go, &folder)) {
        Ok(()) => Verdict::passed(),
        Err(why) => Verdict::failed(&why),
    }
}

fn travel(go: &Path, folder: &Path) -> Result<(), String> {
    let (mut registry, port) = Registry::start(go)?;
    let place = format!("localhost:{port}/belay:test");
    let oras = |arguments: &[&str]| {
        let output = Command::new(go.join("oras")).args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        if output.status.success() { Ok(said) } else { Err(format!("oras {arguments:?}: {said}")) }
    };
    let layout = format!("{}:{NAME}", folder.display());
    let outcome =
        oras(&["copy", "--recursive", "--from-oci-layout", &layout, "--to-plain-http", &place]).and_then(|_| {
            for arch in ["linux/amd64", "linux/arm64"] {
                let config = oras(&["manifest", "fetch-config", "--plain-http", "--platform", arch, &place])?;
                let architecture = format!(r#""architecture":"{}""#, arch.trim_start_matches("linux/"));
                for part in [architecture.as_str(), r#""User":"65532:65532""#, r#""Entrypoint":["/usr/bin/belay"]"#] {
                    if !config.contains(part) {
                        return Err(format!("the image for {arch} does not say {part}: {config}"));
                    }
                }
            }
            Ok(())
        });
    registry.end();
    outcome
}

/// A registry of its own, on a port that it chooses.
struct Registry(Child);

impl Registry {
    fn start(go: &Path) -> Result<(Self, u16), String> {
        let mut command = Command::new(go.join("registry"));
        command.args(["-port", "0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut log =
            child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        let port = log.find_map(|line| line.split_once("serving on port ")?.1.trim().parse().ok());
        // It ends when nobody reads what it says.
        std::thread::spawn(move || log.for_each(drop));
        let mut registry = Self(child);
        let port = port.ok_or_else(|| {
            registry.end();
            "the registry did not say where it listens".to_owned()
        })?;
        Ok((registry, port))
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// For both processors, with a root of one file.
fn small_layout(name: &str) -> Result<std::path::PathBuf, String> {
    let folder = workspace::target().join("tmp").join(name);
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("usr/bin")).map_err(|error| error.to_string())?;
    std::fs::write(root.join("usr/bin/belay"), "a program").map_err(|error| error.to_string())?;
    let mut layout = Layout::new(folder.join("oci"))?;
    layout.add("amd64", &root)?;
    layout.add("arm64", &root)?;
    layout.finish()?;
    Ok(folder.join("oci"))
}

fn index(folder: &Path) -> Result<String, String> {
    std::fs::read_to_string(folder.join("index.json")).map_err(|error| error.to_string())
}
