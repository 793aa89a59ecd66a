//! `cargo xtask test`: every test there is, one step after the other, also when one fails; then what came of each, what
//! was not run and why, and the counts.

mod browser;
mod chart;
mod image;
mod languages;
mod report;
pub(crate) mod tools;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::gate::{self, Came};
use crate::{Outcome, workspace};
use report::{Counts, Report, Verdict};

const USAGE: &str = "\
usage: cargo xtask test [STEP…]

Without steps, all of them are run: ";

/// A part of the whole, by name.
struct Step {
    name: &'static str,
    run: fn() -> Verdict,
}

const STEPS: [Step; 12] = [
    Step { name: "format", run: format },
    Step { name: "clippy", run: clippy },
    Step { name: "build", run: build },
    Step { name: "tests", run: tests },
    Step { name: "gate", run: instructions },
    Step { name: "filters", run: filters },
    Step { name: "languages", run: languages::run },
    Step { name: "fuzz-targets", run: fuzz_targets },
    Step { name: "browser", run: browser::run },
    Step { name: "chart", run: chart::run },
    Step { name: "image", run: image::run },
    Step { name: "licences", run: licences },
];

/// Not run unless it is named: it takes the machine over for a while, as root.
const ON_REQUEST: Step = Step { name: "node", run: chart::run_on_a_node };

/// Runs the steps that were asked for, or all.
pub(crate) fn run(mut parser: lexopt::Parser) -> Outcome {
    let mut names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    let usage = format!("{USAGE}{}\nOnly when it is named: {}\n", names.join(", "), ON_REQUEST.name);
    names.push(ON_REQUEST.name);
    let mut wanted = Vec::new();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Value(name) if names.iter().any(|known| name == **known) => wanted.push(name),
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => {
                print!("{usage}");
                return Ok(());
            }
            other => return Err(format!("{}\n\n{usage}", other.unexpected())),
        }
    }
    let mut report = Report::start();
    for step in &STEPS {
        if wanted.is_empty() || wanted.iter().any(|name| name == step.name) {
            report.step(step.name, step.run);
        }
    }
    if wanted.iter().any(|name| name == ON_REQUEST.name) {
        report.step(ON_REQUEST.name, ON_REQUEST.run);
    }
    report.end()
}

fn format() -> Verdict {
    one(workspace::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Verdict {
    // The fuzz targets are checked like everything else, though only a fuzzer links them.
    let everything = ["--workspace", "--all-targets", "--features", "belay-fuzz/targets"];
    one(workspace::cargo().args(["clippy", "--locked"]).args(everything).args(["--", "--deny", "warnings"]))
}

/// All that the later steps run, at once, so that nothing is built twice.
fn build() -> Verdict {
    one(workspace::cargo().args(["build", "--locked", "--workspace", "--lib", "--bins", "--tests", "--examples"]))
}

/// Everything that is a Rust test: unit, whole-process and documentation tests, with the tools that some of them talk to.
fn tests() -> Verdict {
    tools::install();
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    cargo.env("BELAY_TEST_TOOLS", tools::folder()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = match cargo.spawn() {
        Ok(child) => child,
        Err(error) => return Verdict::failed(&format!("cannot run cargo: {error}")),
    };
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            counts.add_line(&line);
            println!("{line}");
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Verdict::Ran(counts),
        // Something did not even compile.
        _ if counts.failed == 0 => Verdict::Ran(Counts { failed: 1, ..counts }),
        _ => Verdict::Ran(counts),
    }
}

/// The hot paths take no more instructions than they did.
fn instructions() -> Verdict {
    match gate::check() {
        Came::Held => Verdict::passed(),
        Came::Rose(paths) => Verdict::failed(&paths.join("\n")),
        Came::CannotCount(why) => Verdict::NotRun(why),
    }
}

/// The filters that ship are built anew from their sources, and compared. That the sources are those that the components
/// were made of is one of the tests, and needs no compiler.
fn filters() -> Verdict {
    /// How the builder begins to say that it found no compiler.
    const NO_COMPILER: &str = "filters: no compiler for ";

    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--locked", "--package", "filter-builder", "--", "--check"]);
    match cargo.stdin(Stdio::null()).stdout(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => Verdict::passed(),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            eprint!("{said}");
            match said.lines().find(|line| line.starts_with(NO_COMPILER)) {
                Some(_) => Verdict::NotRun("no compiler for wasm32-unknown-unknown could be had, see above".into()),
                None => Verdict::failed(&output.status.to_string()),
            }
        }
        Err(error) => Verdict::failed(&format!("cannot run cargo: {error}")),
    }
}

/// They are run by whoever looks for bugs; here it is enough that they compile.
fn fuzz_targets() -> Verdict {
    one(workspace::cargo().args(["check", "--locked", "--package", "belay-fuzz", "--features", "targets", "--bins"]))
}

/// Licences, sources, duplicates and known holes of the dependencies: `deny.toml`.
fn licences() -> Verdict {
    let Some(deny) = tools::cargo_deny() else {
        return Verdict::NotRun("cargo-deny could not be installed, see above".into());
    };
    let check = |what: &[&str]| {
        let mut command = Command::new(&deny);
        command.current_dir(workspace::root()).args(["--workspace", "--all-features", "check"]).args(what);
        command
    };
    let verdict = one(&mut check(&["bans", "licenses", "sources"]));
    if !tools::fetch_advisories(&deny) {
        report::not_run("advisories", "the RustSec database (github.com/rustsec/advisory-db) cannot be reached");
        return verdict;
    }
    verdict.and(one(&mut check(&["advisories"])))
}

/// A command that is one test.
fn one(command: &mut Command) -> Verdict {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Verdict::passed(),
        Ok(status) => Verdict::failed(&status.to_string()),
        Err(error) => Verdict::failed(&format!("cannot run {}: {error}", command.get_program().display())),
    }
}
