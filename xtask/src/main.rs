//! `cargo xtask <task>`: what a developer of Belay runs. Each task is a module; this file only chooses.
//!
//! It has next to no dependencies: the first command that a newcomer runs must not wait for the tool that runs it.

mod bench;
mod child;
mod demo;
mod filters;
mod gate;
mod image;
mod languages;
mod simulate;
mod test;
mod workspace;

use std::process::ExitCode;

/// What a task returns: the message of an error is all that its user sees of it.
type Outcome = Result<(), String>;

const USAGE: &str = "\
usage: cargo xtask <task>

tasks:
  demo      build Belay and a small chat, start both, and say what to open (--help: its options)
  bench     measure Belay beside its peers (--help: how)
  gate      count the instructions of the hot paths, and compare (--help: how)
  simulate  compare ways to find dead clients, in virtual time (simulate heartbeats --help: how)
  test      run every test there is (--help: one step alone)
  filters   build the filters that ship with Belay (--help: its options)
  image     build Belay's image, for both processors (--help: how)
  languages build, judge and measure the same filter in every language (--help: how)
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let task = arguments.next().unwrap_or_else(|| "help".into());
    let outcome: Outcome = match task.to_string_lossy().as_ref() {
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        "bench" => bench::run(arguments),
        "gate" => gate::run(lexopt::Parser::from_args(arguments)),
        "demo" => demo::run(lexopt::Parser::from_args(arguments)),
        "simulate" => simulate::run(arguments),
        "test" => test::run(lexopt::Parser::from_args(arguments)),
        "filters" => filters::run(arguments),
        "image" => image::run(lexopt::Parser::from_args(arguments)),
        "languages" => languages::run(lexopt::Parser::from_args(arguments)),
        child::TASK => child::become_program(arguments),
        unknown => Err(format!("there is no task '{unknown}'\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
