//! `cargo xtask simulate heartbeats`: ways to find dead clients, side by side in one made-up world and in virtual time. The
//! probes are the program's own, [`belay::dataplane::probe`]; nothing here waits for a clock. What is modelled and how is in
//! [`HELP`] and in `people`; what the figures should be is not for this program to say.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod askers;
mod events;
mod figures;
mod mars;
mod path;
mod people;
mod plot;
mod world;

use std::process::ExitCode;

use askers::Way;
use figures::Figures;
use world::World;

const HELP: &str = "\
usage: cargo xtask simulate heartbeats [options]

Simulates clients behind NATs, and each way to find the dead ones, with the same clients, networks, losses and deaths.

  --clients N     how many (default 4000)
  --hours N       how long after the first day, in which ways that learn have learned (default 24)
  --seed N        of the dice (default 1)
  --only TEXT     only ways with this in their name
  --nat-from N    only networks that keep connections for so many seconds or longer (default 30)
  --plot FILE     where the plot goes
  --markdown      prints the table as the documentation has it
";

struct Options {
    clients: usize,
    hours: u64,
    seed: u64,
    nat_from: u64,
    only: String,
    plot: Option<std::path::PathBuf>,
    markdown: bool,
}

fn main() -> ExitCode {
    match options() {
        Ok(Some(options)) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("heartbeats: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heartbeats: {error}\n\n{HELP}");
            ExitCode::FAILURE
        }
    }
}

/// Nothing where there is nothing to do: `cargo test --benches` runs benches too.
fn options() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut options =
        Options { clients: 4_000, hours: 24, seed: 1, nat_from: 30, only: String::new(), plot: None, markdown: false };
    let mut is_bench = false;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("bench") => is_bench = true,
            Long("clients") => options.clients = arguments.value()?.parse()?,
            Long("hours") => options.hours = arguments.value()?.parse()?,
            Long("seed") => options.seed = arguments.value()?.parse()?,
            Long("nat-from") => options.nat_from = arguments.value()?.parse()?,
            Long("only") => options.only = arguments.value()?.string()?,
            Long("plot") => options.plot = Some(arguments.value()?.into()),
            Long("markdown") => options.markdown = true,
            Long("help") => {
                print!("{HELP}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    if !is_bench {
        println!("nothing to do: this is a bench, run it by `cargo xtask simulate heartbeats`");
    }
    Ok(is_bench.then_some(options))
}

fn run(options: &Options) -> std::io::Result<()> {
    let ways = Way::all().into_iter().filter(|way| way.name.contains(&options.only));
    let print = |row: &[String]| figures::print_row(row, options.markdown);
    print(&figures::heads());
    if options.markdown {
        print(&vec!["---".to_owned(); figures::heads().len()]);
    }
    let mut all: Vec<(Way, Figures)> = Vec::new();
    for way in ways {
        let figures = World::new(&way, options.clients, options.nat_from, options.seed).run(options.hours);
        print(&figures.row(&way.name));
        all.push((way, figures));
    }
    match &options.plot {
        Some(file) => std::fs::write(file, plot::svg(&all)),
        None => Ok(()),
    }
}
