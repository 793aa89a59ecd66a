//! The word-guard of every language: built, and judged by the conformance script. What cannot be built here is said, one line
//! a language, and not counted as passed. Nothing is measured: `cargo xtask languages` does that.

use super::report::{self, Counts, Verdict};
use crate::languages::toolchains::LANGUAGES;
use crate::languages::{Came, judge};
use crate::workspace;

pub(super) fn run() -> Verdict {
    let belay = workspace::program("belay");
    let mut counts = Counts::default();
    let mut nothing_ran = true;
    for language in LANGUAGES {
        println!("\n-- {}", language.name);
        match judge(&belay, language) {
            Came::Conforms { toolchain, .. } => {
                println!("{}: conforms ({toolchain})", language.name);
                counts.passed += 1;
                nothing_ran = false;
            }
            Came::NotHere(why) => report::not_run(&format!("word-guard in {}", language.name), &why),
            Came::Differs(why) => {
                eprintln!("FAILED: {}: {why}", language.name);
                counts.failed += 1;
                nothing_ran = false;
            }
        }
    }
    if nothing_ran { Verdict::NotRun("no language could be built, see above".into()) } else { Verdict::Ran(counts) }
}
