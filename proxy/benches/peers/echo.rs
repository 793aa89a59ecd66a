//! What an echo costs in processor time, and how long it takes.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

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
#[derive(Serialize, Deserialize, Clone, Copy)]
pub(crate) struct Echo {
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Echo {
    pub(crate) fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}

/// What clients say, and have to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Says {
    /// A numbered message, to hear it again.
    Numbers,
    /// `ping`, to hear `pong`.
    Heartbeats,
}

pub(crate) fn measure(subject: &Subject, options: &Options, connections: usize, round: u32) -> Outcome<Echo> {
    eprintln!("echo, {} connections, round {round}: {}", connections, subject.name);
    let running = subject.start()?;
    let measure = || {
        let mut load = Load::open(running.address, connections, running.headers)?;
        let echo = play(&running, &mut load, Says::Numbers, options.echo_time)?;
        load.reset();
        Ok(echo)
    };
    measure().map_err(|error: String| running.explain(&error))
}

/// Plays for some time, after a while of warming up.
pub(crate) fn play(running: &Running, load: &mut Load, says: Says, time: Duration) -> Outcome<Echo> {
    let mut script = PingPong::new(load.len(), says);
    script.until = Instant::now() + WARM_UP;
    load.play(&mut script)?;

    let measured = running.measured()?;
    (script.echoed, script.times) = (0, Histogram::default());
    let (begun, cpu) = (Instant::now(), measured.cpu());
    script.until = begun + time;
    load.play(&mut script)?;
    let (cpu, time) = (measured.cpu().since(cpu), begun.elapsed());
    // So that the next script hears nothing of this one.
    (script.silent, script.until) = (true, Instant::now() + PATIENCE);
    load.play(&mut script)?;

    let echoed = script.echoed as f64;
    if echoed == 0.0 {
        return Err(format!("no echo within {time:?}"));
    }
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / echoed;
    Ok(Echo {
        user_us: each(cpu.user),
        system_us: each(cpu.system),
        per_second: echoed / time.as_secs_f64(),
        p50_us: script.times.quantile_us(0.5),
        p99_us: script.times.quantile_us(0.99),
    })
}

/// Each client says something, and the next thing when it has its answer.
struct PingPong {
    says: Says,
    sent: Vec<Option<(Instant, u64)>>,
    waiting: usize,
    echoed: u64,
    times: Histogram,
    until: Instant,
    silent: bool,
}

impl PingPong {
    fn new(connections: usize, says: Says) -> Self {
        Self {
            says,
            sent: vec![None; connections],
            waiting: 0,
            echoed: 0,
            times: Histogram::default(),
            until: Instant::now(),
            silent: false,
        }
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
        let expected = match self.says {
            Says::Numbers => payload == Self::message(number),
            Says::Heartbeats => payload == b"pong",
        };
        if !expected {
            return Err(Error::other("an echo is not what was sent"));
        }
        self.waiting -= 1;
        if self.silent {
            self.sent[client] = None;
            return Ok(());
        }
        self.times.record(now - at);
        self.echoed += 1;
        self.waiting += 1;
        self.sent[client] = Some((now, number + 1));
        match self.says {
            Says::Numbers => wire::write_frame(reply, Role::Client, wire::BINARY, &Self::message(number + 1)),
            Says::Heartbeats => wire::write_frame(reply, Role::Client, wire::TEXT, b"ping"),
        }
        Ok(())
    }

    fn dropped(&mut self, client: usize) -> Result<()> {
        Err(Error::other(format!("connection {client} was dropped")))
    }

    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress> {
        if self.silent && self.waiting == 0 {
            return Ok(Progress::Done);
        }
        let unsaid = self.sent.iter_mut().enumerate().filter(|(_, sent)| sent.is_none() && !self.silent);
        for (client, sent) in unsaid {
            *sent = Some((Instant::now(), 0));
            self.waiting += 1;
            match self.says {
                Says::Numbers => clients.send(client, wire::BINARY, &Self::message(0)),
                Says::Heartbeats => clients.send(client, wire::TEXT, b"ping"),
            }
        }
        if Instant::now() >= self.until { Ok(Progress::Done) } else { Ok(Progress::GoOn) }
    }
}
