//! What clients notice when a filter is replaced under them, twenty times in a row.

use std::io::Result;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::admin::ask;
use crate::guest::Guest;
use crate::histogram::Histogram;
use crate::load::{Clients, Load, Progress, Script};
use crate::options::Options;
use crate::subject::{Running, Subject};
use crate::turns::Turns;
use crate::wire;

/// Versions that take each other's place.
const SWAPS: u8 = 20;
/// Between two messages of one client.
const PERIOD: Duration = Duration::from_millis(250);
/// How long nothing is replaced, before and after.
const AT_REST: Duration = Duration::from_secs(5);
/// Between two swaps, beside what one takes.
const BETWEEN: Duration = Duration::from_millis(250);
/// For a swap to be taken up by all workers.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Serialize, Deserialize)]
pub(crate) struct Reload {
    pub(crate) clients: usize,
    pub(crate) dropped: usize,
    pub(crate) swaps: u8,
    /// From the request to the last worker, the longest.
    pub(crate) swap_ms_max: f64,
    pub(crate) messages: u64,
    /// Not answered, or answered with another number than the client had come to.
    pub(crate) lost: u64,
    pub(crate) at_rest: [f64; 2],
    pub(crate) swapping: [f64; 2],
}

/// The component that swap number `swap` brings: it answers with its own letter and with how many the client has said.
pub(crate) fn version(swap: u8) -> Vec<u8> {
    Guest::counting(char::from(b'a' + swap)).component()
}

pub(crate) fn measure(options: &Options) -> Outcome<Reload> {
    let subject = Subject::belay_counting(options);
    eprintln!("reload: {}", subject.name);
    let versions: Vec<Vec<u8>> = (1..=SWAPS).map(version).collect();
    let mut running = subject.start()?;
    measure_on(&mut running, options, versions).map_err(|error| running.explain(&error))
}

fn measure_on(running: &mut Running, options: &Options, versions: Vec<Vec<u8>>) -> Outcome<Reload> {
    let admin = running.admin.ok_or("it has no admin listener")?;
    let mut load = Load::open(running.address, options.clients, running.headers)?;
    let mut chat = Chat::new(options.clients);
    load.play(chat.until(Instant::now() + AT_REST))?;
    let (done, swaps) = channel();
    let file = running.folder.join("count.wasm");
    let swapping = std::thread::spawn(move || {
        let outcome = swap_all(admin, &file, &versions);
        let _ = done.send(());
        outcome
    });
    load.play(chat.while_swapping(swaps))?;
    let swap_ms_max = swapping.join().map_err(|_| "the thread that swaps panicked")??;
    load.play(chat.until(Instant::now() + AT_REST))?;
    // The last answers have to come too.
    chat.silent = true;
    load.play(chat.until(Instant::now() + PERIOD * 4))?;
    load.reset();

    let behind: u64 = chat.clients.iter().map(|client| client.sent - client.heard).sum();
    let old = chat.clients.iter().filter(|client| client.version != b'a' + SWAPS).count();
    if old > 0 {
        return Err(format!("{old} clients did not come to the last version"));
    }
    Ok(Reload {
        clients: options.clients,
        dropped: chat.dropped,
        swaps: SWAPS,
        swap_ms_max,
        messages: chat.clients.iter().map(|client| client.sent).sum(),
        lost: behind + chat.out_of_count,
        at_rest: [chat.at_rest.quantile_us(0.5), chat.at_rest.quantile_us(0.99)],
        swapping: [chat.swapping.quantile_us(0.5), chat.swapping.quantile_us(0.99)],
    })
}

/// Gives the longest swap in milliseconds.
fn swap_all(admin: SocketAddr, file: &Path, versions: &[Vec<u8>]) -> Outcome<f64> {
    let mut longest = Duration::ZERO;
    for version in versions {
        let part: PathBuf = file.with_extension("part");
        std::fs::write(&part, version).map_err(|error| error.to_string())?;
        std::fs::rename(&part, file).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let (status, told) = ask(admin, "POST /filters/count/reload").map_err(|error| error.to_string())?;
        if status != 200 {
            return Err(format!("a swap was answered with {status}: {told}"));
        }
        while !ask(admin, "GET /filters").is_ok_and(|(_, page)| page.contains("\"serving\"")) {
            if begun.elapsed() > PATIENCE {
                return Err("a swap was not taken up".to_owned());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        longest = longest.max(begun.elapsed());
        std::thread::sleep(BETWEEN);
    }
    Ok(longest.as_secs_f64() * 1000.0)
}

/// Every client says something four times a second, spread over that time, and counts what it hears.
struct Chat {
    clients: Vec<Client>,
    turns: Turns,
    stage: Stage,
    silent: bool,
    dropped: usize,
    out_of_count: u64,
    at_rest: Histogram,
    swapping: Histogram,
}

enum Stage {
    AtRest {
        until: Instant,
    },
    /// Until this tells.
    Swapping(Receiver<()>),
}

#[derive(Clone)]
struct Client {
    sent: u64,
    heard: u64,
    asked: Instant,
    version: u8,
}

impl Chat {
    fn new(clients: usize) -> Self {
        let now = Instant::now();
        Self {
            clients: vec![Client { sent: 0, heard: 0, asked: now, version: 0 }; clients],
            turns: Turns::new(clients, PERIOD),
            stage: Stage::AtRest { until: now },
            silent: false,
            dropped: 0,
            out_of_count: 0,
            at_rest: Histogram::default(),
            swapping: Histogram::default(),
        }
    }

    fn until(&mut self, until: Instant) -> &mut Self {
        self.stage = Stage::AtRest { until };
        self
    }

    fn while_swapping(&mut self, done: Receiver<()>) -> &mut Self {
        self.stage = Stage::Swapping(done);
        self
    }
}

impl Script for Chat {
    fn heard(&mut self, client: usize, payload: &[u8], _: &mut Vec<u8>) -> Result<()> {
        let client = &mut self.clients[client];
        let times = match self.stage {
            Stage::AtRest { .. } => &mut self.at_rest,
            Stage::Swapping(_) => &mut self.swapping,
        };
        times.record(client.asked.elapsed());
        client.heard += 1;
        client.version = payload.first().copied().unwrap_or_default();
        let count = payload.get(1..).and_then(|count| std::str::from_utf8(count).ok()?.parse().ok());
        self.out_of_count += u64::from(count != Some(client.heard));
        Ok(())
    }

    fn dropped(&mut self, _: usize) -> Result<()> {
        self.dropped += 1;
        Ok(())
    }

    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress> {
        let now = Instant::now();
        while !self.silent
            && let Some(at) = self.turns.next(now)
        {
            let client = &mut self.clients[at];
            // One message at a time: who still waits says nothing, and is asked again at its next turn.
            if clients.is_connected(at) && client.sent == client.heard {
                clients.send(at, wire::TEXT, b"x");
                client.sent += 1;
                client.asked = now;
            }
        }
        let over = match &self.stage {
            Stage::AtRest { until } => now >= *until,
            Stage::Swapping(done) => done.try_recv() != Err(TryRecvError::Empty),
        };
        Ok(if over { Progress::Done } else { Progress::GoOn })
    }
}
