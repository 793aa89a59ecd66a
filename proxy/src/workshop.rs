//! `belay filter …`: what the author of a filter does with it before it serves. Each command is a module; what a filter is
//! run by is the same [`wasm`](crate::wasm) that serves.

mod bench;
mod build;
mod componentize;
mod inspect;
mod new;
pub mod rehearsal;
mod run;
pub mod script;
pub mod solo;
mod source;
mod test;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use self::bench::Bench;
use self::inspect::Form;
use self::run::Trial;
use crate::config::{self, Config};
use crate::dataplane::callout::Origin;

/// Something differs, or cannot be done.
const FAILED: u8 = 1;
/// The command was not given what it needs, as with clap's own.
const MISUSED: u8 = 2;

/// What can be done with a filter.
#[derive(Subcommand)]
pub enum Command {
    /// Make a project that builds and tests at once.
    New {
        /// In which language.
        #[arg(long)]
        lang: String,
        /// The filter's name, and its folder's.
        name: String,
        /// Where the folder goes.
        #[arg(long, default_value = ".")]
        into: PathBuf,
    },
    /// Build a project to a component, and check it.
    Build {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Where the component goes. Without it, into the folder, named as that is.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Say what a filter is: its world, what it asks for, what it takes.
    Inspect {
        /// The filter: a component.
        filter: PathBuf,
        /// The filter's config, as JSON or YAML, or `@FILE`.
        #[arg(long)]
        config: Option<String>,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Drive a filter through a script of events, and compare its answers.
    Test {
        /// The filter: a component.
        filter: PathBuf,
        /// Scripts, in YAML.
        #[arg(required = true)]
        scripts: Vec<PathBuf>,
    },
    /// Measure what a filter costs: time for each message, memory and time for each instance.
    Bench {
        /// The filter: a component.
        filter: PathBuf,
        /// The filter's config, as JSON or YAML, or `@FILE`.
        #[arg(long)]
        config: Option<String>,
        /// What the client asks for.
        #[arg(long, default_value = "/?name=bench")]
        target: String,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Serve with this one filter, and tell what it answers.
    Run {
        /// The filter: a component. When it changes, the new version takes over.
        filter: PathBuf,
        /// Where the backend is: `ws://HOST:PORT/PATH` or `tcp://HOST:PORT`.
        #[arg(long)]
        backend: String,
        /// Where clients come.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// The filter's config, as JSON or YAML, or `@FILE`.
        #[arg(long)]
        config: Option<String>,
        /// An origin that the filter may ask by callouts, such as `http://127.0.0.1:9000`. May be given more than once.
        #[arg(long, value_name = "ORIGIN")]
        allow: Vec<Origin>,
    },
    /// Print the JSON Schema of scripts, for editors.
    Schema,
}

/// Does what the command line says. `serve` is what runs a configuration.
pub fn main(command: Command, serve: fn(Config) -> ExitCode) -> ExitCode {
    match command {
        Command::Bench { filter, config, target, json } => with_config(config.as_deref(), |config| {
            let form = if json { Form::Json } else { Form::Text };
            bench::run(&filter, &Bench { config, target: &target, form })
        }),
        Command::Build { folder, out } => build::run(&folder, out.as_deref()),
        Command::Inspect { filter, config, json } => with_config(config.as_deref(), |config| {
            inspect::run(&filter, config, if json { Form::Json } else { Form::Text })
        }),
        Command::Run { filter, backend, listen, config, allow } => with_config(config.as_deref(), |config| {
            run::run(&Trial { filter: &filter, config, backend: &backend, listen, allow: &allow }, serve)
        }),
        Command::New { lang, name, into } => new::run(&lang, &name, &into),
        Command::Test { filter, scripts } => test::run(&filter, &scripts),
        Command::Schema => {
            #[expect(clippy::print_stdout, reason = "it was asked for")]
            {
                println!("{:#}", config::script_schema());
            }
            ExitCode::SUCCESS
        }
    }
}

#[expect(clippy::print_stderr, reason = "what is wrong with a command line is said there")]
fn with_config(given: Option<&str>, act: impl FnOnce(&serde_json::Value) -> ExitCode) -> ExitCode {
    match source::config(given) {
        Ok(config) => act(&config),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(MISUSED)
        }
    }
}
