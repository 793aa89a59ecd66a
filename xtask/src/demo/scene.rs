//! The demo while it runs: Belay, the chat, and what is done about either of them ending.

use std::ffi::OsStr;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::ports::{Ports, loopback};
use crate::child::{LOOK_EVERY, Program};
use crate::{Outcome, workspace};

/// How long the chat is away after a crash: long enough to see what is held, short enough to wait for.
const AWAY: Duration = Duration::from_secs(5);
/// How long either may take to be ready. Belay compiles its filters.
const START_MAX: Duration = Duration::from_secs(60);
/// How long Belay may take to close its sessions; `belay.yaml` gives it a second.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// As much of a log as is shown when its program could not be kept running.
const LOG_LINES: usize = 20;

/// The addresses that stand in `examples/chat/belay.yaml`.
const PAGE_ADDRESS: &str = "127.0.0.1:8080";
const CHAT_ADDRESS: &str = "127.0.0.1:9000";
const ADMIN_ADDRESS: &str = "127.0.0.1:9901";

/// Set by SIGINT and SIGTERM.
pub(super) fn interrupts() -> Result<Arc<AtomicBool>, String> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).map_err(|error| error.to_string())?;
    }
    Ok(interrupted)
}

/// Both programs.
pub(super) struct Scene {
    folder: PathBuf,
    ports: Ports,
    interrupted: Arc<AtomicBool>,
    belay: Program,
    chat: Chat,
}

/// The chat, as long as the demo lasts.
enum Chat {
    Up(Program),
    /// Crashed; started again at this time.
    Down(Instant),
}

impl Scene {
    /// Starts both, and waits until they serve.
    pub(super) fn open(folder: &Path, ports: Ports, interrupted: Arc<AtomicBool>) -> Result<Self, String> {
        for log in ["chat.log", "belay.log"] {
            // Of an earlier demo, if there was one.
            let _ = std::fs::remove_file(folder.join(log));
        }
        let mut chat = start_chat(folder, &ports)?;
        ready("the chat", &mut chat, ports.chat, &folder.join("chat.log"), &interrupted)?;
        let mut belay = start_belay(folder, &ports)?;
        ready("Belay", &mut belay, ports.page, &folder.join("belay.log"), &interrupted)?;
        Ok(Self { folder: folder.to_owned(), ports, interrupted, belay, chat: Chat::Up(chat) })
    }

    /// Lets both run until the user has had enough, or Belay ends.
    pub(super) fn play(mut self) -> Outcome {
        let Ports { page, admin, .. } = self.ports;
        println!(
            "\n  open   http://{}/   in two browser tabs\n\n  metrics http://{}/metrics, logs in {}\n  Ctrl-C ends the demo\n",
            loopback(page),
            loopback(admin),
            self.folder.display()
        );
        while !self.interrupted.load(Ordering::Relaxed) {
            if let Some(status) = self.belay.ended().map_err(|error| error.to_string())? {
                return Err(failure("Belay", &status.to_string(), &self.folder.join("belay.log")));
            }
            self.chat = match self.chat {
                // Up => (Up | Down)
                Chat::Up(mut chat) => match chat.ended().map_err(|error| error.to_string())? {
                    None => Chat::Up(chat),
                    Some(status) => {
                        println!("the backend crashed ({status}); it is started again in {} s", AWAY.as_secs());
                        Chat::Down(Instant::now() + AWAY)
                    }
                },
                // Down => (Down | Up)
                Chat::Down(until) if Instant::now() < until => Chat::Down(until),
                Chat::Down(_) => {
                    println!("the backend is back");
                    Chat::Up(start_chat(&self.folder, &self.ports)?)
                }
            };
            std::thread::sleep(LOOK_EVERY);
        }
        println!("\nending the demo");
        self.belay.stop(DRAIN_MAX);
        if let Chat::Up(chat) = self.chat {
            chat.stop(DRAIN_MAX);
        }
        Ok(())
    }
}

fn start_chat(folder: &Path, ports: &Ports) -> Result<Program, String> {
    let address = loopback(ports.chat).to_string();
    let arguments = [OsStr::new("--listen"), OsStr::new(&address), OsStr::new("--data"), folder.as_os_str()];
    start("chat", &arguments, folder)
}

fn start_belay(folder: &Path, ports: &Ports) -> Result<Program, String> {
    let source = workspace::root().join("examples/chat/belay.yaml");
    let yaml = std::fs::read_to_string(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut ours = yaml;
    for (written, port) in [(PAGE_ADDRESS, ports.page), (CHAT_ADDRESS, ports.chat), (ADMIN_ADDRESS, ports.admin)] {
        ours = ours.replace(written, &loopback(port).to_string());
    }
    let file = folder.join("belay.yaml");
    std::fs::write(&file, ours).map_err(|error| format!("{}: {error}", file.display()))?;
    start("belay", &[OsStr::new("run"), file.as_os_str()], folder)
}

fn start(name: &str, arguments: &[&OsStr], folder: &Path) -> Result<Program, String> {
    let program = workspace::program(name);
    Program::start(&program, arguments, &folder.join(format!("{name}.log")))
        .map_err(|error| format!("cannot start {}: {error}", program.display()))
}

/// Waits until a program takes connections.
fn ready(name: &str, program: &mut Program, port: u16, log: &Path, interrupted: &AtomicBool) -> Outcome {
    let until = Instant::now() + START_MAX;
    while TcpStream::connect(loopback(port)).is_err() {
        if let Some(status) = program.ended().map_err(|error| error.to_string())? {
            return Err(failure(name, &status.to_string(), log));
        }
        if interrupted.load(Ordering::Relaxed) {
            return Err("interrupted".into());
        }
        if Instant::now() > until {
            return Err(failure(name, &format!("not ready after {} s", START_MAX.as_secs()), log));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn failure(name: &str, what: &str, log: &Path) -> String {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
    format!("{name} did not go on: {what}\n\n  {tail}\n\nits whole log: {}", log.display())
}
