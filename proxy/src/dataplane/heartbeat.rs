//! Heartbeats at the edge: which messages are heartbeats, and how they are answered. Each kind is a module of its own, over
//! messages and `now`. What becomes of a finding, and when to probe, is the session's.

mod edge;
mod engine_io;
mod text;

use std::time::Duration;

use super::handshake::Handshake;
use super::message::{Direction, Message, MessageKind};

pub use edge::{Beat, Edge};
pub use text::Text;

/// A route's `heartbeat`.
#[derive(Clone, Debug)]
pub struct HeartbeatPolicy {
    /// Tried in order on each message; the first that knows it answers.
    pub answer: Vec<Answerer>,
    /// The protocol that is kept alive on both sides, beside or in place of the above.
    pub protocol: Option<Protocol>,
    /// Ping frames of either side are answered where they arrive. Otherwise they are passed on. Default on.
    pub websocket: PingPolicy,
    /// What becomes of a message that was meant as a heartbeat and is not valid.
    pub malformed: MalformedPolicy,
    /// Finds dead clients. Default: every 30 s of silence, 10 s to answer.
    pub probe: Option<Probe>,
}

/// What becomes of the WebSocket protocol's own heartbeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PingPolicy {
    /// Pings are answered where they arrive, pongs end there.
    #[default]
    Answer,
    /// Both are passed on to the other side.
    PassOn,
}

/// What becomes of a message that was meant as a heartbeat and is not valid. It is counted, and never taken as a sign of
/// life, whatever else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MalformedPolicy {
    /// It ends here. The default.
    #[default]
    Ignore,
    /// It is passed on like any other message.
    Forward,
    /// Its session is closed with 1008.
    Close,
}

/// One kind of heartbeat that is known by looking at one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answerer {
    /// A text and its answer.
    Text(Text),
}

/// A protocol whose heartbeats have intervals that both sides agree on, so that each session has a state: [`Edge`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Engine.IO 3 and 4, which carries Socket.IO.
    EngineIo,
}

/// What a message is to the heartbeats of its session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Nothing to us.
    Other,
    /// A heartbeat. It ends here, and its sender is told this, if anything.
    Heartbeat(Option<Message>),
    /// More than a heartbeat: this is passed on in its place, as the same kind, and its sender is told that, if anything.
    Rewritten {
        /// In place of the payload.
        payload: Vec<u8>,
        /// For the sender.
        answer: Option<Message>,
    },
    /// Meant as a heartbeat, and not valid.
    Malformed,
}

/// Asks silent clients whether they live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The silence after which a client is asked.
    pub every: Duration,
    /// The silence after asking at which it is taken for dead.
    pub timeout: Duration,
}

impl HeartbeatPolicy {
    /// What the answerers make of a message.
    pub fn find(&self, direction: Direction, kind: MessageKind, payload: &[u8]) -> Finding {
        let findings = self.answer.iter().map(|answerer| answerer.find(direction, kind, payload));
        findings.into_iter().find(|finding| *finding != Finding::Other).unwrap_or(Finding::Other)
    }

    /// What is to be kept of a new session's heartbeats, if its protocol has a state.
    pub fn edge(&self, handshake: &Handshake) -> Option<Box<Edge>> {
        Edge::new(self.protocol?, handshake).map(Box::new)
    }
}

impl Answerer {
    fn find(&self, direction: Direction, kind: MessageKind, payload: &[u8]) -> Finding {
        match self {
            Self::Text(text) => text.find(direction, kind, payload),
        }
    }
}

impl Default for HeartbeatPolicy {
    fn default() -> Self {
        Self {
            answer: Vec::new(),
            protocol: None,
            websocket: PingPolicy::default(),
            malformed: MalformedPolicy::default(),
            probe: Some(Probe::default()),
        }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self { every: Duration::from_secs(30), timeout: Duration::from_secs(10) }
    }
}
