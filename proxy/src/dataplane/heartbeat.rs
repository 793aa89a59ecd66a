//! Heartbeats at the edge: which messages are heartbeats and how they are answered. When to probe is the session's.

use std::time::Duration;

use super::message::{Message, MessageKind};

/// A route's `heartbeat`.
#[derive(Clone, Debug)]
pub struct HeartbeatPolicy {
    /// Tried in order on each message of the client; the first that knows it answers.
    pub answer: Vec<Answerer>,
    /// Ping frames of either side are answered where they arrive. Otherwise they are passed on. Default on.
    pub websocket: PingPolicy,
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

/// One kind of heartbeat in messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answerer {
    /// A text message that is exactly `ping` is answered with `pong`.
    Text {
        /// What the client says.
        ping: Box<str>,
        /// What it hears.
        pong: Box<str>,
    },
}

/// Asks silent clients whether they live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The silence after which a client is asked.
    pub every: Duration,
    /// The silence after asking at which it is taken for dead.
    pub timeout: Duration,
}

impl Default for HeartbeatPolicy {
    fn default() -> Self {
        Self { answer: Vec::new(), websocket: PingPolicy::default(), probe: Some(Probe::default()) }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self { every: Duration::from_secs(30), timeout: Duration::from_secs(10) }
    }
}

impl Answerer {
    /// The answer, if this message is a heartbeat of this kind.
    pub fn answer(&self, kind: MessageKind, payload: &[u8]) -> Option<Message> {
        match self {
            Self::Text { ping, pong } => {
                (kind == MessageKind::Text && payload == ping.as_bytes()).then(|| Message::text(&**pong))
            }
        }
    }
}
