//! `cargo xtask languages`: the same filter in every language that there is an SDK for, built by `belay filter build`, judged
//! by `belay filter test`, and measured by `belay filter bench`: the table in `docs/languages.md`. How a language is built is
//! Belay's to know; here stands only which there are, and what has to be installed first.

mod table;
pub(crate) mod toolchains;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use self::table::{Figures, Row};
use self::toolchains::{LANGUAGES, Language};
use crate::{Outcome, workspace};

const USAGE: &str = "\
usage: cargo xtask languages [LANGUAGE…]

Builds examples/filters/<language> with Belay's own tools, runs sdk/conformance/word-guard.yaml against each, measures it, and
writes docs/languages.md. With languages: only these, and the table goes to the terminal alone.
";

/// What became of one language.
pub(crate) enum Came {
    /// It was built, and does what the script says.
    Conforms {
        /// Its component.
        component: PathBuf,
        /// As its tools name themselves.
        toolchain: String,
    },
    /// Its tools cannot be had here.
    NotHere(String),
    /// It does not build, or does something else.
    Differs(String),
}

/// Builds and measures all, or those that are named.
pub(crate) fn run(mut parser: lexopt::Parser) -> Outcome {
    let mut wanted: Vec<OsString> = Vec::new();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Value(name) if LANGUAGES.iter().any(|language| name == language.folder) => wanted.push(name),
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => {
                print!("{USAGE}");
                return Ok(());
            }
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected())),
        }
    }
    eprintln!("building Belay with everything optimised; the first time takes minutes");
    let built = workspace::cargo().args(["build", "--release", "--locked", "--package", "belay"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("Belay was not built".into());
    }
    let belay = workspace::target().join("release").join(format!("belay{}", std::env::consts::EXE_SUFFIX));
    let chosen = |language: &&Language| wanted.is_empty() || wanted.iter().any(|name| name == language.folder);
    let mut rows = Vec::new();
    let mut differ = Vec::new();
    for language in LANGUAGES.iter().filter(chosen) {
        println!("\n== {}", language.name);
        let row = match judge(&belay, language) {
            Came::Conforms { component, toolchain } => {
                Row::Measured { language, toolchain, figures: measure(&belay, &component)? }
            }
            Came::NotHere(why) => Row::NotHere { language, why },
            Came::Differs(why) => {
                differ.push(format!("{}: {why}", language.name));
                continue;
            }
        };
        rows.push(row);
    }
    let table = table::table(&rows);
    println!("\n{table}");
    if wanted.is_empty() && differ.is_empty() {
        table::write(&table)?;
    }
    if differ.is_empty() { Ok(()) } else { Err(differ.join("\n")) }
}

/// Builds a language's sample, and runs the script against it.
pub(crate) fn judge(belay: &Path, language: &Language) -> Came {
    if let Err(why) = (language.install)() {
        return Came::NotHere(why);
    }
    let project = format!("examples/filters/{}", language.folder);
    play(belay, language, "word-guard", &project, &["sdk/conformance/word-guard.yaml"])
}

/// Builds the filter of the SDK's own that uses all of it, and runs its scripts.
pub(crate) fn tour(belay: &Path, language: &Language) -> Came {
    play(belay, language, "tour", &format!("sdk/{}/tests/tour", language.folder), language.tour)
}

/// Builds a project, and runs scripts against it.
fn play(belay: &Path, language: &Language, name: &str, project: &str, scripts: &[&str]) -> Came {
    let component = workspace::target().join("languages").join(format!("{}-{name}.wasm", language.folder));
    if let Err(error) = component.parent().map_or(Ok(()), std::fs::create_dir_all) {
        return Came::Differs(error.to_string());
    }
    let mut build = command(belay, "build");
    build.arg(workspace::root().join(project)).arg("--out").arg(&component).stderr(Stdio::piped());
    match build.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            eprint!("{said}");
            return match said.lines().find(|line| line.contains(NO_WAY)) {
                Some(_) => Came::NotHere(said.lines().last().unwrap_or_default().trim().to_owned()),
                None => Came::Differs(format!("{project} was not built, see above")),
            };
        }
        Err(error) => return Came::Differs(format!("{}: {error}", belay.display())),
    }
    let mut test = command(belay, "test");
    test.arg(&component).args(scripts.iter().map(|script| workspace::root().join(script)));
    match test.status() {
        Ok(status) if status.success() => {
            let toolchain = language.versions.iter().filter_map(|version| said(version)).collect::<Vec<_>>().join(", ");
            Came::Conforms { component, toolchain }
        }
        Ok(_) => Came::Differs(format!("{project} does something else than the script says, see above")),
        Err(error) => Came::Differs(format!("{}: {error}", belay.display())),
    }
}

/// How `belay filter build` begins to say that a language's tools are not there.
const NO_WAY: &str = "no way to build ";

fn command(belay: &Path, task: &str) -> Command {
    let mut command = Command::new(belay);
    command.args(["filter", task]).env("PATH", toolchains::path()).stdin(Stdio::null());
    command
}

fn measure(belay: &Path, component: &Path) -> Result<Figures, String> {
    let mut bench = command(belay, "bench");
    bench.arg(component).args(["--json", "--config", "{ words: [darn, heck], per_minute: 4000000000 }"]);
    let output = bench.stderr(Stdio::inherit()).output().map_err(|error| format!("{}: {error}", belay.display()))?;
    let json = String::from_utf8_lossy(&output.stdout);
    Figures::read(&json).ok_or_else(|| format!("belay filter bench said {json}"))
}

/// The first line of what a program says of its version.
fn said(version: &[&str]) -> Option<String> {
    let [program, arguments @ ..] = version else { return None };
    let output = Command::new(program).args(arguments).env("PATH", toolchains::path()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Some(said.lines().next()?.trim().to_owned())
}
