//! A hash over everything that a component is made of: the crate, the SDK, the WIT, the locked dependencies, the build
//! profile. Tests are left out, so that a better test makes no component stale.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{package, packages};

/// The hash of a filter's sources. The same on every machine.
pub(crate) fn hash(root: &Path, name: &str) -> Result<String, String> {
    let mut files = vec!["sdk/rust/Cargo.toml".to_owned(), format!("filters/{name}/Cargo.toml")];
    for folder in ["sdk/wit", "sdk/rust/src", &format!("filters/{name}/src")] {
        list(root, folder, &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        let content = std::fs::read(root.join(&file)).map_err(|error| format!("{file}: {error}"))?;
        // A checkout may have given lines other ends.
        let content: Vec<u8> = content.into_iter().filter(|byte| *byte != b'\r').collect();
        entry(&mut hasher, &file, &content);
    }
    let lock = read(root, "Cargo.lock")?;
    entry(&mut hasher, "Cargo.lock", packages::closure(&lock, &package(name))?.as_bytes());
    let workspace = read(root, "Cargo.toml")?;
    entry(&mut hasher, "Cargo.toml", profiles(&workspace).as_bytes());
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn entry(hasher: &mut Sha256, name: &str, content: &[u8]) {
    for part in [name.as_bytes(), content] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
}

fn read(root: &Path, file: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
}

/// All files below, but for tests and what only tests use.
fn list(root: &Path, folder: &str, files: &mut Vec<String>) -> Result<(), String> {
    let entries = std::fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        match name.trim_end_matches(".rs") {
            "tests" | "testing" => {}
            _ if entry.path().is_dir() => list(root, &path, files)?,
            _ => files.push(path),
        }
    }
    Ok(())
}

/// The workspace's build profiles that the filters' one is made of.
fn profiles(workspace: &str) -> String {
    let mut wanted = false;
    let lines = workspace.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    let lines = lines.filter(|line| {
        if line.starts_with('[') {
            wanted = matches!(*line, "[profile.filter]" | "[profile.release]");
        }
        wanted && !line.is_empty()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_profiles_of_filters_matter() {
        let workspace = "[profile.dev]\ndebug = 1\n# Why.\n[profile.filter]\nlto = true # fat\n\n[lints]\nx = 1\n";
        assert_eq!(profiles(workspace), "[profile.filter]\nlto = true");
    }
}
