//! Where the workshop finds a filter's component, and where it keeps what it has compiled.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::dataplane::route::{FilterLimits, FilterSpec};

/// A component's file, as for those that serve.
const COMPONENT_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// The component's bytes. The error names the file.
pub(super) fn component(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| cannot(&error))?;
    file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > COMPONENT_BYTES_MAX {
        return Err(cannot(&"it is longer than 128 MiB"));
    }
    Ok(bytes)
}

/// What a log would call the filter.
pub(super) fn name(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A folder for compiled components, as the XDG Base Directory Specification has it: those of some languages take seconds.
pub(super) fn cache() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    caches.is_absolute().then(|| caches.join("belay"))
}

/// Memory of a filter that is looked at: as much as any language's runtime takes. What it really took is then said.
const MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A filter as its author tries it: on its own, with room.
pub(super) fn spec(name: &str, config: serde_json::Value) -> FilterSpec {
    FilterSpec {
        config,
        limits: FilterLimits { memory_bytes_max: MEMORY_BYTES_MAX, ..FilterLimits::default() },
        ..FilterSpec::shipped(name)
    }
}

/// What `--config` gives: JSON or YAML, or the name of a file of either after an `@`.
pub(super) fn config(given: Option<&str>) -> Result<serde_json::Value, String> {
    let Some(given) = given else { return Ok(serde_json::Value::Null) };
    let text = match given.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?,
        None => given.to_owned(),
    };
    serde_yaml::from_str(&text).map_err(|error| format!("--config is neither JSON nor YAML: {error}"))
}
