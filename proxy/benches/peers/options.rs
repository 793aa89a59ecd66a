//! What the bench is asked to do.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Outcome;

pub(crate) const HELP: &str = include_str!("help.txt");

/// What this process is to be.
pub(crate) enum Invocation {
    Help,
    /// `cargo test --benches` runs benches too.
    NotABench,
    /// The echo backend, listening here.
    Backend(SocketAddr),
    /// One process's share of the clients of the scale test.
    Crowd(Vec<String>),
    Bench(Box<Options>),
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    Idle,
    Echo,
    Accept,
    Filters,
    Heartbeat,
    Start,
    Kill,
    Reload,
    Scale,
}

impl Scenario {
    pub(crate) const ALL: [Self; 9] = [
        Self::Idle,
        Self::Echo,
        Self::Accept,
        Self::Filters,
        Self::Heartbeat,
        Self::Start,
        Self::Kill,
        Self::Reload,
        Self::Scale,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Echo => "echo",
            Self::Accept => "accept",
            Self::Filters => "filters",
            Self::Heartbeat => "heartbeat",
            Self::Start => "start",
            Self::Kill => "kill",
            Self::Reload => "reload",
            Self::Scale => "scale",
        }
    }

    fn named(name: &str) -> Outcome<Self> {
        let found = Self::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| format!("there is no scenario '{name}': {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

pub(crate) struct Options {
    /// All that are found, if empty.
    pub(crate) peers: Vec<String>,
    scenarios: Vec<Scenario>,
    /// In one process.
    pub(crate) sessions: usize,
    /// That see a filter replaced.
    pub(crate) clients: usize,
    /// Of the scale test, in all.
    pub(crate) crowd: usize,
    /// Between two heartbeats of one of the crowd, and between two messages.
    pub(crate) crowd_heartbeat: Duration,
    pub(crate) crowd_message: Duration,
    pub(crate) crowd_time: Duration,
    pub(crate) rounds: u32,
    /// Of one echo run.
    pub(crate) echo_time: Duration,
    /// From the last open or message to the reading of memory.
    pub(crate) settle: Duration,
    pub(crate) settle_after_message: Duration,
    /// Between the backend's end and its return.
    pub(crate) away: Duration,
    pub(crate) belay: PathBuf,
    /// Figures of an earlier run stay, of scenarios that this one leaves out.
    pub(crate) keep: bool,
    /// The folder for the page and its plots.
    pub(crate) docs: Option<PathBuf>,
}

impl Options {
    fn default() -> Self {
        Self {
            peers: Vec::new(),
            scenarios: Scenario::ALL.to_vec(),
            sessions: 9_500,
            clients: 1_000,
            crowd: 100_000,
            crowd_heartbeat: Duration::from_secs(25),
            crowd_message: Duration::from_secs(60),
            crowd_time: Duration::from_secs(60),
            rounds: 3,
            echo_time: Duration::from_secs(4),
            settle: Duration::from_secs(3),
            settle_after_message: Duration::from_secs(20),
            away: Duration::from_secs(5),
            belay: PathBuf::from(env!("CARGO_BIN_EXE_belay")),
            keep: false,
            docs: None,
        }
    }

    fn make_quick(&mut self) {
        self.sessions = 2_000;
        self.clients = 300;
        self.crowd = 4_000;
        self.crowd_heartbeat = Duration::from_secs(5);
        self.crowd_message = Duration::from_secs(10);
        self.crowd_time = Duration::from_secs(10);
        self.rounds = 1;
        self.echo_time = Duration::from_secs(2);
        self.settle = Duration::from_secs(1);
        self.settle_after_message = Duration::from_secs(3);
        self.away = Duration::from_secs(2);
    }

    pub(crate) fn scenarios(&self) -> impl Iterator<Item = Scenario> {
        self.scenarios.iter().copied()
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
                let names = list(&mut parser)?;
                options.scenarios = names.iter().map(|name| Scenario::named(name)).collect::<Outcome<_>>()?;
            }
            Long("render") => options.scenarios = Vec::new(),
            Long("keep") => options.keep = true,
            Long("write-docs") => options.docs = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs").into()),
            Long("sessions") => options.sessions = number(&mut parser)? as usize,
            Long("clients") => options.clients = number(&mut parser)? as usize,
            Long("crowd") => options.crowd = number(&mut parser)? as usize,
            Long("rounds") => options.rounds = number(&mut parser)?,
            Long("seconds") => options.echo_time = Duration::from_secs(number(&mut parser)?.into()),
            Long("belay") => options.belay = parser.value().map_err(say)?.into(),
            Value(role) if role == "backend" => {
                let address = parser.value().map_err(say)?.parse().map_err(say)?;
                return Ok(Invocation::Backend(address));
            }
            Value(role) if role == "crowd" => {
                let arguments = parser.raw_args().map_err(say)?.map(|argument| argument.string().map_err(say));
                return Ok(Invocation::Crowd(arguments.collect::<Outcome<_>>()?));
            }
            other => return Err(format!("{}\n\n{HELP}", other.unexpected())),
        }
    }
    Ok(if is_bench { Invocation::Bench(Box::new(options)) } else { Invocation::NotABench })
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

fn say(error: lexopt::Error) -> String {
    error.to_string()
}
