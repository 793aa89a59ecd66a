//! What the kernel says of this process, under the names that Prometheus' own libraries use.

use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

use super::metrics::{Family, Sample};

/// Every family here, for the documentation.
pub(super) static FAMILIES: [Family; 6] = [
    Family::gauge("process_resident_memory_bytes", &[], "Memory that is really there."),
    Family::gauge("process_open_fds", &[], "Open files, sockets among them."),
    Family::gauge("process_max_fds", &[], "The most that may be open."),
    Family::counter("process_cpu_seconds_total", &[], "Time on processors, user and system."),
    Family::gauge("process_threads", &[], "Threads."),
    Family::gauge("belay_build_info", &["version"], "Always 1; the version is the label."),
];

/// Memory that is really there (proc(5), `VmRSS`).
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    number(&status, "VmRSS:").map(|kib| (kib * 1024.0) as u64)
}

/// What stands behind a key at the beginning of a line.
fn number(text: &str, key: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// As it is now. What cannot be read is left out.
pub(super) fn samples() -> Vec<Sample> {
    let [resident, open, max, cpu, threads, build] = &FAMILIES;
    let proc = Path::new("/proc/self");
    let status = std::fs::read_to_string(proc.join("status")).unwrap_or_default();
    let limits = std::fs::read_to_string(proc.join("limits")).unwrap_or_default();
    let time = clock_gettime(ClockId::ProcessCPUTime);
    [
        number(&status, "VmRSS:").map(|kib| resident.sample(&[], kib * 1024.0)),
        std::fs::read_dir(proc.join("fd")).ok().map(|files| open.sample(&[], files.count() as f64)),
        number(&limits, "Max open files").map(|files| max.sample(&[], files)),
        Some(cpu.sample(&[], time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)),
        number(&status, "Threads:").map(|count| threads.sample(&[], count)),
        Some(build.sample(&[env!("CARGO_PKG_VERSION")], 1.0)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
