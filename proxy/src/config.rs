//! One YAML file to one validated [`Config`], or every mistake in it at once. The way of a file:
//!
//! ```text
//! text → tree of values that know their places → walk over the schema → wire types → conversion → Config
//! ```
//!
//! The wire types ([`wire`]) are the one description of the file's shape: serde reads by it, schemars makes the schema from
//! it, and docs/configuration.md is made from the schema. The data path sees the validated types only.

mod convert;
mod diagnostics;
mod nearest;
mod path;
mod scalar;
mod schema;
mod script;
mod shown;
mod tree;
mod walk;
mod wire;

use std::io::Read;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use diagnostics::{Colour, Diagnostic, Diagnostics, Place};
pub use schema::schema;
pub use script::{load as load_script, parse as parse_script, schema as script_schema};
use serde::de::DeserializeOwned;
pub use shown::Shown;

use crate::dataplane::route::{Dataplane, Routes};
use crate::digest::sha256;
use crate::secret::Secret;
use crate::stamp::Stamp;
use crate::telemetry::Settings;
use crate::tls::Watched;
use crate::{clients, oci, report};

/// A configuration that is known to make sense.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it was read from.
    pub origin: Origin,
    /// All that the file says, defaults included and routes named: to tell what another file says otherwise.
    pub said: serde_json::Value,
    /// For the workers.
    pub dataplane: Dataplane,
    /// The file as it was read, defaults filled in, secrets masked.
    pub shown: Shown,
    /// The port for operators, if there is one.
    pub admin: Option<Admin>,
    /// What adaptive probes learn.
    pub networks: NetworksConfig,
    /// Traces and logs.
    pub telemetry: Settings,
    /// Threads that carry sessions; nothing: one for each processor.
    pub workers: Option<NonZeroUsize>,
    /// A folder for compiled filters.
    pub filter_cache: Option<PathBuf>,
    /// Where filters are pulled from.
    pub registries: oci::Settings,
    /// How clients are followed; nothing: they are not.
    pub clients: Option<clients::Settings>,
    /// Who is told of clients.
    pub report: Option<report::Settings>,
}

/// The file that a configuration was read from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// As it was given.
    pub file: PathBuf,
    /// Of its text.
    pub sha256: Box<str>,
    /// From before it was read; nothing if no file was.
    pub(crate) stamp: Option<Stamp>,
}

/// The port for operators.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admin {
    /// Port 0 lets the system choose.
    pub address: SocketAddr,
    /// What it asks for.
    pub token: Option<Secret>,
}

/// What adaptive probes learn of the clients' networks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworksConfig {
    /// A file to keep it in.
    pub learned: Option<PathBuf>,
    /// The most that are known at a time. Default 10,000.
    pub networks_max: usize,
}

impl Config {
    /// What listeners and backends have of files of certificates and keys: another with a reload.
    pub(crate) fn live_certificates(&self) -> Vec<Arc<dyn Watched>> {
        let listeners = self.dataplane.listeners.iter().filter_map(|listener| listener.tls.clone());
        let backends = self.dataplane.routes.0.iter().filter_map(|route| route.backend.tls.clone());
        let callouts = self.dataplane.filters.iter().filter_map(|filter| filter.callouts.tls.clone());
        let outwards = backends.chain(callouts).map(|tls| tls as Arc<dyn Watched>);
        listeners.map(|tls| tls as Arc<dyn Watched>).chain(outwards).collect()
    }

    /// What the rest has of them: the same until the process ends.
    pub(crate) fn lasting_certificates(&self) -> Vec<Arc<dyn Watched>> {
        let report = self.report.iter().filter_map(|report| report.tls.clone());
        report.chain(self.telemetry.otlp.tls.clone()).map(|tls| tls as Arc<dyn Watched>).collect()
    }
}

/// Larger than any configuration that people or charts write.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads a file. Blocks on it, and on looking for the files that it names.
///
/// # Errors
/// Everything that is wrong with it, or why it cannot be read.
pub fn load(path: &Path) -> Result<Config, Diagnostics> {
    // From before it is read: a file that is swapped in between is found to have changed.
    let stamp = std::fs::metadata(path).ok().map(|metadata| Stamp::from(&metadata));
    let mut config = parse(&text_of(path)?, path)?;
    config.origin.stamp = stamp;
    Ok(config)
}

