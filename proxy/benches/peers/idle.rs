//! What an idle session costs in memory, fresh and after it has carried a message.

use std::io::Result;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::load::{Clients, Load, PATIENCE, Progress, Script};
use crate::options::Options;
use crate::subject::{Running, Subject};
use crate::wire;

const MESSAGE_BYTES: usize = 16 * 1024;
/// Messages on their way at a time: the memory of a session, not of a crowd, is asked for.
const WINDOW: usize = 64;

/// Bytes per session.
#[derive(Serialize, Deserialize)]
pub(crate) struct Idle {
    pub(crate) sessions: usize,
    pub(crate) fresh_bytes: f64,
    pub(crate) after_message_bytes: f64,
}

pub(crate) fn measure(subject: &Subject, options: &Options) -> Outcome<Idle> {
    eprintln!("idle: {}", subject.name);
    let running = subject.start()?;
    measure_on(&running, subject.at_most(options.sessions), options).map_err(|error| running.explain(&error))
}

fn measure_on(running: &Running, sessions: usize, options: &Options) -> Outcome<Idle> {
    // What a first session makes a proxy allocate for all of them is not the price of a session.
    Load::open(running.address, 64, running.headers)?.reset();
    std::thread::sleep(options.settle);
    let before = running.measured()?.resident_bytes();
    let mut load = Load::open(running.address, sessions, running.headers)?;
    std::thread::sleep(options.settle);
    let fresh = running.measured()?.resident_bytes();
    load.play(&mut OneEach::new(load.len()))?;
    std::thread::sleep(options.settle_after_message);
    let after_message = running.measured()?.resident_bytes();
    load.reset();
    let per_session = |now: u64| (now as f64 - before as f64) / sessions as f64;
    Ok(Idle { sessions, fresh_bytes: per_session(fresh), after_message_bytes: per_session(after_message) })
}

/// One large message from each client, which comes back.
struct OneEach {
    count: usize,
    sent: usize,
    echoed: usize,
    progress: Instant,
    payload: Vec<u8>,
}

impl OneEach {
    fn new(count: usize) -> Self {
        let payload = vec![b'x'; MESSAGE_BYTES];
        Self { count, sent: 0, echoed: 0, progress: Instant::now(), payload }
    }
}

impl Script for OneEach {
    fn heard(&mut self, _: usize, payload: &[u8], _: &mut Vec<u8>) -> Result<()> {
        if payload != self.payload {
            return Err(std::io::Error::other("an echo is not what was sent"));
        }
        self.echoed += 1;
        self.progress = Instant::now();
        Ok(())
    }

    fn dropped(&mut self, client: usize) -> Result<()> {
        Err(std::io::Error::other(format!("session {client} was dropped")))
    }

    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress> {
        while self.sent < self.count && self.sent - self.echoed < WINDOW {
            clients.send(self.sent, wire::BINARY, &self.payload);
            self.sent += 1;
        }
        if self.progress.elapsed() > PATIENCE {
            let missing = self.sent - self.echoed;
            return Err(std::io::Error::other(format!("{missing} of {} messages were not echoed", self.sent)));
        }
        if self.echoed == self.count { Ok(Progress::Done) } else { Ok(Progress::GoOn) }
    }
}
