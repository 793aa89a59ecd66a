//! What `cargo xtask filters` runs: builds every crate of `filters/` to a component beside its source, and writes down what each was
//! made of. `--check` builds them aside and compares. How a compiler for wasm is come by is `toolchain`'s.

mod build;
mod componentize;
mod debian;
mod manifest;
mod packages;
mod rust_web;
mod sources;
mod sysroot;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use manifest::{Filter, Manifest};
use toolchain::Way;

/// The message of an error is all that its user sees of it.
type Outcome = Result<(), String>;

const USAGE: &str = "\
usage: cargo xtask filters [--check] [--with WAY]

builds the filters that ship with Belay to filters/<name>/<name>.wasm

  --check     compare with what is there, and change nothing
  --with WAY  how to come by a compiler for wasm, instead of the first way that works:
              installed  this toolchain's
              rustup     rustup target add
              rust-src   std built from Debian's rust-src
              rust-web   Debian's rustc-web, and std built from its rust-web-src
";

fn main() -> ExitCode {
    match run(lexopt::Parser::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("filters: {message}");
            ExitCode::FAILURE
        }
    }
}

enum Mode {
    Write,
    Check,
    Help,
}

fn run(arguments: lexopt::Parser) -> Outcome {
    let (mode, way) = options(arguments).map_err(|error| format!("{error}\n\n{USAGE}"))?;
    let root = root();
    match mode {
        Mode::Help => print!("{USAGE}"),
        Mode::Write => write(&root, build(&root, way)?)?,
        Mode::Check => check(&root, build(&root, way)?.manifest)?,
    }
    Ok(())
}

fn options(mut arguments: lexopt::Parser) -> Result<(Mode, Option<Way>), lexopt::Error> {
    use lexopt::prelude::*;

    let (mut mode, mut way) = (Mode::Write, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => mode = Mode::Help,
            Long("check") => mode = Mode::Check,
            Long("with") => {
                let name = arguments.value()?.string()?;
                way = Some(Way::named(&name).ok_or_else(|| format!("there is no way '{name}'"))?);
            }
            unknown => return Err(unknown.unexpected()),
        }
    }
    Ok((mode, way))
}

/// What was built, in the order of the manifest.
struct Built {
    manifest: Manifest,
    components: Vec<Vec<u8>>,
}

fn build(root: &Path, way: Option<Way>) -> Result<Built, String> {
    let names = names(root)?;
    let toolchain = toolchain::find(root, way)?;
    println!("building {} with {} and std of {}", names.join(", "), toolchain.rustc_version, toolchain.std);
    let components = build::all(root, &names, &toolchain)?;
    let mut filters = Vec::new();
    for (name, component) in names.iter().zip(&components) {
        let sources = sources::hash(root, name)?;
        filters.push(Filter {
            name: name.clone(),
            sources,
            sha256: manifest::sha256(component),
            bytes: component.len(),
        });
    }
    Ok(Built { manifest: Manifest { rustc: toolchain.rustc_version, std: toolchain.std, filters }, components })
}

fn write(root: &Path, Built { manifest, components }: Built) -> Outcome {
    for (filter, component) in manifest.filters.iter().zip(&components) {
        let path = component_path(root, &filter.name);
        std::fs::write(&path, component).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{:>8} bytes  {}", filter.bytes, path.display());
    }
    manifest.write(root)
}

fn check(root: &Path, made: Manifest) -> Outcome {
    let committed = Manifest::read(root)?;
    committed.agrees_with_tree(root)?;
    if (&made.rustc, &made.std) != (&committed.rustc, &committed.std) {
        println!(
            "the filters build, and what is committed belongs to these sources; its bytes could not be compared, for it was \
             made with {} and std of {}",
            committed.rustc, committed.std
        );
        return Ok(());
    }
    for (ours, theirs) in made.filters.iter().zip(&committed.filters) {
        if ours.sha256 != theirs.sha256 {
            return Err(format!(
                "{}: a fresh build differs from what is committed; run cargo xtask filters",
                ours.name
            ));
        }
    }
    println!("{} filters: a fresh build gives the same bytes as what is committed", made.filters.len());
    Ok(())
}

/// The workspace's root.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// The filters' names: the folders of `filters/` with a crate in them, in order.
fn names(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("filters");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let crates = entries.flatten().filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut names: Vec<String> = crates.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Where a filter's component stands.
fn component_path(root: &Path, name: &str) -> PathBuf {
    root.join("filters").join(name).join(format!("{name}.wasm"))
}

/// The name of a filter's crate.
fn package(name: &str) -> String {
    format!("belay-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_components_belong_to_their_sources() {
        let root = root();
        Manifest::read(&root).unwrap().agrees_with_tree(&root).unwrap();
    }
}