/// Reads what comes from somewhere else as [`parse`] does. Blocks on it.
///
/// # Errors
/// Everything that is wrong with it, or why it cannot be read.
pub fn load_from(reader: impl Read, origin: &Path) -> Result<Config, Diagnostics> {
    parse(&text_from(reader, origin)?, origin)
}

fn text_of(path: &Path) -> Result<String, Diagnostics> {
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    text_from(file, path)
}

fn unreadable(origin: &Path, error: &std::io::Error) -> Diagnostics {
    about_the_whole(origin, format!("cannot read the file: {error}"), None)
}

fn about_the_whole(origin: &Path, message: String, help: Option<String>) -> Diagnostics {
    let diagnostic = Diagnostic { path: String::new(), message, help, place: None };
    Diagnostics::new(&origin.display().to_string(), "", vec![diagnostic])
}

fn text_from(reader: impl Read, origin: &Path) -> Result<String, Diagnostics> {
    let whole = |message, help| about_the_whole(origin, message, help);
    let mut bytes = Vec::new();
    reader.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(origin, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let help = "is this the file that was meant?".to_owned();
        return Err(whole(format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20), Some(help)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
            Err(whole(format!("not UTF-8, from line {line} on"), Some("save the file as UTF-8".to_owned())))
        }
    }
}

/// Reads a text as if it were the file `origin`: it is named so, and paths in it are relative to its folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, origin: &Path) -> Result<Config, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    let config = read(text, origin.parent().unwrap_or(Path::new("")), &mut found);
    match config {
        Some(mut config) if found.is_empty() => {
            config.origin = Origin { file: origin.to_owned(), sha256: sha256(text.as_bytes()).into(), stamp: None };
            Ok(config)
        }
        _ => Err(Diagnostics::new(&origin.display().to_string(), text, found)),
    }
}

fn read(text: &str, folder: &Path, found: &mut Vec<Diagnostic>) -> Option<Config> {
    let shape =
        Shape { schema: schema(), schema_command: "belay schema", least: "it needs 'listeners' and 'routes' at least" };
    let (file, tree) = shape.read::<wire::File>(text, found)?;
    let said = serde_json::to_value(&file).unwrap_or_default();
    let mut config = convert::convert(file, &tree, folder, found);
    config.said = with_names(said, &config.dataplane.routes);
    Some(config)
}

/// What a file may hold, for reading it into wire types.
struct Shape {
    schema: &'static serde_json::Value,
    /// What prints it.
    schema_command: &'static str,
    /// Said of an empty file.
    least: &'static str,
}

impl Shape {
    /// The wire types and the tree that they were read from, or nothing if not even a part of the file can be used.
    fn read<W: DeserializeOwned>(&self, text: &str, found: &mut Vec<Diagnostic>) -> Option<(W, tree::Node)> {
        let (tree, mistakes) = tree::build(text);
        found.extend(mistakes);
        let Some(mut tree) = tree else {
            if found.is_empty() {
                found.push(nowhere("the file is empty", self.least));
            }
            return None;
        };
        if walk::walk(&mut tree, self.schema, found) == walk::Fit::Bad {
            return None;
        }
        let values = serde_yaml::Value::from(&tree);
        match serde_yaml::with::singleton_map_recursive::deserialize::<W, _>(values) {
            Ok(file) => Some((file, tree)),
            Err(error) => {
                // The walk lets through only what serde takes; were it ever wrong, this says so and nothing starts.
                let help = format!("compare the file with the output of '{}'", self.schema_command);
                found.push(nowhere(&error.to_string(), &help));
                None
            }
        }
    }
}

/// Routes that were given no name have one all the same.
fn with_names(mut said: serde_json::Value, routes: &Routes) -> serde_json::Value {
    let items = said["routes"].as_array_mut().into_iter().flatten();
    for (item, route) in items.zip(&routes.0) {
        item["name"] = (*route.name).into();
    }
    said
}

fn nowhere(message: &str, help: &str) -> Diagnostic {
    Diagnostic { path: String::new(), message: message.to_owned(), help: Some(help.to_owned()), place: None }
}

/// The names that `use` knows.
fn shipped_filters() -> &'static [&'static str] {
    crate::shipped::names()
}

#[cfg(test)]
mod tests;
