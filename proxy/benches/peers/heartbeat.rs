//! What a heartbeat costs that is answered at the edge, beside an echo through the same process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::echo::{self, Says};
use crate::load::Load;
use crate::options::Options;
use crate::subject::{Running, Subject};

const CONNECTIONS: usize = 64;

/// One round: processor time of each, in microseconds.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub(crate) struct Heartbeat {
    pub(crate) echo_us: f64,
    pub(crate) heartbeat_us: f64,
}

pub(crate) fn measure(options: &Options, round: u32) -> Outcome<Heartbeat> {
    eprintln!("heartbeat, round {round}");
    let running = Subject::belay(options).start()?;
    measure_on(&running, options.echo_time).map_err(|error| running.explain(&error))
}

fn measure_on(running: &Running, time: Duration) -> Outcome<Heartbeat> {
    let mut load = Load::open(running.address, CONNECTIONS, running.headers)?;
    let echo = echo::play(running, &mut load, Says::Numbers, time)?;
    let heartbeat = echo::play(running, &mut load, Says::Heartbeats, time)?;
    load.reset();
    Ok(Heartbeat { echo_us: echo.cpu_us(), heartbeat_us: heartbeat.cpu_us() })
}
