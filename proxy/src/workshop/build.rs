//! `belay filter build`: from a project's folder to a component that the host takes.
//!
//! What a language's toolchain is called with stands in `recipes`, one file each. All of them end in a core module or a
//! component; from there on it is the same for every language.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command line says, it says there")]

mod recipe;
mod recipes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::recipe::{Recipe, Way};
use super::componentize::componentize;
use super::{FAILED, inspect, source};

/// Builds the project in `folder` to `out`, or to a file in it that is named as the folder is.
pub(super) fn run(folder: &Path, out: Option<&Path>) -> ExitCode {
    match build(folder, out) {
        Ok(made) => inspect::run(&made, &serde_json::Value::Null, inspect::Form::Text),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn build(folder: &Path, out: Option<&Path>) -> Result<PathBuf, String> {
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let recipe = recipes::ALL.iter().find(|recipe| recipe.is_of(&folder)).ok_or_else(|| no_project(&folder))?;
    let way = way(recipe)?;
    for step in way.steps {
        step.run(&folder, recipe.language)?;
    }
    let made = recipe::newest(&folder, way.made)?;
    let bytes = source::component(&made)?;
    let component = if is_core_module(&bytes) {
        componentize(&bytes).map_err(|error| format!("{} cannot be made a component: {error}", made.display()))?
    } else {
        bytes
    };
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    let out = out.map_or_else(|| folder.join(format!("{name}.wasm")), Path::to_path_buf);
    std::fs::write(&out, component).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{}  (from {}, {})", out.display(), recipe.language, way.name);
    Ok(out)
}

/// The first whose tools are all there.
fn way(recipe: &'static Recipe) -> Result<&'static Way, String> {
    let mut missing = Vec::new();
    for way in recipe.ways {
        match way.tools.iter().find(|tool| !tool.is_there()) {
            None => return Ok(way),
            Some(tool) => missing.push(format!("  {}: '{}' is not there. {}", way.name, tool.program, tool.get)),
        }
    }
    Err(format!("no way to build {} was found\n{}", recipe.language, missing.join("\n")))
}

fn no_project(folder: &Path) -> String {
    let known: Vec<String> =
        recipes::ALL.iter().map(|recipe| format!("  {}: {}", recipe.language, recipe.told_by)).collect();
    format!("{} is not a project of a known language\n{}", folder.display(), known.join("\n"))
}

/// Magic and version (WebAssembly core specification, section 5.5.16).
fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x01\0\0\0")
}
