//! One process of clients, told what to do on its standard input: it connects and says so, waits for the word, plays, and
//! writes what it has seen.

use std::io::Result;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::histogram::Histogram;
use crate::load::{Clients, Load, Progress, Script};
use crate::turns::Turns;
use crate::wire;

pub(super) const OPEN: &str = "open";
pub(super) const GO: &str = "go";
/// For the last answers.
const QUIET: Duration = Duration::from_secs(3);
const MESSAGE: [u8; 128] = [b'x'; 128];

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct CrowdFigures {
    pub(crate) dropped: usize,
    pub(crate) heartbeats: u64,
    pub(crate) messages: u64,
    pub(crate) heartbeat_times: Histogram,
    pub(crate) echo_times: Histogram,
}

impl CrowdFigures {
    pub(super) fn add(&mut self, other: &Self) {
        self.dropped += other.dropped;
        self.heartbeats += other.heartbeats;
        self.messages += other.messages;
        self.heartbeat_times.merge(&other.heartbeat_times);
        self.echo_times.merge(&other.echo_times);
    }
}

/// `ADDRESS CLIENTS HEADERS HEARTBEAT MESSAGE TIME`, times in milliseconds.
pub(crate) fn run(arguments: &[String]) -> Outcome<()> {
    let [address, clients, headers, heartbeat, message, time] = arguments else {
        return Err("a crowd is started by the scale test".to_owned());
    };
    let number = |text: &String| text.parse::<u64>().map_err(|error| error.to_string());
    let millis = |text: &String| number(text).map(Duration::from_millis);
    let (address, clients) = (address.parse().map_err(|_| "no address")?, number(clients)? as usize);
    crate::process::raise_file_limit()?;
    let mut load = Load::open(address, clients, headers)?;
    println!("{OPEN}");
    let mut word = String::new();
    std::io::stdin().read_line(&mut word).map_err(|error| error.to_string())?;
    if word.trim_end() != GO {
        return Ok(());
    }
    let until = Instant::now() + millis(time)?;
    let mut life = Life {
        heartbeats: Turns::new(clients, millis(heartbeat)?),
        messages: Turns::new(clients, millis(message)?),
        asked: vec![(None, None); clients],
        until,
        figures: CrowdFigures::default(),
    };
    load.play(&mut life)?;
    println!("{}", serde_json::to_string(&life.figures).map_err(|error| error.to_string())?);
    // Stays until it is ended: the others are not done yet.
    let _ = std::io::stdin().read_line(&mut word);
    Ok(())
}

/// Heartbeats, and now and then a message.
struct Life {
    heartbeats: Turns,
    messages: Turns,
    /// When each client last asked for a sign of life and for an echo, if it waits for one.
    asked: Vec<(Option<Instant>, Option<Instant>)>,
    until: Instant,
    figures: CrowdFigures,
}

impl Script for Life {
    fn heard(&mut self, client: usize, payload: &[u8], _: &mut Vec<u8>) -> Result<()> {
        let (heartbeat, echo) = &mut self.asked[client];
        let (asked, times) = match payload {
            b"pong" => (heartbeat.take(), &mut self.figures.heartbeat_times),
            _ => (echo.take(), &mut self.figures.echo_times),
        };
        if let Some(asked) = asked {
            times.record(asked.elapsed());
        }
        Ok(())
    }

    fn dropped(&mut self, _: usize) -> Result<()> {
        self.figures.dropped += 1;
        Ok(())
    }

    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress> {
        let now = Instant::now();
        if now >= self.until {
            return Ok(if now >= self.until + QUIET { Progress::Done } else { Progress::GoOn });
        }
        while let Some(client) = self.heartbeats.next(now) {
            self.figures.heartbeats += 1;
            self.asked[client].0 = Some(now);
            clients.send(client, wire::TEXT, b"ping");
        }
        while let Some(client) = self.messages.next(now) {
            self.figures.messages += 1;
            self.asked[client].1 = Some(now);
            clients.send(client, wire::BINARY, &MESSAGE);
        }
        Ok(Progress::GoOn)
    }
}
