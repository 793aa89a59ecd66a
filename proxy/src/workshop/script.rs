//! A script: what happens to a filter, and what it is to answer. Reading one from YAML is the config room's, playing it is
//! `rehearsal`'s.

mod wanted;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

pub use self::wanted::{
    LogLevel, Restored, Wanted, WantedClose, WantedContent, WantedLine, WantedRefusal, WantedRequest, WantedText,
};
use crate::dataplane::callout::Origin;
use crate::dataplane::chain::{Interest, UpstreamEvent};
use crate::dataplane::message::{CloseReason, Direction, Message};
use crate::dataplane::route::{FailurePolicy, FilterLimits, Isolation};

/// All that a script says.
#[derive(Clone, Debug)]
pub struct Script {
    /// In order. Nothing of one is left to the next.
    pub scenarios: Vec<Scenario>,
}

/// A filter is started, and things happen to it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows, in words.
    pub name: Box<str>,
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// What it begins with.
    pub setup: Setup,
    /// What becomes of it.
    pub plot: Plot,
}

/// What a scenario begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The filter's config.
    pub config: Value,
    /// What is in its files, by the name that it knows them under.
    pub files: Vec<(Box<str>, Vec<u8>)>,
    /// What a failure of it means.
    pub on_failure: FailurePolicy,
    /// Who shares an instance.
    pub isolation: Isolation,
    /// What it may use.
    pub limits: FilterLimits,
    /// What callouts may ask; nothing: anything.
    pub allow: Option<Vec<Origin>>,
    /// The wall clock, in milliseconds since 1970.
    pub unix_ms: u64,
    /// What chance gives, in turn; if empty, numbers that are the same each time.
    pub random: Vec<u64>,
}

/// The wall clock of a script that says nothing of it: the first of January 2026.
pub const UNIX_MS: u64 = 1_767_225_600_000;

/// What becomes of a filter.
#[derive(Clone, Debug)]
pub enum Plot {
    /// It does not start, and says this.
    Refused(WantedText),
    /// It serves.
    Serves {
        /// What it is to ask for.
        subscription: WantedSubscription,
        /// In order.
        steps: Vec<Step>,
    },
}

/// What a filter is to subscribe to. Nothing: not compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WantedSubscription {
    /// Of messages to the backend.
    pub to_backend: Option<Interest>,
    /// Of messages to the client.
    pub to_client: Option<Interest>,
    /// All its events.
    pub events: Option<Events>,
}

/// Events besides messages, as a filter subscribes to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Events {
    /// `on-handshake`.
    pub handshake: bool,
    /// `on-upstream`.
    pub upstream: bool,
    /// `on-heartbeat`.
    pub heartbeat: bool,
    /// `on-close`.
    pub close: bool,
}

/// One thing that happens, and what is to come of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// The session that it is about.
    pub session: Box<str>,
    /// How many times it happens.
    pub repeat: u32,
    /// What happens.
    pub event: Event,
    /// The filter's answer; nothing: the one that lets things pass.
    pub wanted: Option<Wanted>,
    /// What else is to be so.
    pub effects: Effects,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client asks to be let in.
    Connect(Connect),
    /// A message passes.
    Message(Direction, Message),
    /// Something became of the upstream.
    Upstream(UpstreamEvent),
    /// A heartbeat was answered.
    Heartbeat(Direction),
    /// Time passes.
    Advance {
        /// So much.
        by: Duration,
        /// All timers that become due; nothing: whichever there are, with `none`.
        fires: Option<Vec<Fire>>,
    },
    /// A callout has come to its end.
    Answer(CalloutOutcome),
    /// Files have other contents, or are gone.
    Files(Vec<(Box<str>, Option<Vec<u8>>)>),
    /// A new version comes.
    Reload(Reload),
    /// The instance is lost.
    InstanceLost,
    /// The session is over.
    Close(CloseReason),
}

/// A client that asks to be let in.
#[derive(Clone, Debug)]
pub struct Connect {
    /// Path and query.
    pub target: Box<str>,
    /// The name of its route.
    pub route: Box<str>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// In order; names in lower case.
    pub headers: Vec<(Box<str>, Box<str>)>,
}

/// What a callout came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CalloutOutcome {
    /// The service answered.
    Response {
        /// 100 to 599.
        status: u16,
        /// Names in lower case.
        headers: Vec<(Box<str>, Box<str>)>,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// The configuration does not allow it.
    Forbidden,
    /// Too many are under way.
    Busy,
    /// There was none in time.
    Timeout,
    /// There was no connection.
    Unreachable,
    /// It was too long.
    TooLarge,
}

/// A new version.
#[derive(Clone, Debug)]
pub struct Reload {
    /// Nothing: that of the version before.
    pub config: Option<Value>,
    /// Nothing: the component of the version before.
    pub wasm: Option<PathBuf>,
    /// What is carried over of sessions in place of what was kept.
    pub states: Vec<(Box<str>, Vec<u8>)>,
    /// It must be refused, and say this.
    pub refused: Option<WantedText>,
}

/// A timer that becomes due.
#[derive(Clone, Debug)]
pub struct Fire {
    /// The filter's number for it.
    pub timer: u32,
    /// Whose it is.
    pub session: Box<str>,
    /// Since the step began; nothing: at any time in it.
    pub after: Option<Duration>,
    /// The filter's answer; nothing: `none`.
    pub wanted: Option<Wanted>,
}

/// What is to be so after a step, besides the filter's answer. What is not said is not compared.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// All lines of the step.
    pub log: Option<Vec<WantedLine>>,
    /// Nothing: never counted.
    pub counters: Vec<(Box<str>, Option<u64>)>,
    /// Nothing: not there.
    pub attributes: Vec<(Box<str>, Option<WantedText>)>,
    /// Nothing: not there.
    pub upstream_headers: Vec<(Box<str>, Option<WantedText>)>,
    /// What the backend is offered.
    pub subprotocols: Option<Vec<Box<str>>>,
    /// What the client is told.
    pub default_subprotocol: Option<Box<str>>,
    /// Nothing: not set.
    pub timers: Vec<(u32, Option<Duration>)>,
    /// What the session took in.
    pub restored: Option<Restored>,
    /// What the filter said against the session's state.
    pub not_restored: Option<WantedText>,
}
