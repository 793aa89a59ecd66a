//! `belay filter inspect`: what a component is, before it serves.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command line says, it says there")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant as Clock;

use serde_json::{Value, json};

use super::rehearsal::say;
use super::script::Events;
use super::{FAILED, MISUSED, source};
use crate::wasm::{Checked, Host, LoadProblem, LoadedFilter};

/// How the answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Wasm's own pages, in which linear memory grows.
const MIB: f64 = 1024.0 * 1024.0;

/// Says what the component is, and what it makes of this config.
pub(super) fn run(path: &Path, config: &Value, form: Form) -> ExitCode {
    let component = match source::component(path) {
        Ok(component) => component,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(MISUSED);
        }
    };
    match inspect(path, &component, config) {
        Ok(found) if form == Form::Json => println!("{:#}", found.json()),
        Ok(found) => print!("{}", found.text()),
        Err(error) => {
            eprintln!("error: {}: {error}", path.display());
            return ExitCode::from(FAILED);
        }
    }
    ExitCode::SUCCESS
}

/// What there is to know.
struct Found {
    name: String,
    sha256: String,
    bytes: usize,
    world: &'static str,
    imports: Vec<String>,
    compile_ms: f64,
    shortcut: bool,
    configured: Result<Configured, String>,
}

/// What is known once it has accepted a config.
struct Configured {
    to_backend: String,
    to_client: String,
    events: String,
    memory_bytes: u64,
}

fn inspect(path: &Path, component: &[u8], config: &Value) -> Result<Found, String> {
    // How long compiling takes is asked; what it made need not be made again by the next command.
    let host = Host::new(source::cache().as_deref()).map_err(|error| error.to_string())?;
    let began = Clock::now();
    let checked = host.check_anew(component).map_err(|problem| problem.to_string())?;
    let compile_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let spec = source::spec(&source::name(path), config.clone());
    let configured = match host.load(&spec, component) {
        Ok(loaded) => Ok(configured(&loaded)?),
        Err(error) => match error.problem {
            LoadProblem::Config(said) => Err(format!("configure refuses {config}: {said}")),
            problem => return Err(problem.to_string()),
        },
    };
    Ok(Found {
        name: source::name(path),
        sha256: checked.sha256().to_owned(),
        bytes: component.len(),
        world: world(&checked),
        imports: checked.imports(),
        compile_ms,
        shortcut: checked.has_shortcut(),
        configured,
    })
}

fn configured(loaded: &LoadedFilter) -> Result<Configured, String> {
    let _instance = loaded.instantiate().map_err(|error| error.problem.to_string())?;
    let subscription = loaded.subscription();
    let events = Events {
        handshake: subscription.handshake,
        upstream: subscription.upstream,
        heartbeat: subscription.heartbeat,
        close: loaded.hears_close(),
    };
    Ok(Configured {
        to_backend: say::interest(subscription.to_backend),
        to_client: say::interest(subscription.to_client),
        events: say::events(events),
        memory_bytes: loaded.stats().memory_bytes.value(),
    })
}

/// By what it exports.
fn world(checked: &Checked) -> &'static str {
    let offers_state = checked.exports().iter().any(|name| name.starts_with("belay:filter/state@"));
    if offers_state { "belay:filter/stateful-filter@0.1.0" } else { "belay:filter/belay-filter@0.1.0" }
}

impl Found {
    fn text(&self) -> String {
        let kib = self.bytes as f64 / 1024.0;
        let mut rows = vec![
            ("sha256", self.sha256.clone()),
            ("size", format!("{kib:.1} KiB")),
            ("world", self.world.to_owned()),
            ("imports", if self.imports.is_empty() { "nothing".to_owned() } else { self.imports.join(", ") }),
            ("compiled in", format!("{:.0} ms", self.compile_ms)),
            ("messages", if self.shortcut { "by the shortcut" } else { "as any other call" }.to_owned()),
        ];
        match &self.configured {
            Ok(configured) => {
                let memory = configured.memory_bytes as f64 / MIB;
                rows.extend([
                    ("to backend", configured.to_backend.clone()),
                    ("to client", configured.to_client.clone()),
                    ("events", configured.events.clone()),
                    ("memory", format!("{memory:.1} MiB once configured{}", limits_needed(configured.memory_bytes))),
                ]);
            }
            Err(said) => rows.push(("config", format!("{said}. Give it one with --config"))),
        }
        rows.iter().map(|(what, value)| format!("{what:<12} {value}\n")).collect()
    }

    fn json(&self) -> Value {
        let (configured, refused) = match &self.configured {
            Ok(it) => (
                json!({
                    "to_backend": it.to_backend, "to_client": it.to_client, "events": it.events,
                    "memory_bytes": it.memory_bytes,
                }),
                Value::Null,
            ),
            Err(said) => (Value::Null, json!(said)),
        };
        json!({
            "name": self.name, "sha256": self.sha256, "bytes": self.bytes, "world": self.world, "imports": self.imports,
            "compile_ms": self.compile_ms, "shortcut": self.shortcut, "configured": configured, "refused": refused,
        })
    }
}

/// What must stand in the YAML, if the default is not enough with room to work in.
fn limits_needed(memory_bytes: u64) -> String {
    let default = crate::dataplane::route::FilterLimits::default().memory_bytes_max as u64;
    if memory_bytes * 2 <= default {
        return String::new();
    }
    let mib = (memory_bytes * 2).div_ceil(1024 * 1024).next_power_of_two();
    format!("; give it room to work in: limits: {{ memory: {mib}MiB }}")
}
