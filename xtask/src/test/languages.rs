//! Every language that filters are written in: its word-guard and the tour of its SDK, built and judged by the conformance
//! scripts, and their tests in the SDK's fake host. What cannot be built here is said, one line each, and not counted as passed.
//! Nothing is measured: `cargo xtask languages` does that.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use super::report::{self, Counts, Verdict};
use crate::languages::toolchains::{self, LANGUAGES, Language, Suite};
use crate::languages::{Came, judge, tour};
use crate::workspace;

pub(super) fn run() -> Verdict {
    let belay = workspace::program("belay");
    let mut counts = Counts::default();
    for language in LANGUAGES {
        println!("\n-- {}", language.name);
        let sample = judge(&belay, language);
        let is_here = !matches!(sample, Came::NotHere(_));
        count(&mut counts, &format!("word-guard in {}", language.name), sample);
        if !is_here {
            continue;
        }
        count(&mut counts, &format!("the tour in {}", language.name), tour(&belay, language));
        for suite in language.suites {
            test(&mut counts, language, suite);
        }
    }
    if counts == Counts::default() {
        return Verdict::NotRun("no language could be built, see above".into());
    }
    Verdict::Ran(counts)
}

fn count(counts: &mut Counts, what: &str, came: Came) {
    match came {
        Came::Conforms { toolchain, .. } => {
            println!("{what}: conforms ({toolchain})");
            counts.passed += 1;
        }
        Came::NotHere(why) => report::not_run(what, &why),
        Came::Differs(why) => {
            eprintln!("FAILED: {what}: {why}");
            counts.failed += 1;
        }
    }
}

fn test(counts: &mut Counts, language: &Language, suite: &Suite) {
    let what = format!("{}, tests of {}", language.name, suite.folder);
    for way in suite.ways {
        let [program, arguments @ ..] = way else { continue };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(workspace::root().join(suite.folder)).stdin(Stdio::null());
        match command.env("PATH", toolchains::path()).status() {
            Ok(status) if status.success() => {
                println!("{what}: passed");
                counts.passed += 1;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Ok(status) => {
                eprintln!("FAILED: {what}: {program} ended with {status}");
                counts.failed += 1;
            }
            Err(error) => {
                eprintln!("FAILED: {what}: {program}: {error}");
                counts.failed += 1;
            }
        }
        return;
    }
    let programs: Vec<&str> = suite.ways.iter().filter_map(|way| way.first().copied()).collect();
    report::not_run(&what, &format!("none of {} is there", programs.join(", ")));
}
