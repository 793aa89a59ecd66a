//! Scripts for `belay filter test`: read as the configuration is, into what the workshop runs.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use super::diagnostics::{Diagnostic, Diagnostics};
use super::schema::schema_of;
use super::{Shape, convert, wire};
use crate::workshop::script::Script;

/// Reads a script's file, as [`super::load`] reads a configuration.
///
/// # Errors
/// Everything that is wrong with it, or why it cannot be read.
pub fn load(path: &Path) -> Result<Script, Diagnostics> {
    parse(&super::text_of(path)?, path)
}

/// Reads a text as if it were the file `origin`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, origin: &Path) -> Result<Script, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    let script = read(text, origin.parent().unwrap_or(Path::new("")), &mut found);
    match script {
        Some(script) if found.is_empty() => Ok(script),
        _ => Err(Diagnostics::new(&origin.display().to_string(), text, found)),
    }
}

fn read(text: &str, folder: &Path, found: &mut Vec<Diagnostic>) -> Option<Script> {
    let shape = Shape {
        schema: schema(),
        schema_command: "belay filter schema",
        least: "it needs 'scenarios', each with a name and steps",
    };
    let (file, tree) = shape.read::<wire::script::File>(text, found)?;
    Some(convert::script(file, &tree, folder, found))
}

/// The JSON Schema of a script. Made once.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<wire::script::File>);
    &SCHEMA
}
