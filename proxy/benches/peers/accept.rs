//! How many connections a second are taken: handshake, the backend's own included.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::load::Load;
use crate::options::Options;
use crate::subject::{Running, Subject};

/// For a proxy to touch its memory and fill its caches first.
const WARM_UP: usize = 500;

/// One round.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub(crate) struct Accept {
    pub(crate) per_second: f64,
    /// The proxy's processor time for each.
    pub(crate) cpu_us: f64,
}

pub(crate) fn measure(subject: &Subject, options: &Options, round: u32) -> Outcome<Accept> {
    eprintln!("accept, round {round}: {}", subject.name);
    let running = subject.start()?;
    measure_on(&running, subject.at_most(options.sessions)).map_err(|error| running.explain(&error))
}

fn measure_on(running: &Running, sessions: usize) -> Outcome<Accept> {
    Load::open(running.address, WARM_UP.min(sessions), running.headers)?.reset();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let measured = running.measured()?;
    let (begun, cpu) = (Instant::now(), measured.cpu());
    let load = Load::open(running.address, sessions, running.headers)?;
    let (time, cpu) = (begun.elapsed(), measured.cpu().since(cpu));
    load.reset();
    Ok(Accept { per_second: sessions as f64 / time.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / sessions as f64 })
}
