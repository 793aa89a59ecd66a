//! Whether some bytes are a component of our world, judged by what it imports and exports. That its functions have the right
//! types is found when it is linked and instantiated.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::abi::{IMPORTS, PACKAGE, VERSION};
use super::error::{LoadProblem, WASI_HINT};

/// Names of a list that a message shows.
const NAMES_SHOWN_MAX: usize = 8;

/// By the first bytes: magic, then a version and a layer (Component Model, Binary.md).
pub(super) fn is_component(bytes: &[u8]) -> Result<(), LoadProblem> {
    match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadProblem::CoreModule),
        _ => {
            let begins = if bytes.is_empty() {
                "nothing".into()
            } else {
                bytes[..bytes.len().min(8)].escape_ascii().to_string()
            };
            Err(LoadProblem::NotWasm { begins: begins.into() })
        }
    }
}

/// By its imports and exports.
pub(super) fn is_of_our_world(component: &Component, engine: &Engine) -> Result<(), LoadProblem> {
    let ty = component.component_type();
    let exports: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
    let imports: Vec<&str> = ty.imports(engine).map(|(name, _)| name).collect();

    let theirs = exports.iter().chain(&imports).filter_map(|name| Ours::parse(name)).map(|ours| ours.version);
    if let Some(theirs) = theirs.into_iter().find(|version| !compatible(version)) {
        return Err(LoadProblem::OtherVersion { theirs: theirs.into() });
    }
    let is_filter = |name: &&str| Ours::parse(name).is_some_and(|ours| ours.interface == "filter");
    if !exports.iter().any(is_filter) {
        return Err(LoadProblem::OtherWorld { exports: list(&exports) });
    }
    let known = |name: &str| Ours::parse(name).is_some_and(|ours| IMPORTS.contains(&ours.interface));
    let unknown: Vec<&str> = imports.into_iter().filter(|name| !known(name)).collect();
    if !unknown.is_empty() {
        let wasi = unknown.iter().any(|name| name.starts_with("wasi:"));
        return Err(LoadProblem::Imports { imports: list(&unknown), hint: if wasi { WASI_HINT } else { "" } });
    }
    Ok(())
}

/// The name of an interface of ours: `belay:filter/host@0.1.0`.
struct Ours<'a> {
    interface: &'a str,
    version: &'a str,
}

impl<'a> Ours<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let name = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
        let (interface, version) = name.split_once('@').unwrap_or((name, "(none)"));
        Some(Self { interface, version })
    }
}

/// Whether a component of that version can be linked: the same `0.x`, as semantic versioning has it.
fn compatible(version: &str) -> bool {
    fn series(version: &str) -> Option<&str> {
        version.rsplit_once('.').map(|(series, _patch)| series)
    }
    series(version).is_some() && series(version) == series(VERSION)
}

fn list(names: &[&str]) -> Box<str> {
    let shown = names.iter().take(NAMES_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMES_SHOWN_MAX) {
        _ if names.is_empty() => "nothing".into(),
        None | Some(0) => shown.into(),
        Some(more) => format!("{shown} and {more} more").into(),
    }
}
