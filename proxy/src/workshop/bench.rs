//! `belay filter bench`: what a filter costs, through the data path's seam: nanoseconds for each message, memory and time
//! for each instance. Medians, of a machine that should have nothing else to do. Messages are measured in processor time, so that
//! what else there is counts as little as can be.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a command line says, it says there")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant as Clock};

use serde_json::{Value, json};

use super::inspect::Form;
use super::rehearsal::say;
use super::solo::Solo;
use super::{FAILED, MISUSED, source};
use crate::dataplane::chain::{Admission, Call, Filter};
use crate::dataplane::message::{Direction, MessageKind};
use crate::time::Instant;
use crate::wasm::{Host, LoadedFilter, thread_cpu};

/// What messages are made of: words, as people write them.
const PROSE: &[u8] = b"the quick brown fox jumps over the lazy dog and says so to everybody in the room; ";
/// Bytes of the messages that are measured.
const SIZES: [usize; 3] = [64, 1024, 16 * 1024];
/// The median of so many runs is given.
const RUNS: usize = 7;
/// One run takes at least this much of the processor.
const RUN: Duration = Duration::from_millis(100);
/// Further instances that are made: as many as this, unless they are large.
const INSTANCES_MAX: u64 = 50;
/// Memory for them.
const INSTANCES_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// What passes between two messages: a limiter that lets any pass lets these.
const BETWEEN: Duration = Duration::from_secs(1);

/// What is measured, and how.
pub(super) struct Bench<'b> {
    /// Given to `configure`.
    pub(super) config: &'b Value,
    /// What the client asks for: path and query.
    pub(super) target: &'b str,
    /// How the answer is written.
    pub(super) form: Form,
}

/// Measures.
pub(super) fn run(path: &Path, bench: &Bench<'_>) -> ExitCode {
    let component = match source::component(path) {
        Ok(component) => component,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(MISUSED);
        }
    };
    match measure(path, &component, bench) {
        Ok(costs) if bench.form == Form::Json => println!("{:#}", costs.json()),
        Ok(costs) => print!("{}", costs.text()),
        Err(error) => {
            eprintln!("error: {}: {error}", path.display());
            return ExitCode::from(FAILED);
        }
    }
    ExitCode::SUCCESS
}

struct Costs {
    name: String,
    bytes: usize,
    compile_ms: f64,
    instantiate_us: f64,
    /// Of linear memory, once configured.
    memory_bytes: u64,
    /// Resident, of the first instance.
    first_bytes: u64,
    /// Resident, of each further one.
    further_bytes: u64,
    /// By message size: nanoseconds, and what the filter answered last.
    calls: Vec<(usize, f64, String)>,
}

fn measure(path: &Path, component: &[u8], bench: &Bench<'_>) -> Result<Costs, String> {
    let host = Host::new(None).map_err(|error| error.to_string())?;
    let began = Clock::now();
    let _compiled = host.check(component).map_err(|problem| problem.to_string())?;
    let compile_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let spec = source::spec(&source::name(path), bench.config.clone());
    let loaded = host.load(&spec, component).map_err(|error| error.problem.to_string())?;
    let before = resident()?;
    let mut filter = loaded.instantiate().map_err(|error| error.to_string())?;
    let memory_bytes = loaded.stats().memory_bytes.value();
    let mut session = Session::new(bench.target)?;
    session.connect(&mut *filter)?;
    let calls = SIZES.map(|bytes| session.calls(&mut *filter, bytes)).into_iter().collect::<Result<_, _>>()?;
    let first_bytes = resident()?.saturating_sub(before);
    let (further_bytes, instantiate_us) = further(&loaded, memory_bytes)?;
    Ok(Costs {
        name: source::name(path),
        bytes: component.len(),
        compile_ms,
        instantiate_us,
        memory_bytes,
        first_bytes,
        further_bytes,
        calls,
    })
}

/// The one whose messages are measured.
struct Session(Solo);

