//! The command line: `belay run FILE`, `belay check FILE`, `belay schema`, and what is asked of a Belay that runs. It reads the
//! file and prints; what runs is the app's. `belay filter …` is the workshop's.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command line says, it says there")]

mod admin;
mod drain;
mod numbers;
mod probe;
mod sessions;
mod table;
mod top;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Colour, Config, Diagnostics};
use crate::workshop;

/// The file has mistakes. Wrong usage is 2, which is clap's.
const MISTAKES: u8 = 1;

/// A sidecar proxy that keeps messaging clients connected while backends come and go.
#[derive(Parser)]
#[command(name = "belay", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve as the file says, until SIGTERM.
    ///
    /// SIGTERM or SIGINT: no more clients are taken, and those that are there are sent away as the file's `drain` says; once
    /// more: at once. SIGHUP: the file is read again, as it is whenever it changes.
    Run {
        /// The configuration, in YAML.
        file: PathBuf,
    },
    /// Say everything that is wrong with the file, or that nothing is.
    Check {
        /// The configuration, in YAML. `-` reads standard input; paths in it are then relative to where you are.
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Write, build, test and try a filter.
    #[command(subcommand)]
    Filter(workshop::Command),
    /// List, show, close or drain the sessions of a running Belay.
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    Top(top::Top),
    Drain(drain::Drain),
    Probe(probe::Probe),
}

/// What the command line leaves to the rest of the program.
pub struct Hooks {
    /// Serves until it is told to stop.
    pub run: fn(Config) -> ExitCode,
    /// What `check` tries beyond the file itself, such as compiling the filters; each error is a line.
    pub check: fn(&Config) -> Result<(), Vec<String>>,
}

/// Does what the command line says.
pub fn main(hooks: &Hooks) -> ExitCode {
    match Arguments::parse().command {
        Command::Run { file } => load(config::load(&file)).map_or_else(|code| code, hooks.run),
        Command::Check { file } => check(&file, hooks.check),
        Command::Schema => {
            println!("{:#}", config::schema());
            ExitCode::SUCCESS
        }
        Command::Filter(command) => workshop::main(command, hooks.run),
        Command::Sessions(sessions) => told(sessions::run(sessions)),
        Command::Top(top) => told(top::run(&top)),
        Command::Drain(drain) => told(drain::run(&drain)),
        Command::Probe(probe) => told(probe::run(&probe)),
    }
}

/// What a running Belay was asked did not come to be.
fn told(outcome: Result<ExitCode, String>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn load(read: Result<Config, Diagnostics>) -> Result<Config, ExitCode> {
    read.map_err(|mistakes| {
        let colour = if std::io::stderr().is_terminal() { Colour::Ansi } else { Colour::Plain };
        eprint!("{}", mistakes.render(colour));
        ExitCode::from(MISTAKES)
    })
}

fn check(file: &Path, further: fn(&Config) -> Result<(), Vec<String>>) -> ExitCode {
    let read = match file.to_str() {
        Some("-") => config::load_from(std::io::stdin().lock(), Path::new("standard input")),
        _ => config::load(file),
    };
    let config = match load(read) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(errors) = further(&config) {
        for error in errors {
            eprintln!("error: {error}");
        }
        return ExitCode::from(MISTAKES);
    }
    let dataplane = &config.dataplane;
    let listeners = counted(dataplane.listeners.len(), "listener");
    let routes = counted(dataplane.routes.0.len(), "route");
    println!("ok: {listeners}, {routes}, {}", counted(dataplane.filters.len(), "filter"));
    ExitCode::SUCCESS
}

/// So many of something.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
