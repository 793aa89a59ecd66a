//! What clients notice when their backend is killed and comes back.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::load::{Clients, Load, Progress, Script};
use crate::options::Options;
use crate::subject::{Running, Subject};
use crate::wire;

/// Between two messages, and between two heartbeats, of one client. Also the longest that a heartbeat may wait.
const PERIOD: Duration = Duration::from_secs(1);
/// Before the backend is killed.
const BEFORE: Duration = Duration::from_secs(2);
/// After its return: longer than the longest wait between two attempts to reach it.
const AFTER: Duration = Duration::from_secs(8);

pub(crate) struct Kill {
    pub(crate) clients: usize,
    pub(crate) dropped: usize,
    pub(crate) heartbeats_missed: u64,
    /// Of the clients that stayed.
    pub(crate) messages: u64,
    pub(crate) messages_lost: u64,
    pub(crate) messages_twice: u64,
}

pub(crate) fn measure(subject: &Subject, options: &Options) -> Outcome<Kill> {
    eprintln!("kill: {}", subject.name);
    let mut running = subject.start()?;
    measure_on(&mut running, options).map_err(|error| running.explain(&error))
}

fn measure_on(running: &mut Running, options: &Options) -> Outcome<Kill> {
    let mut load = Load::open(running.address, options.clients, running.headers)?;
    let mut chat = Chat::new(options.clients);
    chat.go_on_for(BEFORE);
    load.play(&mut chat)?;
    running.kill_backend();
    chat.go_on_for(options.away);
    load.play(&mut chat)?;
    running.start_backend()?;
    chat.go_on_for(AFTER);
    load.play(&mut chat)?;
    // The last messages have to come back too.
    chat.silent = true;
    chat.go_on_for(PERIOD * 2);
    load.play(&mut chat)?;
    load.reset();

    let stayed: Vec<&Client> = chat.clients.iter().filter(|client| !client.dropped).collect();
    Ok(Kill {
        clients: options.clients,
        dropped: options.clients - stayed.len(),
        heartbeats_missed: chat.heartbeats_missed,
        messages: stayed.iter().map(|client| client.sent).sum(),
        messages_lost: stayed.iter().map(|client| client.sent - client.echoed).sum(),
        messages_twice: stayed.iter().map(|client| client.twice).sum(),
    })
}

/// Every client says something and asks for a sign of life, each once a second, spread over the second.
struct Chat {
    clients: Vec<Client>,
    /// Client and time of the next thing to say.
    next: usize,
    begun: Instant,
    rounds: u32,
    until: Instant,
    silent: bool,
    heartbeats_missed: u64,
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
    waits_for_pong: bool,
}

impl Chat {
    fn new(clients: usize) -> Self {
        Self {
            clients: vec![Client::default(); clients],
            next: 0,
            begun: Instant::now(),
            rounds: 0,
            until: Instant::now(),
            silent: false,
            heartbeats_missed: 0,
        }
    }

    fn go_on_for(&mut self, time: Duration) {
        self.until = Instant::now() + time;
    }

    fn due(&self) -> Instant {
        self.begun + PERIOD * self.rounds + PERIOD.mul_f64(self.next as f64 / self.clients.len() as f64)
    }
}

impl Script for Chat {
    fn heard(&mut self, client: usize, payload: &[u8], _: &mut Vec<u8>) -> Result<()> {
        let client = &mut self.clients[client];
        if payload == b"pong" {
            client.waits_for_pong = false;
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
        Ok(())
    }

    fn dropped(&mut self, client: usize) -> Result<()> {
        self.clients[client].dropped = true;
        Ok(())
    }

    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress> {
        let now = Instant::now();
        while !self.silent && self.due() <= now {
            let client = &mut self.clients[self.next];
            if clients.is_connected(self.next) {
                self.heartbeats_missed += u64::from(client.waits_for_pong);
                client.waits_for_pong = true;
                clients.send(self.next, wire::TEXT, b"ping");
                client.sent += 1;
                clients.send(self.next, wire::TEXT, client.sent.to_string().as_bytes());
            }
            self.next += 1;
            if self.next == self.clients.len() {
                (self.next, self.rounds) = (0, self.rounds + 1);
            }
        }
        if now >= self.until { Ok(Progress::Done) } else { Ok(Progress::GoOn) }
    }
}
