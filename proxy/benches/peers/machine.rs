//! The machine: what it is, and what its kernel keeps in memory.

use std::fs;

use serde::{Deserialize, Serialize};

/// What a reader has to know of it.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) system: String,
    pub(crate) rustc: String,
    /// What wanted its processors before the bench did: the load average over five minutes.
    #[serde(default)]
    pub(crate) load: f64,
}

impl Machine {
    pub(crate) fn ours() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let release = kernel.split('-').next().unwrap_or_default().trim();
        let rustc = std::process::Command::new("rustc").arg("--version").output().ok();
        Self {
            processor: model.unwrap_or("unknown").trim().to_owned(),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: meminfo("MemTotal"),
            system: format!("Linux {release}"),
            load: load(),
            rustc: rustc.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default(),
        }
    }
}

/// What the kernel keeps for sockets and all else that is not a process's own: its slabs, and the pages that TCP holds.
pub(crate) fn kernel_bytes() -> u64 {
    meminfo("Slab") + tcp_pages() * 4_096
}

/// What could still be given to processes.
pub(crate) fn available_bytes() -> u64 {
    meminfo("MemAvailable")
}

fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').nth(1).and_then(|minutes| minutes.parse().ok()).unwrap_or_default()
}

fn meminfo(name: &str) -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
}

/// `TCP: inuse 5 orphan 0 tw 0 alloc 9 mem 24`
fn tcp_pages() -> u64 {
    let stat = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("TCP:"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}
