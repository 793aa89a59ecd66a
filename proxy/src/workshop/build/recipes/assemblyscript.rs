//! AssemblyScript, by its compiler `asc`.

use super::javascript::{INSTALL, NPM};
use crate::workshop::build::recipe::{Recipe, Step, Way};

/// The project's own script compiles to a core module whose exports have the world's names.
pub(super) const RECIPE: Recipe = Recipe {
    language: "assemblyscript",
    told_by: "package.json, with assemblyscript in it",
    files: &["package.json"],
    marked: Some(("package.json", "\"assemblyscript\"")),
    ways: &[Way {
        name: "asc",
        tools: &[NPM],
        steps: &[INSTALL, Step { command: &["npm", "run", "--silent", "build"], env: &[], unless: None }],
        made: "build/*.core.wasm",
    }],
};