impl Session {
    fn new(target: &str) -> Result<Self, String> {
        target.parse::<http::uri::PathAndQuery>().map_err(|error| format!("--target {target}: {error}"))?;
        Ok(Self(Solo { now: Instant::now(), ..Solo::new(1, target, &[]) }))
    }

    fn call(&mut self) -> Call<'_> {
        self.0.now = self.0.now + BETWEEN;
        self.0.call()
    }

    fn connect(&mut self, filter: &mut dyn Filter) -> Result<(), String> {
        if !filter.subscription().handshake {
            return Ok(());
        }
        match filter.on_handshake(self.call()) {
            Ok(Admission::Refuse(refusal)) => {
                let said = say::admission(&Admission::Refuse(refusal));
                Err(format!("it lets the client not in: {said}. What the client asks for can be given with --target"))
            }
            Ok(Admission::Accept | Admission::CallOut(_)) => Ok(()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// The median of some runs.
    fn calls(&mut self, filter: &mut dyn Filter, bytes: usize) -> Result<(usize, f64, String), String> {
        let message: Vec<u8> = PROSE.iter().copied().cycle().take(bytes).collect();
        let mut last = String::new();
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let (began, mut count) = (thread_cpu(), 0_u32);
            while thread_cpu() - began < RUN {
                // Reading the processor's clock is a system call: not for each.
                for _ in 0..256 {
                    let verdict = filter.on_message(self.call(), Direction::ToBackend, MessageKind::Text, &message);
                    let verdict = verdict.map_err(|failure| failure.to_string())?;
                    if count == 0 {
                        last = say::verdict(&verdict).split(' ').next().unwrap_or_default().to_owned();
                    }
                    count += 1;
                }
            }
            runs.push((thread_cpu() - began).as_nanos() as f64 / f64::from(count));
        }
        Ok((bytes, median(runs), last))
    }
}

/// Resident bytes, and microseconds, for each instance after the first.
fn further(loaded: &LoadedFilter, memory_bytes: u64) -> Result<(u64, f64), String> {
    let count = (INSTANCES_BYTES_MAX / memory_bytes.max(1)).clamp(1, INSTANCES_MAX);
    let before = resident()?;
    let (mut instances, mut times) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let began = Clock::now();
        instances.push(loaded.instantiate().map_err(|error| error.to_string())?);
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok((resident()?.saturating_sub(before) / count, median(times)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Memory of this process that is really there (proc(5)).
fn resident() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc/self/status: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| "/proc/self/status does not say VmRSS".to_owned())
}

impl Costs {
    fn text(&self) -> String {
        const KIB: f64 = 1024.0;
        let mut out = format!("{:<22} {:.1} KiB\n", "size", self.bytes as f64 / KIB);
        out += &format!("{:<22} {:.0} ms\n", "compiled in", self.compile_ms);
        out += &format!("{:<22} {:.0} µs\n", "an instance in", self.instantiate_us);
        out += &format!("{:<22} {:.0} KiB\n", "linear memory", self.memory_bytes as f64 / KIB);
        out += &format!("{:<22} {:.0} KiB\n", "resident, the first", self.first_bytes as f64 / KIB);
        out += &format!("{:<22} {:.0} KiB\n", "resident, a further", self.further_bytes as f64 / KIB);
        for (bytes, nanos, verdict) in &self.calls {
            let what = format!("a message of {bytes} B");
            out += &format!("{what:<22} {nanos:.0} ns, {:.0} a second ({verdict})\n", 1e9 / nanos);
        }
        out
    }

    fn json(&self) -> Value {
        let calls: Vec<Value> = self
            .calls
            .iter()
            .map(|(bytes, nanos, verdict)| json!({ "bytes": bytes, "ns": nanos.round(), "verdict": verdict }))
            .collect();
        json!({
            "name": self.name, "bytes": self.bytes, "compile_ms": (self.compile_ms * 10.0).round() / 10.0,
            "instantiate_us": self.instantiate_us.round(), "memory_bytes": self.memory_bytes,
            "resident_first_bytes": self.first_bytes, "resident_further_bytes": self.further_bytes, "messages": calls,
        })
    }
}
