//! `cargo xtask <task>`: what a developer of Belay runs. Each task is a module; this file only chooses.

use std::process::ExitCode;

/// What a task returns: the message of an error is all that its user sees of it.
type Outcome = Result<(), String>;

const USAGE: &str = "\
usage: cargo xtask <task>

tasks:
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome: Outcome = match arguments.next().as_deref() {
        None | Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            Ok(())
        }
        Some(unknown) => Err(format!("there is no task '{unknown}'\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
