//! `cargo xtask demo`: builds Belay and the chat of `examples/chat`, starts both, brings the chat back whenever it
//! crashes, and ends both with itself.

mod ports;
mod scene;

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use crate::{Outcome, workspace};
use ports::Ports;
use scene::Scene;

const USAGE: &str = "\
usage: cargo xtask demo [--port PORT] [--fresh] [--no-build]

  --port PORT  where to open the page (default 8080)
  --fresh      forget what was said in earlier demos
  --no-build   run what was built before
";

/// The port of the page, unless another is asked for.
const PORT: u16 = 8080;

struct Options {
    port: u16,
    journal: Journal,
    programs: Programs,
}

/// What was said in earlier demos.
enum Journal {
    Kept,
    Forgotten,
}

/// What is run.
enum Programs {
    BuiltNow,
    BuiltBefore,
}

/// Runs the demo until it is interrupted.
pub(crate) fn run(parser: lexopt::Parser) -> Outcome {
    let Some(options) = options(parser).map_err(|error| format!("{error}\n\n{USAGE}"))? else {
        print!("{USAGE}");
        return Ok(());
    };
    let interrupted = scene::interrupts()?;
    let ports = Ports::choose(options.port)?;
    if let Programs::BuiltNow = options.programs {
        build()?;
    }
    for name in ["belay", "chat"] {
        require(&workspace::program(name))?;
    }
    let folder = workspace::target().join("demo").join(options.port.to_string());
    if let (Journal::Forgotten, true) = (options.journal, folder.exists()) {
        std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Scene::open(&folder, ports, interrupted)?.play()
}

fn options(mut parser: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::ValueExt;

    let mut options = Options { port: PORT, journal: Journal::Kept, programs: Programs::BuiltNow };
    while let Some(argument) = parser.next()? {
        match argument {
            lexopt::Arg::Long("port") => options.port = parser.value()?.parse()?,
            lexopt::Arg::Long("fresh") => options.journal = Journal::Forgotten,
            lexopt::Arg::Long("no-build") => options.programs = Programs::BuiltBefore,
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(options))
}

fn build() -> Outcome {
    for (tool, why) in [("cc", "Rust needs it to link"), ("make", "the allocator is built with it")] {
        if workspace::on_path(tool).is_none() {
            return Err(format!(
                "there is no `{tool}` on PATH, and {why} (on Debian: apt-get install build-essential; on macOS: \
                 xcode-select --install)"
            ));
        }
    }
    let first = !workspace::program("belay").exists();
    println!(
        "building Belay and the chat{}",
        match first {
            true => ": the first time this takes about four minutes on two cores, most of it the WASM compiler",
            false => "",
        }
    );
    let began = Instant::now();
    let status = workspace::cargo()
        .args(["build", "--locked", "--package", "belay", "--package", "chat", "--bins"])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !status.success() {
        return Err("the build failed; what is missing stands above".into());
    }
    println!("built in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn require(file: &Path) -> Outcome {
    if file.exists() { Ok(()) } else { Err(format!("there is no {}", file.display())) }
}
