//! `cargo xtask gate`: how many instructions each hot path takes, compared with what was written down when it last changed.
//! Times differ from machine to machine and from minute to minute; instructions of one compiler's code hardly do.
//!
//! The paths are `proxy/benches/hot_paths`. Each is run under callgrind with two numbers of turns, of which only the
//! difference counts: what prepares a case, and loads the program, is in both.

mod counts;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::test::tools::program;
use crate::{Outcome, workspace};
use counts::{Counts, Verdict};

const USAGE: &str = "\
usage: cargo xtask gate [--bless REASON]

Counts the instructions of each hot path and compares them with proxy/benches/hot_paths/counts.md; fails when one takes
over 5 % more. --bless writes down what changed, and the reason.
";

/// Turns of the two runs.
const TURNS: [u64; 2] = [1_600, 3_200];
/// Only Belay is built for speed, all else is what every other test is built of: the WebAssembly runtime alone would take
/// longer than all tests. One unit of code, so that what is inlined does not depend on what else stands in the crate.
const PROFILE: [&str; 3] = ["opt-level=3", "codegen-units=1", "debug=false"];

/// What came of it.
pub(crate) enum Came {
    Held,
    /// Of these paths, in words.
    Rose(Vec<String>),
    /// For this reason.
    CannotCount(String),
}

/// The task.
pub(crate) fn run(mut parser: lexopt::Parser) -> Outcome {
    let mut reason = None;
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Long("bless") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                reason = Some(value.to_string_lossy().trim().to_owned());
            }
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => {
                print!("{USAGE}");
                return Ok(());
            }
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected())),
        }
    }
    if let Some(reason) = reason {
        if reason.is_empty() || reason.contains('|') {
            return Err("a reason is some words, without '|'".into());
        }
        let counted = count()?;
        return Counts::read(&file()).unwrap_or_default().blessed(&rustc(), &counted, &reason).write(&file());
    }
    match check() {
        Came::Held => Ok(()),
        Came::Rose(paths) => Err(format!("more instructions than were written down:\n{}", paths.join("\n"))),
        Came::CannotCount(why) => Err(why),
    }
}

/// Counts, and compares.
pub(crate) fn check() -> Came {
    let Some(known) = Counts::read(&file()) else {
        return Came::CannotCount(format!("{} cannot be read", file().display()));
    };
    let rustc = rustc();
    if known.rustc != rustc {
        return Came::CannotCount(format!("the counts are of {}, and this is {rustc}", known.rustc));
    }
    let counted = match count() {
        Ok(counted) => counted,
        Err(why) => return Came::CannotCount(why),
    };
    let mut rose = Vec::new();
    println!("{:<52} {:>8} {:>8}", "instructions", "were", "are");
    for (path, count) in &counted {
        let was = known.of(path);
        let verdict = Verdict::of(was, *count);
        let was = was.map_or_else(|| "–".to_owned(), |was| was.to_string());
        println!("{path:<52} {was:>8} {count:>8}  {verdict}");
        if verdict.fails() {
            rose.push(format!(
                "{path}: {was}, now {count}. Find out why; if it is worth it: cargo xtask gate --bless REASON"
            ));
        }
    }
    if rose.is_empty() { Came::Held } else { Came::Rose(rose) }
}

fn file() -> PathBuf {
    workspace::root().join("proxy/benches/hot_paths/counts.md")
}

/// The compiler and the machine that it compiles for.
fn rustc() -> String {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    format!("{version}, {}", std::env::consts::ARCH)
}

/// Instructions of each path.
fn count() -> Result<Vec<(String, u64)>, String> {
    program("valgrind", "valgrind")?;
    let bench = build()?;
    // Once without being counted: it fills the cache of compiled filters, with what is compiled for valgrind's processor.
    let mut uncounted = Command::new("valgrind");
    uncounted.arg("--tool=none").arg(&bench);
    said(uncounted)?;
    let mut list = Command::new(&bench);
    list.arg("--list");
    let list = said(list)?;
    let paths: Vec<&str> = list.lines().collect();
    let counted = Mutex::new(vec![Err("not counted".to_owned()); paths.len()]);
    let next = Mutex::new(0..paths.len());
    let take = || next.lock().ok()?.next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(at) = take() {
                    let count = instructions(&bench, paths[at]);
                    if let Ok(mut counted) = counted.lock() {
                        counted[at] = count;
                    }
                }
            });
        }
    });
    let counted = counted.into_inner().map_err(|error| error.to_string())?;
    paths.iter().zip(counted).map(|(path, count)| Ok(((*path).to_owned(), count?))).collect()
}

/// The program, as cargo names it.
fn build() -> Result<PathBuf, String> {
    let mut cargo = workspace::cargo();
    // The whole workspace, as the tests are built: crates have other features for one package, and would all be built again.
    cargo.args(["build", "--locked", "--workspace", "--bench", "hot_paths", "--message-format", "json"]);
    for option in PROFILE {
        cargo.arg("--config").arg(format!("profile.dev.package.belay.{option}"));
    }
    // It would cut the code into many units.
    cargo.env("CARGO_INCREMENTAL", "0").stderr(Stdio::inherit());
    let output = said(cargo)?;
    let named = output.lines().filter(|line| line.contains("\"name\":\"hot_paths\""));
    let program = named.filter_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next()).next_back();
    program.map(PathBuf::from).ok_or_else(|| "cargo built no hot_paths".into())
}

/// For one turn.
fn instructions(bench: &Path, path: &str) -> Result<u64, String> {
    let run = |turns: u64| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(bench);
        valgrind.args(["--count", path, &turns.to_string()]).stdin(Stdio::null());
        let output = valgrind.output().map_err(|error| format!("valgrind: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
        collected.filter(|_| output.status.success()).ok_or_else(|| format!("{path} was not counted:\n{said}"))
    };
    let [fewer, more] = TURNS;
    Ok(run(more)?.saturating_sub(run(fewer)?) / (more - fewer))
}

fn said(mut command: Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{name} ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}
