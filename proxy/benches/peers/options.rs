//! What the bench is asked to do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::Outcome;

pub(crate) const HELP: &str = "\
usage: cargo xtask bench [options]

Measures Belay, and beside it in the same run every peer found on the PATH (nginx, haproxy, envoy, caddy) and no proxy at
all. Prints a table, and writes all figures to target/bench/peers.json.

  --quick               about a minute: fewer sessions, shorter, one round
  --peers A,B           only these (direct, belay, belay+filters, belay+tls, nginx, haproxy, envoy, caddy); default: all that are there
  --only A,B            only these scenarios (idle, echo, kill, reload)
  --sessions N          idle sessions (default 9500; each takes two files in the proxy)
  --clients N           clients that see the backend killed or a filter replaced (default 1000)
  --rounds N            rounds of echo, of which the median is shown (default 3)
  --seconds N           length of one echo run (default 5)
  --belay FILE          another belay to measure

How it is measured. Everything is plain WebSocket on loopback, on one machine: compare rows, not machines. The load
generator, the echo backend and the proxy are three processes that share the processors; each proxy has two workers, a
quiet log and raised limits. 'belay' has no filters; 'belay+filters' has the three that ship, each of which looks at every
message: auth-jwt, rate-limit and circuit-breaker. 'belay+tls' speaks TLS 1.3 to its clients, which a second Belay is
for the load generator: that one takes processors and time too, and its own are not in the figures of memory and CPU.

  idle   Growth of the proxy's resident memory per open session, once nothing moves; and again 20 s after a message of
         16 KiB went each way on every session.
  echo   64 and 1,000 connections, each with one message of 128 bytes on its way at a time. The proxy's own processor time
         (user and system, all its processes) per echo; echoes a second; time to the echo. For 'direct', the processor
         time is the backend's.
  kill   Each client sends a numbered message and a text heartbeat ('ping', answered 'pong') every second. The backend's
         process is killed and comes back 5 s later on the same port. How many clients were dropped, how many heartbeats
         had no answer within a second, how many messages of the clients that stayed had no echo in the end.
  reload Belay alone, with a filter that numbers what each client says. Each client says something four times a second;
         after 5 s at rest the filter's file is replaced twenty times. How many clients were dropped, how many messages
         had no answer or another number than the next; the time to the answer at rest and while swapping; the longest
         time from a request at the admin port until all workers had the new version.
";

/// What this process is to be.
pub(crate) enum Invocation {
    Help,
    /// `cargo test --benches` runs benches too.
    NotABench,
    /// The echo backend, listening here.
    Backend(SocketAddr),
    Bench(Options),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scenario {
    Idle,
    Echo,
    Kill,
    Reload,
}

pub(crate) struct Options {
    /// All that are found, if empty.
    pub(crate) peers: Vec<String>,
    scenarios: Vec<Scenario>,
    pub(crate) sessions: usize,
    pub(crate) clients: usize,
    pub(crate) rounds: u32,
    /// Of one echo run.
    pub(crate) echo_time: Duration,
    /// From the last open or message to the reading of memory.
    pub(crate) settle: Duration,
    pub(crate) settle_after_message: Duration,
    /// Between the backend's end and its return.
    pub(crate) away: Duration,
    pub(crate) belay: PathBuf,
}

impl Options {
    fn default() -> Self {
        Self {
            peers: Vec::new(),
            scenarios: vec![Scenario::Idle, Scenario::Echo, Scenario::Kill, Scenario::Reload],
            sessions: 9_500,
            clients: 1_000,
            rounds: 3,
            echo_time: Duration::from_secs(5),
            settle: Duration::from_secs(5),
            settle_after_message: Duration::from_secs(20),
            away: Duration::from_secs(5),
            belay: PathBuf::from(env!("CARGO_BIN_EXE_belay")),
        }
    }

    fn make_quick(&mut self) {
        self.sessions = 2_000;
        self.clients = 300;
        self.rounds = 1;
        self.echo_time = Duration::from_secs(2);
        self.settle = Duration::from_secs(1);
        self.settle_after_message = Duration::from_secs(3);
        self.away = Duration::from_secs(2);
    }

    pub(crate) fn does(&self, scenario: Scenario) -> bool {
        self.scenarios.contains(&scenario)
    }

    /// A proxy needs two files a session, and some for itself; other proxies keep a reserve of their own.
    pub(crate) fn fits_into(&self, files: u64) -> Outcome<()> {
        let sessions = self.sessions.max(self.clients).max(1_000);
        let needed = 2 * sessions as u64 + 500;
        if needed <= files {
            return Ok(());
        }
        Err(format!(
            "{sessions} sessions take about {needed} files in a proxy, and a process may open {files} here (ulimit -Hn). \
             Raise that, or use --sessions and --clients of at most {}",
            files.saturating_sub(500) / 2
        ))
    }
}

pub(crate) fn parse() -> Outcome<Invocation> {
    let mut parser = lexopt::Parser::from_env();
    let mut options = Options::default();
    let mut is_bench = false;
    while let Some(argument) = parser.next().map_err(say)? {
        match argument {
            Long("bench") => is_bench = true,
            Long("help") | Short('h') => return Ok(Invocation::Help),
            Long("quick") => options.make_quick(),
            Long("peers") => options.peers = list(&mut parser)?,
            Long("only") => {
                options.scenarios = list(&mut parser)?.iter().map(|name| scenario(name)).collect::<Outcome<_>>()?;
            }
            Long("sessions") => options.sessions = number(&mut parser)? as usize,
            Long("clients") => options.clients = number(&mut parser)? as usize,
            Long("rounds") => options.rounds = number(&mut parser)?,
            Long("seconds") => options.echo_time = Duration::from_secs(number(&mut parser)?.into()),
            Long("belay") => options.belay = parser.value().map_err(say)?.into(),
            Value(role) if role == "backend" => {
                let address = parser.value().map_err(say)?.parse().map_err(say)?;
                return Ok(Invocation::Backend(address));
            }
            other => return Err(format!("{}\n\n{HELP}", other.unexpected())),
        }
    }
    Ok(if is_bench { Invocation::Bench(options) } else { Invocation::NotABench })
}

fn list(parser: &mut lexopt::Parser) -> Outcome<Vec<String>> {
    let list = parser.value().map_err(say)?.string().map_err(say)?;
    Ok(list.split(',').map(|name| name.trim().to_owned()).collect())
}

/// At least one.
fn number(parser: &mut lexopt::Parser) -> Outcome<u32> {
    let number: u32 = parser.value().map_err(say)?.parse().map_err(say)?;
    if number == 0 { Err("0 of something cannot be measured".to_owned()) } else { Ok(number) }
}

fn scenario(name: &str) -> Outcome<Scenario> {
    match name {
        "idle" => Ok(Scenario::Idle),
        "echo" => Ok(Scenario::Echo),
        "kill" => Ok(Scenario::Kill),
        "reload" => Ok(Scenario::Reload),
        unknown => Err(format!("there is no scenario '{unknown}': idle, echo, kill, reload")),
    }
}

fn say(error: lexopt::Error) -> String {
    error.to_string()
}
