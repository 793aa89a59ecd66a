//! `belay filter run`: a sidecar with one filter, for trying it by hand. It is Belay as it serves: when the component's file
//! changes, the new version takes over the sessions that are open. What the filter answers is told in the log.
#![expect(clippy::print_stderr, reason = "what a command line says, it says there")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{FAILED, MISUSED, source};
use crate::config::{self, Colour, Config};
use crate::dataplane::callout::Origin;
use crate::telemetry::LogFilter;

/// What the filter says, asks and answers, and what becomes of it.
const LOG: &str = "info,belay::verdict=debug,belay::filter=debug,belay::dataplane::callout=debug";
/// Memory of the one filter: as much as any language's runtime takes.
const MEMORY: &str = "256MiB";

/// What is asked for.
pub(super) struct Trial<'t> {
    /// The component's file.
    pub(super) filter: &'t Path,
    /// Given to `configure`.
    pub(super) config: &'t Value,
    /// As in the configuration: `ws://…`, `tcp://…`.
    pub(super) backend: &'t str,
    /// Where clients come.
    pub(super) listen: SocketAddr,
    /// What callouts may ask.
    pub(super) allow: &'t [Origin],
}

/// Serves until it is told to stop.
pub(super) fn run(trial: &Trial<'_>, serve: fn(Config) -> ExitCode) -> ExitCode {
    let filter = match trial.filter.canonicalize() {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("error: {}: {error}", trial.filter.display());
            return ExitCode::from(MISUSED);
        }
    };
    let file = match Written::new(&configuration(trial, &filter)) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("error: a configuration cannot be written: {error}");
            return ExitCode::from(FAILED);
        }
    };
    match config::load(&file.path) {
        Ok(mut config) => {
            if let Ok(log) = LOG.parse::<LogFilter>() {
                config.telemetry.log.filter = log;
            }
            serve(config)
        }
        Err(mistakes) => {
            eprint!("{}", mistakes.render(Colour::Plain));
            ExitCode::from(MISUSED)
        }
    }
}

/// JSON is YAML.
fn configuration(trial: &Trial<'_>, filter: &Path) -> Value {
    let listener = if trial.backend.starts_with("tcp://") {
        json!({ "name": "clients", "address": trial.listen.to_string(), "protocol": "tcp" })
    } else {
        json!({ "name": "clients", "address": trial.listen.to_string() })
    };
    let name = source::name(filter);
    let allow: Vec<String> = trial.allow.iter().map(ToString::to_string).collect();
    json!({
        "listeners": [listener],
        "workers": 1,
        "filter_cache": source::cache(),
        "telemetry": { "log": { "format": "pretty" } },
        "filters": { (name.as_str()): {
            "wasm": filter, "config": trial.config, "limits": { "memory": MEMORY }, "callouts": { "allow": allow },
        } },
        "routes": [{ "match": { "listener": "clients" }, "backend": trial.backend, "filters": [name] }],
    })
}

/// A file that is gone when this is.
struct Written {
    path: PathBuf,
}

impl Written {
    fn new(configuration: &Value) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("belay-filter-run-{}.yaml", std::process::id()));
        std::fs::write(&path, format!("{configuration:#}"))?;
        Ok(Self { path })
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
