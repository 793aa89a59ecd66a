//! What came of the steps: counts, times, and what was not run.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{Outcome, workspace};

/// What came of one step.
pub(super) enum Verdict {
    /// It ran, and these are its tests.
    Ran(Counts),
    /// It did not, for this reason.
    NotRun(String),
}

/// How many tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u32,
    pub(super) failed: u32,
}

impl Verdict {
    /// One test, that passed.
    pub(super) fn passed() -> Self {
        Self::Ran(Counts { passed: 1, failed: 0 })
    }

    /// One test, that failed; the reason is said at once.
    pub(super) fn failed(why: &str) -> Self {
        eprintln!("FAILED: {why}");
        Self::Ran(Counts { passed: 0, failed: 1 })
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Ran(a), Self::Ran(b)) => Self::Ran(a + b),
            (Self::NotRun(_), ran) | (ran, Self::NotRun(_)) => ran,
        }
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl Counts {
    /// Adds what a line of `cargo test` says, if it is one that counts:
    /// `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
    pub(super) fn add_line(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ').map(|(number, what)| (number.parse::<u32>(), what)) {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

/// All steps.
pub(super) struct Report {
    began: Instant,
    steps: Vec<(&'static str, Verdict, Duration)>,
}

impl Report {
    /// Forgets what an earlier run did not run.
    pub(super) fn start() -> Self {
        // There may be none.
        let _ = std::fs::remove_file(not_run_file());
        Self { began: Instant::now(), steps: Vec::new() }
    }

    /// Runs one.
    pub(super) fn step(&mut self, name: &'static str, run: fn() -> Verdict) {
        println!("\n== {name}");
        let began = Instant::now();
        let verdict = run();
        if let Verdict::NotRun(why) = &verdict {
            not_run(name, why);
        }
        self.steps.push((name, verdict, began.elapsed()));
    }

    /// Says what came of all. Fails if any failed.
    pub(super) fn end(self) -> Outcome {
        println!("\n{:<16} {:>7} {:>7} {:>8}", "step", "passed", "failed", "time");
        let mut total = Counts::default();
        for (name, verdict, time) in &self.steps {
            let seconds = format!("{:.0} s", time.as_secs_f64());
            match verdict {
                Verdict::Ran(counts) => {
                    total = total + *counts;
                    println!("{name:<16} {:>7} {:>7} {seconds:>8}", counts.passed, counts.failed);
                }
                Verdict::NotRun(_) => println!("{name:<16} {:>15} {seconds:>8}", "not run"),
            }
        }
        let not_run = std::fs::read_to_string(not_run_file()).unwrap_or_default();
        println!("{:<32} {:>8}\n\n{not_run}", "", format!("{:.0} s", self.began.elapsed().as_secs_f64()));
        let skipped = match not_run.lines().count() {
            0 => String::new(),
            count => format!(", {count} skipped"),
        };
        println!("{} passed, {} failed{skipped}", total.passed, total.failed);
        if total.failed == 0 { Ok(()) } else { Err("not all tests passed".into()) }
    }
}

/// Says that a test was not run, aloud and in the file where tests of other programs say so too.
pub(super) fn not_run(what: &str, why: &str) {
    let line = format!("NOT RUN: {what}: {why}\n");
    eprint!("{line}");
    let file = OpenOptions::new().create(true).append(true).open(not_run_file());
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        eprintln!("{}: {error}", not_run_file().display());
    }
}

fn not_run_file() -> PathBuf {
    workspace::root().join("target/not-run.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_every_test_program_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 4 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.2s",
        ] {
            counts.add_line(line);
        }
        assert_eq!(counts, Counts { passed: 7, failed: 2 });
    }
}
