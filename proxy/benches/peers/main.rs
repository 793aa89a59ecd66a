//! `cargo xtask bench`: Belay beside its peers, in one run on one machine. What is measured and how is in [`options::HELP`];
//! what the figures should be is not for this program to say.
//!
//! The load generator is this process. The echo backend is a second one, started from the same program; each proxy is a
//! third. So each has its own file limit, and the proxy's own CPU and memory can be read from outside.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod backend;
mod echo;
#[path = "../../tests/support/guest.rs"]
mod guest;
mod histogram;
mod idle;
mod kill;
mod link;
mod load;
mod options;
mod process;
mod reload;
mod report;
mod subject;
mod wire;

use std::process::ExitCode;

use options::{Invocation, Options};
use report::Report;
use subject::Subject;

/// What goes wrong is told to whoever ran the bench, in words.
type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let outcome = match options::parse() {
        Ok(Invocation::Help) => {
            print!("{}", options::HELP);
            Ok(())
        }
        Ok(Invocation::NotABench) => {
            println!("nothing to do: this is a bench, run it by `cargo xtask bench`");
            Ok(())
        }
        Ok(Invocation::Backend(address)) => backend::run(address).map_err(|error| format!("{address}: {error}")),
        Ok(Invocation::Bench(options)) => bench(&options),
        Err(message) => Err(message),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Subjects take turns in every scenario, so that a slow minute of the machine does not fall on one of them alone.
fn bench(options: &Options) -> Outcome<()> {
    let files = process::raise_file_limit()?;
    options.fits_into(files)?;
    let subjects = Subject::choose(options)?;
    let mut report = Report::new(options, &subjects);

    for subject in &subjects {
        if options.does(options::Scenario::Idle) && subject.is_proxy() {
            report.idle(subject, idle::measure(subject, options));
        }
    }
    for round in 1..=options.rounds {
        for subject in &subjects {
            for connections in echo::CONNECTIONS {
                if options.does(options::Scenario::Echo) {
                    report.echo(subject, connections, echo::measure(subject, options, connections, round));
                }
            }
        }
    }
    for subject in &subjects {
        if options.does(options::Scenario::Kill) {
            report.kill(subject, kill::measure(subject, options));
        }
    }
    if options.does(options::Scenario::Reload) {
        let subject = Subject::belay_counting(options);
        report.reload(reload::measure(&subject, options));
    }
    report.finish()
}
