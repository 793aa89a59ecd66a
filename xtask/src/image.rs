//! `cargo xtask image`: Belay's image for each processor, without a container engine: the program, linked statically against
//! musl so that it needs no system around it, the certificates of public authorities, and the bills of materials. The
//! Containerfile has its programs from here too.

pub(crate) mod layout;
mod root;
mod tools;

use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, workspace};
use layout::Layout;
use root::Root;
use tools::Tools;

const USAGE: &str = "\
usage: cargo xtask image [--arch amd64|arm64]… [--into FOLDER] [--check]

Makes in FOLDER (target/image), for both processors unless told otherwise:
  root/ARCH           what is in the image
  belay-ARCH.cdx.json the bill of materials, which is in the image too
  oci                 the image for all of them, an OCI layout

  --check             also starts what was built, in its own read-only root (arm64: by qemu-aarch64-static if it is there)

To send it to a registry: skopeo copy --all oci:target/image/oci docker://REGISTRY/belay:TAG
";

/// A processor, as images name it, and how to build for it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Arch {
    name: &'static str,
    target: &'static str,
    /// What jemalloc is built for: 64 KiB pages, which some ARM kernels have, in a program for all of them.
    page_bits: Option<&'static str>,
}

const ARCHS: [Arch; 2] = [
    Arch { name: "amd64", target: "x86_64-unknown-linux-musl", page_bits: None },
    Arch { name: "arm64", target: "aarch64-unknown-linux-musl", page_bits: Some("16") },
];

/// What is asked for.
struct Order {
    archs: Vec<Arch>,
    into: PathBuf,
    then: Then,
}

/// When all is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Done,
    Check,
}

pub(crate) fn run(parser: lexopt::Parser) -> Outcome {
    let Some(Order { archs, into, then }) = order(parser)? else {
        print!("{USAGE}");
        return Ok(());
    };
    let tools = Tools::installed()?;
    let mut layout = Layout::new(into.join("oci"))?;
    for arch in archs {
        let root = Root::build(&tools, arch, &into)?;
        let layer = layout.add(arch.name, &root.folder)?;
        println!(
            "{}: the program has {}, the image {} compressed",
            arch.name,
            mebibytes(root.program_bytes),
            mebibytes(layer)
        );
    }
    layout.finish()?;
    println!("{}", into.join("oci").display());
    match then {
        Then::Done => Ok(()),
        Then::Check => check(&into),
    }
}

/// Nothing if only the usage is asked for.
fn order(mut parser: lexopt::Parser) -> Result<Option<Order>, String> {
    let mut order = Order { archs: Vec::new(), into: workspace::target().join("image"), then: Then::Done };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Long("arch") => {
                let name = parser.value().map_err(|error| error.to_string())?;
                let known = ARCHS.into_iter().find(|arch| name == arch.name);
                order.archs.push(known.ok_or_else(|| format!("there is no image for {}\n\n{USAGE}", name.display()))?);
            }
            lexopt::Arg::Long("into") => {
                let folder = PathBuf::from(parser.value().map_err(|error| error.to_string())?);
                order.into = std::path::absolute(folder).map_err(|error| error.to_string())?;
            }
            lexopt::Arg::Long("check") => order.then = Then::Check,
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected())),
        }
    }
    if order.archs.is_empty() {
        order.archs = ARCHS.to_vec();
    }
    Ok(Some(order))
}

/// The same test as every other build's program gets.
fn check(into: &std::path::Path) -> Outcome {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--locked", "--package", "belay", "--test", "bare_root", "--", "--nocapture"]);
    succeed(cargo.env("BELAY_IMAGE", into))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn succeed(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("cannot run {name}: {error}")),
    }
}
