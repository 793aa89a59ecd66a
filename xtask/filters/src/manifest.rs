//! `filters/manifest.json`: what the committed components were made of and with.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::{component_path, names, sources};

const STALE: &str = "run cargo xtask filters, and commit what it changes";

/// What the committed components were made of and with.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct Manifest {
    /// As `rustc --version` says it.
    pub(crate) rustc: String,
    /// Whose build of the standard library; two give different bytes.
    pub(crate) std: String,
    pub(crate) filters: Vec<Filter>,
}

/// One of them.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct Filter {
    pub(crate) name: String,
    /// See [`sources::hash`].
    pub(crate) sources: String,
    /// Of the component.
    pub(crate) sha256: String,
    pub(crate) bytes: usize,
}

impl Manifest {
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let path = path(root);
        let json = std::fs::read(&path).map_err(|error| format!("{}: {error}; {STALE}", path.display()))?;
        serde_json::from_slice(&json).map_err(|error| format!("{}: {error}; {STALE}", path.display()))
    }

    pub(crate) fn write(&self, root: &Path) -> Outcome {
        let path = path(root);
        let json = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(&path, json + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Whether sources and components are still those that it speaks of. Needs no compiler.
    pub(crate) fn agrees_with_tree(&self, root: &Path) -> Outcome {
        let listed: Vec<&str> = self.filters.iter().map(|filter| &*filter.name).collect();
        let present = names(root)?;
        if listed != present {
            return Err(format!("filters/manifest.json lists {listed:?}, but there are {present:?}: {STALE}"));
        }
        for filter in &self.filters {
            let path = component_path(root, &filter.name);
            let component = std::fs::read(&path).map_err(|error| format!("{}: {error}; {STALE}", path.display()))?;
            if sha256(&component) != filter.sha256 {
                return Err(format!("{} is not the one that the manifest lists: {STALE}", path.display()));
            }
            if sources::hash(root, &filter.name)? != filter.sources {
                let name = &filter.name;
                return Err(format!(
                    "the sources of filters/{name}, its dependencies or the SDK have changed: {STALE}"
                ));
            }
        }
        Ok(())
    }
}

fn path(root: &Path) -> PathBuf {
    root.join("filters/manifest.json")
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
