//! `belay filter test`: plays scripts, and says what is otherwise.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command line says, it says there")]

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::rehearsal::{Author, Failure, Line, Outcome, Theatre};
use super::script::{LogLevel, Script};
use super::{FAILED, MISUSED, source};
use crate::cli::counted;
use crate::config::{self, Colour};

/// Lines of the log that are shown with a failure; the last ones say most.
const LINES_SHOWN_MAX: usize = 10;

/// Plays each script on a host of its own.
pub(super) fn run(filter: &Path, scripts: &[PathBuf]) -> ExitCode {
    match played(filter, scripts) {
        Ok(code) => code,
        Err(mistakes) => {
            eprintln!("{}", mistakes.trim_end());
            ExitCode::from(MISUSED)
        }
    }
}

/// The error is what was wrong with what was given.
fn played(filter: &Path, files: &[PathBuf]) -> Result<ExitCode, String> {
    let colour = if std::io::stderr().is_terminal() { Colour::Ansi } else { Colour::Plain };
    let load = |path: &PathBuf| match config::load_script(path) {
        Ok(script) => Ok((path.clone(), script)),
        Err(mistakes) => Err(mistakes.render(colour)),
    };
    let scripts: Vec<(PathBuf, Script)> = files.iter().map(load).collect::<Result<_, _>>()?;
    let component = source::component(filter).map_err(|error| format!("error: {error}"))?;
    let theatre = Theatre::open(&source::name(filter), component, source::cache())
        .map_err(|error| format!("error: {}: {error}", filter.display()))?;
    let (mut passed, mut failed, mut steps) = (0, 0, 0);
    for (path, script) in &scripts {
        for (scenario, outcome) in theatre.play(script) {
            match outcome {
                Outcome::Passed { steps: more } => {
                    println!("ok      {}", scenario.name);
                    passed += 1;
                    steps += more;
                }
                Outcome::Failed(failure) => {
                    println!("FAILED  {}", scenario.name);
                    print!("{}", described(&failure, path));
                    failed += 1;
                }
            }
        }
    }
    let (scenarios, steps) = (counted(passed, "scenario"), counted(steps, "step"));
    println!("\n{scenarios} passed ({steps}), {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn described(failure: &Failure, script: &Path) -> String {
    let step = failure.step.map_or_else(String::new, |step| format!("step {step}, "));
    let mut out = format!("        {}:{}: {step}{}\n", script.display(), failure.line, failure.event);
    for difference in &failure.differences {
        out += &format!("          {}\n", difference.of);
        out += &format!("            expected  {}\n", difference.expected);
        out += &format!("            got       {}\n", difference.got);
    }
    let hidden = failure.log.len().saturating_sub(LINES_SHOWN_MAX);
    if !failure.log.is_empty() {
        out += "          log of this step\n";
    }
    if hidden > 0 {
        out += &format!("            ({hidden} lines before)\n");
    }
    for line in &failure.log[hidden..] {
        out += &format!("            {}\n", said(line));
    }
    out
}

fn said(line: &Line) -> String {
    let level = match line.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info ",
        LogLevel::Warn => "warn ",
        LogLevel::Error => "error",
    };
    let by = match line.by {
        Author::Filter => "",
        Author::Host => "host: ",
    };
    format!("{level}  {by}{}", line.text)
}
