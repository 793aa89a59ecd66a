//! As many clients as the machine holds, by as many Belays side by side as their file limits ask for.

pub(crate) mod crowd;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::load::Load;
use crate::machine::{available_bytes, kernel_bytes};
use crate::options::Options;
use crate::process::Cpu;
use crate::subject::{Running, Subject};
use crowd::CrowdFigures;

#[derive(Serialize, Deserialize)]
pub(crate) struct Scale {
    pub(crate) belays: usize,
    pub(crate) clients: usize,
    /// Clients that were still there in the end.
    pub(crate) held: usize,
    pub(crate) heartbeat_seconds: f64,
    pub(crate) message_seconds: f64,
    pub(crate) seconds: f64,
    /// Of Belay, for each client: growth, and all there is.
    pub(crate) resident_bytes: f64,
    pub(crate) resident_bytes_in_all: f64,
    /// Of the kernel, for a connection without a proxy (two sockets), and for one through a proxy (four).
    pub(crate) kernel_bytes_direct: f64,
    pub(crate) kernel_bytes_proxied: f64,
    /// What the machine had less of in the end, for each client; load generators and backends included.
    pub(crate) machine_bytes: f64,
    /// Processors that all Belays together used.
    pub(crate) user: f64,
    pub(crate) system: f64,
    pub(crate) heartbeats: u64,
    pub(crate) answered: u64,
    pub(crate) messages: u64,
    pub(crate) echoed: u64,
    pub(crate) heartbeat_p50_ms: f64,
    pub(crate) heartbeat_p99_ms: f64,
    pub(crate) echo_p50_ms: f64,
    pub(crate) echo_p99_ms: f64,
}

pub(crate) fn measure(options: &Options) -> Outcome<Scale> {
    let belays = options.crowd.div_ceil(options.sessions);
    let each = options.crowd / belays;
    let clients = belays * each;
    eprintln!("scale: {clients} clients, {belays} Belays");
    let kernel_bytes_direct = direct(options)?;

    let subject = Subject::belay_with_filters(options);
    let running = (0..belays).map(|_| subject.start()).collect::<Outcome<Vec<Running>>>()?;
    for one in &running {
        Load::open(one.address, 64, one.headers)?.reset();
    }
    std::thread::sleep(options.settle);
    let (resident, kernel, available) = (resident(&running)?, kernel_bytes(), available_bytes());
    let mut crowds = Vec::new();
    for one in &running {
        crowds.push(Crowd::start(one, each, options)?);
        eprintln!("scale: {} clients", crowds.len() * each);
    }
    std::thread::sleep(options.settle);
    let grown = |now: u64, then: u64| (now as f64 - then as f64) / clients as f64;
    let resident_now = self::resident(&running)?;
    let kernel_bytes_proxied = grown(kernel_bytes(), kernel);

    let begun = (std::time::Instant::now(), cpu(&running)?);
    crowds.iter_mut().try_for_each(Crowd::go)?;
    let mut sum = CrowdFigures::default();
    for crowd in &mut crowds {
        sum.add(&crowd.figures()?);
    }
    let (seconds, cpu) = (begun.0.elapsed().as_secs_f64(), cpu(&running)?.since(begun.1));
    let [heartbeats, echoes] = [&sum.heartbeat_times, &sum.echo_times];
    Ok(Scale {
        belays,
        clients,
        held: clients - sum.dropped,
        heartbeat_seconds: options.crowd_heartbeat.as_secs_f64(),
        message_seconds: options.crowd_message.as_secs_f64(),
        seconds,
        resident_bytes: grown(resident_now, resident),
        resident_bytes_in_all: grown(resident_now, 0),
        kernel_bytes_direct,
        kernel_bytes_proxied,
        machine_bytes: grown(available, available_bytes()),
        user: cpu.user.as_secs_f64() / seconds,
        system: cpu.system.as_secs_f64() / seconds,
        heartbeats: sum.heartbeats,
        answered: heartbeats.count(),
        messages: sum.messages,
        echoed: echoes.count(),
        heartbeat_p50_ms: heartbeats.quantile_us(0.5) / 1e3,
        heartbeat_p99_ms: heartbeats.quantile_us(0.99) / 1e3,
        echo_p50_ms: echoes.quantile_us(0.5) / 1e3,
        echo_p99_ms: echoes.quantile_us(0.99) / 1e3,
    })
}

/// The kernel's bytes for a connection that no proxy is on.
fn direct(options: &Options) -> Outcome<f64> {
    let running = Subject::direct().start()?;
    std::thread::sleep(options.settle);
    let before = kernel_bytes();
    let load = Load::open(running.address, options.sessions, "")?;
    std::thread::sleep(options.settle);
    let grown = kernel_bytes() as f64 - before as f64;
    load.reset();
    Ok(grown / options.sessions as f64)
}

fn resident(running: &[Running]) -> Outcome<u64> {
    running.iter().map(|one| Ok(one.measured()?.resident_bytes())).sum()
}

fn cpu(running: &[Running]) -> Outcome<Cpu> {
    running.iter().try_fold(Cpu::default(), |sum, one| Ok(sum.plus(one.measured()?.cpu())))
}

/// A process of clients. Ends when dropped.
struct Crowd {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Crowd {
    /// Returns when all are connected.
    fn start(running: &Running, clients: usize, options: &Options) -> Outcome<Self> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let millis = |time: std::time::Duration| time.as_millis().to_string();
        let mut child = Command::new(program)
            .arg("crowd")
            .args([running.address.to_string(), clients.to_string(), running.headers.to_owned()])
            .args([options.crowd_heartbeat, options.crowd_message, options.crowd_time].map(millis))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let said = child.stdout.take().ok_or("a crowd without a voice")?;
        let mut crowd = Self { child, said: BufReader::new(said) };
        match crowd.line()?.as_str() {
            crowd::OPEN => Ok(crowd),
            other => Err(running.explain(&format!("a crowd did not get in: {other}"))),
        }
    }

    fn go(&mut self) -> Outcome<()> {
        let stdin = self.child.stdin.as_mut().ok_or("a crowd that cannot hear")?;
        writeln!(stdin, "{}", crowd::GO).map_err(|error| error.to_string())
    }

    fn figures(&mut self) -> Outcome<CrowdFigures> {
        serde_json::from_str(&self.line()?).map_err(|error| error.to_string())
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.said.read_line(&mut line).map_err(|error| error.to_string())?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
