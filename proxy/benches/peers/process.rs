//! Other processes: started and stopped as a whole tree, and what the system says of them in /proc.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::Outcome;

/// What /proc counts processor time in (USER_HZ), on every Linux there is.
const TICK: Duration = Duration::from_millis(10);

/// A process and its children, stopped when dropped.
pub(crate) struct Tree {
    child: Child,
    log: PathBuf,
}

/// Processor time since a process began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl Cpu {
    pub(crate) fn since(self, then: Self) -> Self {
        Self { user: self.user.saturating_sub(then.user), system: self.system.saturating_sub(then.system) }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }

    pub(crate) fn as_secs_f64(self) -> f64 {
        (self.user + self.system).as_secs_f64()
    }
}

impl Tree {
    /// Runs a command with its output in a file, and waits until something listens on `ready`.
    pub(crate) fn start(mut command: Command, log: &Path, ready: SocketAddr) -> Outcome<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let mut tree = Self { child, log: log.to_owned() };
        let begun = Instant::now();
        while TcpStream::connect(ready).is_err() {
            if tree.child.try_wait().is_ok_and(|status| status.is_some()) {
                return Err(format!("{program} ended at once: {}", tree.last_words()));
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(format!("{program} does not listen on {ready}: {}", tree.last_words()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(tree)
    }

    /// The end of what it said.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// Resident memory of the whole tree, in bytes. Pages that its processes share count once for each.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.pids().into_iter().map(resident_bytes).sum()
    }

    /// Processor time of the whole tree.
    pub(crate) fn cpu(&self) -> Cpu {
        cpu_of_tree(self.id())
    }

    /// Of its root.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn pids(&self) -> Vec<u32> {
        pids_of_tree(self.id())
    }
}

/// Processor time of a process and its children.
pub(crate) fn cpu_of_tree(root: u32) -> Cpu {
    pids_of_tree(root)
        .into_iter()
        .filter_map(ticks)
        .fold(Cpu::default(), |cpu, (user, system)| cpu.plus(Cpu { user: TICK * user, system: TICK * system }))
}

/// Itself first.
fn pids_of_tree(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?)))
        .collect();
    let mut tree = vec![root];
    let mut at = 0;
    while let Some(&parent) = tree.get(at) {
        tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    tree
}

impl Drop for Tree {
    /// Politely first, so that what it started ends with it.
    fn drop(&mut self) {
        let pids = self.pids();
        signal(&pids[..1], Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let of_ours: Vec<u32> = pids[1..].iter().copied().filter(|pid| self.pids().contains(pid)).collect();
        signal(&of_ours, Signal::KILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(pids: &[u32], signal: Signal) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid as i32)) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
}

/// User and system, in clock ticks.
fn ticks(pid: u32) -> Option<(u32, u32)> {
    let stat = stat(pid)?;
    Some((stat.get(11)?.parse().ok()?, stat.get(12)?.parse().ok()?))
}

/// The fields after the command's name, which may hold anything: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// To the hard limit, which children inherit; says how many files a process may open then.
pub(crate) fn raise_file_limit() -> Outcome<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, wanted)
        .map_err(|error| format!("cannot raise the file limit: {error}"))?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// A loopback port that nobody listens on, below those that the system gives to outgoing connections.
pub(crate) fn free_port() -> Outcome<SocketAddr> {
    let start = std::process::id() % 20_000;
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    for _ in 0..20_000 {
        let offset = start + NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, (10_000 + offset % 20_000) as u16));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("no port is free".to_owned())
}
