//! What an echo costs in processor time, and how long it takes.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::histogram::Histogram;
use crate::load::{Clients, Load, PATIENCE, Progress, Script};
use crate::options::Options;
use crate::subject::{Running, Subject};
use crate::wire::{self, Role};

pub(crate) const CONNECTIONS: [usize; 2] = [64, 1_000];
const MESSAGE_BYTES: usize = 128;
/// For caches and allocators to find their size.
const WARM_UP: Duration = Duration::from_millis(500);

/// One run.
#[derive(Clone, Copy)]
pub(crate) struct Echo {
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

pub(crate) fn measure(subject: &Subject, options: &Options, connections: usize, round: u32) -> Outcome<Echo> {
    eprintln!("echo, {} connections, round {round}: {}", connections, subject.name);
    let running = subject.start()?;
    measure_on(&running, options, connections).map_err(|error| running.explain(&error))
}

fn measure_on(running: &Running, options: &Options, connections: usize) -> Outcome<Echo> {
    let mut load = Load::open(running.address, connections, running.headers)?;
    let mut script = PingPong::new(connections);
    script.until = Instant::now() + WARM_UP;
    load.play(&mut script)?;

    let measured = running.measured()?;
    (script.echoed, script.times) = (0, Histogram::new());
    let (begun, cpu) = (Instant::now(), measured.cpu());
    script.until = begun + options.echo_time;
    load.play(&mut script)?;
    let (end_cpu, time) = (measured.cpu(), begun.elapsed());
    load.reset();

    let echoed = script.echoed as f64;
    if echoed == 0.0 {
        return Err(format!("no echo within {:?}", options.echo_time.min(PATIENCE)));
    }
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / echoed;
    Ok(Echo {
        user_us: each(end_cpu.user.saturating_sub(cpu.user)),
        system_us: each(end_cpu.system.saturating_sub(cpu.system)),
        per_second: echoed / time.as_secs_f64(),
        p50_us: script.times.quantile_us(0.5),
        p99_us: script.times.quantile_us(0.99),
    })
}

/// Each client sends a numbered message, and the next one when it has its echo.
struct PingPong {
    sent: Vec<Option<(Instant, u64)>>,
    echoed: u64,
    times: Histogram,
    until: Instant,
}

impl PingPong {
    fn new(connections: usize) -> Self {
        Self { sent: vec![None; connections], echoed: 0, times: Histogram::new(), until: Instant::now() }
    }

    fn message(number: u64) -> [u8; MESSAGE_BYTES] {
        let mut payload = [0; MESSAGE_BYTES];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        payload
    }
}

impl Script for PingPong {
    fn heard(&mut self, client: usize, payload: &[u8], reply: &mut Vec<u8>) -> Result<()> {
        let now = Instant::now();
        let Some((at, number)) = self.sent[client] else { return Err(Error::other("a message that nobody sent")) };
        if payload != Self::message(number) {
            return Err(Error::other("an echo is not what was sent"));
        }
        self.times.record(now - at);
        self.echoed += 1;
        self.sent[client] = Some((now, number + 1));
        wire::write_frame(reply, Role::Client, wire::BINARY, &Self::message(number + 1));
        Ok(())
    }

    fn dropped(&mut self, client: usize) -> Result<()> {
        Err(Error::other(format!("connection {client} was dropped")))
    }

    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress> {
        for (client, sent) in self.sent.iter_mut().enumerate().filter(|(_, sent)| sent.is_none()) {
            *sent = Some((Instant::now(), 0));
            clients.send(client, wire::BINARY, &Self::message(0));
        }
        if Instant::now() >= self.until { Ok(Progress::Done) } else { Ok(Progress::GoOn) }
    }
}
