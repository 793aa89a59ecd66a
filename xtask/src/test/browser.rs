//! The demo as its user has it: a real browser on the page, with `cargo xtask demo` behind it, of what was built before.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::report::Verdict;
use super::tools;
use crate::child::{LOOK_EVERY, Program};
use crate::workspace;

/// How long the demo may take until it serves.
const START_MAX: Duration = Duration::from_secs(120);
/// How long it may take to end.
const END_MAX: Duration = Duration::from_secs(15);

/// Starts the demo on a free port, has the browser use it, and ends it.
pub(super) fn run() -> Verdict {
    tools::install();
    let chromium = match tools::chromium() {
        Ok(chromium) => chromium,
        Err(why) => return Verdict::NotRun(why),
    };
    let modules = tools::folder().join("node_modules");
    if workspace::on_path("node").is_none() || !modules.join("playwright-core").exists() {
        return Verdict::NotRun("there is no node with playwright-core".into());
    }
    match use_demo(&chromium, &modules) {
        Ok(()) => Verdict::passed(),
        Err(why) => Verdict::failed(&why),
    }
}

fn use_demo(chromium: &Path, modules: &Path) -> Result<(), String> {
    let port = free_port()?;
    let xtask = workspace::ourselves().map_err(|error| error.to_string())?;
    let log = workspace::target().join("demo.log");
    // Of an earlier run, if there was one.
    let _ = std::fs::remove_file(&log);
    let arguments = ["demo", "--no-build", "--fresh", "--port", &port].map(OsStr::new);
    let mut demo = Program::start(&xtask, &arguments, &log).map_err(|error| error.to_string())?;
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let until = Instant::now() + START_MAX;
    while !said().contains("open   http://") {
        if demo.ended().map_err(|error| error.to_string())?.is_some() || Instant::now() > until {
            return Err(format!("the demo did not start:\n{}", said()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let browsed = Command::new("node")
        .arg(workspace::root().join("examples/chat/test/browser.cjs"))
        .arg(format!("http://127.0.0.1:{port}/"))
        .arg(workspace::target().join("screenshots"))
        .env("NODE_PATH", modules)
        .env("CHROMIUM", chromium)
        .stdin(Stdio::null())
        .status();
    demo.stop(END_MAX);
    if TcpListener::bind(format!("127.0.0.1:{port}")).is_err() {
        return Err(format!("the demo has ended, and something still listens on its port {port}"));
    }
    match browsed {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the browser's test ended with {status}; what the demo said:\n{}", said())),
        Err(error) => Err(format!("cannot run node: {error}")),
    }
}

/// Below those that the system gives to outgoing connections, one of which might take it away before the demo does.
fn free_port() -> Result<String, String> {
    let mut ports = (0..20_000_u32).map(|offset| 10_000 + (offset + std::process::id()) % 20_000);
    let free = ports.find(|port| TcpListener::bind(format!("127.0.0.1:{port}")).is_ok());
    free.map(|port| port.to_string()).ok_or_else(|| "no port is free".to_owned())
}
