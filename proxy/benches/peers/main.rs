//! `cargo xtask bench`: Belay beside its peers, in one run on one machine. What is measured and how is in
//! [`options::HELP`]; what the figures should be is in [`targets`].
//!
//! The load generator is this process. The echo backend is a second one, started from the same program; each proxy is a
//! third. So each has its own file limit, and the proxy's own CPU and memory can be read from outside.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints tables")]

mod accept;
mod admin;
mod backend;
mod echo;
mod figures;
mod filters;
#[path = "../../tests/support/guest.rs"]
mod guest;
mod heartbeat;
mod histogram;
mod idle;
mod kill;
mod link;
mod load;
mod machine;
mod options;
mod page;
mod plot;
mod process;
mod reload;
mod scale;
mod start;
mod subject;
mod table;
mod tables;
mod targets;
mod turns;
mod wire;

use std::process::ExitCode;

use figures::Figures;
use options::{Invocation, Options, Scenario};
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
        Ok(Invocation::Crowd(arguments)) => scale::crowd::run(&arguments),
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

/// Measures, and tells of it; fails if anything could not be measured.
fn bench(options: &Options) -> Outcome<()> {
    let files = process::raise_file_limit()?;
    options.fits_into(files)?;
    let subjects = Subject::choose(options)?;
    let mut figures = Figures::begin(options, &subjects)?;
    for scenario in options.scenarios() {
        measure(scenario, &subjects, options, &mut figures);
        // So that what was measured is there, whatever becomes of the rest.
        figures.write()?;
    }
    tables::of(&figures).iter().for_each(|table| println!("\n{}", table.text()));
    println!("\n{}", targets::table(&figures).text());
    println!("\nall figures: {}", figures::file().display());
    if let Some(folder) = &options.docs {
        page::write(&figures, folder)?;
    }
    let failed = |(scenario, why): &(Scenario, String)| format!("{scenario}, {why}");
    let failures: Vec<String> = figures.failures.iter().map(failed).collect();
    if failures.is_empty() { Ok(()) } else { Err(format!("some runs failed\n{}", failures.join("\n"))) }
}

/// Subjects take turns in every round, so that a slow minute of the machine does not fall on one of them alone.
fn measure(scenario: Scenario, subjects: &[Subject], options: &Options, figures: &mut Figures) {
    let subjects = || subjects.iter().filter(move |subject| subject.does(scenario));
    match scenario {
        Scenario::Idle => subjects().for_each(|subject| {
            let idle = figures.took(scenario, subject.name, idle::measure(subject, options));
            figures.row(subject.name).idle = idle;
        }),
        Scenario::Kill => subjects().for_each(|subject| {
            let kill = figures.took(scenario, subject.name, kill::measure(subject, options));
            figures.row(subject.name).kill = kill;
        }),
        Scenario::Reload => figures.reload = figures.took(scenario, "belay", reload::measure(options)),
        Scenario::Start => {
            figures.start_ms = figures.took(scenario, "belay", start::measure(options)).unwrap_or_default();
        }
        Scenario::Scale => figures.scale = figures.took(scenario, "belay", scale::measure(options)),
        Scenario::Echo | Scenario::Accept | Scenario::Filters | Scenario::Heartbeat => {
            for round in 1..=options.rounds {
                measure_round(scenario, round, &mut subjects(), options, figures);
            }
        }
    }
}

fn measure_round(
    scenario: Scenario,
    round: u32,
    subjects: &mut dyn Iterator<Item = &Subject>,
    options: &Options,
    figures: &mut Figures,
) {
    match scenario {
        Scenario::Filters => {
            let costs = figures.took(scenario, "belay", filters::measure(options, round));
            figures.filters.extend(costs.map(|costs| (round, costs)));
        }
        Scenario::Heartbeat => {
            let heartbeat = figures.took(scenario, "belay", heartbeat::measure(options, round));
            figures.heartbeat.extend(heartbeat.map(|heartbeat| (round, heartbeat)));
        }
        Scenario::Accept => subjects.for_each(|subject| {
            let accept = figures.took(scenario, subject.name, accept::measure(subject, options, round));
            figures.row(subject.name).accept.extend(accept.map(|accept| (round, accept)));
        }),
        _ => subjects.for_each(|subject| {
            for connections in echo::CONNECTIONS {
                let echo = figures.took(scenario, subject.name, echo::measure(subject, options, connections, round));
                let rounds = figures.row(subject.name).echo.entry(connections).or_default();
                rounds.extend(echo.map(|echo| (round, echo)));
            }
        }),
    }
}
