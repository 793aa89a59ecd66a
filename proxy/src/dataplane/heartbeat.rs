//! Heartbeats at the edge: which messages are heartbeats, and how they are answered. Each kind is a module of its own, over
//! messages and `now`. What becomes of a finding, and when to probe, is the session's.

mod edge;
mod engine_io;
mod json;
mod mqtt;
mod packet;
mod stomp;
mod text;

use std::time::Duration;

use super::handshake::Handshake;
use super::message::{Direction, Message, MessageKind};
use super::probe::{Fixed, Probe};
use super::route::MessageLimits;
use crate::time::UnixTime;

pub use edge::{Beat, Edge};
pub use engine_io::Overheard;
pub use json::{Json, JsonError, PatternError, Preset, TemplateError};
pub use packet::{Checksum, Packet};
pub use text::{Ping, Text};

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
    /// What a client is asked by where the connection has no pings of its own. Without it, the kernel asks. Default none.
    pub probe_message: Option<Box<str>>,
    /// A client that is silent for so long is dead, without being asked. Default none.
    pub expect: Option<Duration>,
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
    /// Its session is closed, with 1008 if the client sent it and 1011 if the backend did.
    Close,
}

/// One kind of heartbeat that is known by looking at one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answerer {
    /// A payload and its answer.
    Text(Text),
    /// Fields and an answer.
    Json(Json),
    /// The classic binary packet.
    Packet(Packet),
}

/// Whose heartbeat it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sender {
    /// The client says it, and is answered.
    #[default]
    Client,
    /// The backend does, and is.
    Backend,
    /// Each side may.
    Either,
}

/// What is larger is no heartbeat, unless it is one to the letter: to look closer would cost more than an answer saves.
pub const BYTES_MAX: usize = 4 * 1024;

fn is_of_heartbeats_size(payload: &[u8]) -> bool {
    payload.len() <= BYTES_MAX
}

/// A protocol whose heartbeats have intervals that both sides agree on, so that each session has a state: [`Edge`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Engine.IO 3 and 4, which carries Socket.IO.
    EngineIo,
    /// MQTT 3.1, 3.1.1 and 5.
    Mqtt,
    /// STOMP 1.1 and 1.2.
    Stomp,
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
    /// It ends here and nobody is told anything: it concerns us alone, or it is part of something that is not whole yet.
    Taken,
    /// Meant as a heartbeat, and not valid.
    Malformed,
    /// Not of the protocol that is spoken here, so that nothing that follows can be made sense of.
    Unreadable,
}

impl HeartbeatPolicy {
    /// What the answerers make of a message. The clock is asked only for an answer that tells the time.
    pub fn find(&self, direction: Direction, kind: MessageKind, payload: &[u8], clock: fn() -> UnixTime) -> Finding {
        for answerer in &self.answer {
            match answerer.find(direction, kind, payload, clock) {
                Finding::Other => {}
                finding => return finding,
            }
        }
        Finding::Other
    }

    /// Whether the answer to a plain request with this query tells of the heartbeats of a session to come.
    pub fn overhears(&self, query: &str) -> bool {
        self.protocol == Some(Protocol::EngineIo) && Overheard::concerns(query)
    }

    /// What is to be kept of a new session's heartbeats, if its protocol has a state.
    pub fn edge(&self, handshake: &Handshake, messages: &MessageLimits, overheard: &Overheard) -> Option<Box<Edge>> {
        Edge::new(self.protocol?, handshake, messages, overheard).map(Box::new)
    }
}

impl Answerer {
    fn find(&self, direction: Direction, kind: MessageKind, payload: &[u8], clock: fn() -> UnixTime) -> Finding {
        match self {
            Self::Text(text) => text.find(direction, kind, payload),
            Self::Json(json) => json.find(direction, kind, payload, clock),
            Self::Packet(packet) => packet.find(direction, kind, payload, clock),
        }
    }
}

impl Sender {
    /// Whether it says what goes in this direction.
    fn sends(self, direction: Direction) -> bool {
        match self {
            Self::Client => direction == Direction::ToBackend,
            Self::Backend => direction == Direction::ToClient,
            Self::Either => true,
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
            probe: Some(Probe::Fixed(Fixed::default())),
            probe_message: None,
            expect: None,
        }
    }
}
