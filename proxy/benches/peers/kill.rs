//! What clients notice when their backend is killed and comes back, and how the proxy goes about it.

mod watch;

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::histogram::Histogram;
use crate::load::{Clients, Load, Progress, Script};
use crate::options::Options;
use crate::subject::{Running, Subject};
use crate::turns::Turns;
use crate::wire;
use watch::Watch;

/// Between two messages, and between two heartbeats, of one client. Also the longest that a heartbeat may wait.
const PERIOD: Duration = Duration::from_secs(1);
/// Before the backend is killed.
const BEFORE: Duration = Duration::from_secs(3);
/// After its return: longer than the longest wait between two attempts to reach it.
const AFTER: Duration = Duration::from_secs(8);

#[derive(Serialize, Deserialize)]
pub(crate) struct Kill {
    pub(crate) clients: usize,
    pub(crate) dropped: usize,
    pub(crate) heartbeats: u64,
    pub(crate) heartbeats_missed: u64,
    pub(crate) heartbeat_p99_ms: Parts<f64>,
    /// Of the clients that stayed.
    pub(crate) messages: u64,
    pub(crate) messages_lost: u64,
    pub(crate) messages_twice: u64,
    /// From the backend's return until the last of the clients that stayed had an echo; none if one never had.
    pub(crate) back_ms: Option<f64>,
    /// The proxy's processors in use, in the worst window of [`watch::WINDOW`].
    pub(crate) cpu_peak: Parts<f64>,
    /// Attempts to connect, in a second of such windows. Of Belay.
    pub(crate) dials_peak: Option<Parts<f64>>,
}

/// One of each for the time before the end of the backend, while it is away, and from its return on.
#[derive(Serialize, Deserialize, Clone, Copy, Default)]
pub(crate) struct Parts<T> {
    pub(crate) before: T,
    pub(crate) away: T,
    pub(crate) after: T,
}

pub(crate) fn measure(subject: &Subject, options: &Options) -> Outcome<Kill> {
    eprintln!("kill: {}", subject.name);
    let mut running = subject.start()?;
    let clients = subject.at_most(options.sessions);
    measure_on(&mut running, clients, options.away).map_err(|error| running.explain(&error))
}

fn measure_on(running: &mut Running, clients: usize, away: Duration) -> Outcome<Kill> {
    let mut load = Load::open(running.address, clients, running.headers)?;
    let mut chat = Chat::new(clients);
    let watch = Watch::start(running.measured()?.id(), running.admin);
    load.play(chat.until(Part::Before, BEFORE))?;
    let killed = Instant::now();
    running.kill_backend();
    load.play(chat.until(Part::Away, away))?;
    running.start_backend()?;
    let returned = Instant::now();
    load.play(chat.until(Part::After { returned }, AFTER))?;
    let seen = watch.end()?;
    // The last messages have to come back too.
    chat.silent = true;
    load.play(chat.until(Part::After { returned }, PERIOD * 2))?;
    load.reset();

    let stayed: Vec<&Client> = chat.clients.iter().filter(|client| !client.dropped).collect();
    let [before, away, after] = chat.times.map(|times| times.quantile_us(0.99) / 1e3);
    let back: Option<Vec<Duration>> = stayed.iter().map(|client| client.back).collect();
    Ok(Kill {
        clients,
        dropped: clients - stayed.len(),
        heartbeats: chat.heartbeats,
        heartbeats_missed: chat.heartbeats_missed,
        heartbeat_p99_ms: Parts { before, away, after },
        messages: stayed.iter().map(|client| client.sent).sum(),
        messages_lost: stayed.iter().map(|client| client.sent - client.echoed).sum(),
        messages_twice: stayed.iter().map(|client| client.twice).sum(),
        back_ms: back.and_then(|times| times.into_iter().max()).map(|time| time.as_secs_f64() * 1e3),
        cpu_peak: seen.cpu_peak(killed, returned),
        dials_peak: seen.dials_peak(killed, returned),
    })
}

/// Every client says something and asks for a sign of life, each once a second, spread over the second.
struct Chat {
    clients: Vec<Client>,
    turns: Turns,
    part: Part,
    until: Instant,
    silent: bool,
    heartbeats: u64,
    heartbeats_missed: u64,
    /// By the part that they were asked in.
    times: [Histogram; 3],
}

#[derive(Clone, Copy)]
enum Part {
    Before,
    Away,
    After { returned: Instant },
}

#[derive(Clone, Default)]
struct Client {
    dropped: bool,
    sent: u64,
    /// Different ones.
    echoed: u64,
    twice: u64,
    /// Number of the last echo, counted from one.
    last: u64,
    waits_for_pong: Option<(usize, Instant)>,
    /// From the backend's return to the first echo.
    back: Option<Duration>,
}

impl Chat {
    fn new(clients: usize) -> Self {
        Self {
            clients: vec![Client::default(); clients],
            turns: Turns::new(clients, PERIOD),
            part: Part::Before,
            until: Instant::now(),
            silent: false,
            heartbeats: 0,
            heartbeats_missed: 0,
            times: Default::default(),
        }
    }

    fn until(&mut self, part: Part, time: Duration) -> &mut Self {
        (self.part, self.until) = (part, Instant::now() + time);
        self
    }
}

impl Script for Chat {
    fn heard(&mut self, client: usize, payload: &[u8], _: &mut Vec<u8>) -> Result<()> {
        let client = &mut self.clients[client];
        if payload == b"pong" {
            if let Some((part, asked)) = client.waits_for_pong.take() {
                self.times[part].record(asked.elapsed());
            }
            return Ok(());
        }
        let number = std::str::from_utf8(payload).ok().and_then(|text| text.parse::<u64>().ok());
        let number = number.ok_or_else(|| Error::other("an echo that is not a number"))?;
        if number > client.last {
            client.echoed += 1;
            client.last = number;
        } else {
            client.twice += 1;
        }
        if let Part::After { returned } = self.part {
            client.back.get_or_insert(returned.elapsed());
        }
        Ok(())
    }

    fn dropped(&mut self, client: usize) -> Result<()> {
        self.clients[client].dropped = true;
        Ok(())
    }

    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress> {
        let now = Instant::now();
        let part = match self.part {
            Part::Before => 0,
            Part::Away => 1,
            Part::After { .. } => 2,
        };
        while !self.silent
            && let Some(at) = self.turns.next(now)
        {
            let client = &mut self.clients[at];
            if clients.is_connected(at) {
                self.heartbeats += 1;
                self.heartbeats_missed += u64::from(client.waits_for_pong.is_some());
                client.waits_for_pong = Some((part, now));
                clients.send(at, wire::TEXT, b"ping");
                client.sent += 1;
                clients.send(at, wire::TEXT, client.sent.to_string().as_bytes());
            }
        }
        if now >= self.until { Ok(Progress::Done) } else { Ok(Progress::GoOn) }
    }
}
