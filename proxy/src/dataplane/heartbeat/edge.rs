//! The heartbeats of one session whose protocol keeps both of its connections alive: towards the client we play the
//! server's part, towards the backend the client's. Pure: messages and `now` come in, findings and beats go out.

use super::engine_io::{EngineIo, Overheard};
use super::mqtt::Mqtt;
use super::stomp::Stomp;
use super::{Finding, Protocol};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::message::{Direction, Message, MessageKind};
use crate::dataplane::route::MessageLimits;
use crate::time::Instant;

/// See the module.
#[derive(Clone, Debug)]
pub enum Edge {
    /// [`Protocol::EngineIo`].
    EngineIo(EngineIo),
    /// [`Protocol::Mqtt`].
    Mqtt(Mqtt),
    /// [`Protocol::Stomp`].
    Stomp(Stomp),
}

/// What is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Beat {
    /// A heartbeat for the client.
    ToClient(Message),
    /// A heartbeat for the backend; of no use while it is away.
    ToBackend(Message),
    /// The client has been silent for longer than its protocol allows.
    ClientDead,
    /// The backend has.
    BackendDead,
    /// The client has said goodbye, as its protocol has it.
    ClientLeft,
}

impl Edge {
    pub(super) fn new(
        protocol: Protocol,
        handshake: &Handshake,
        messages: &MessageLimits,
        overheard: &Overheard,
    ) -> Option<Self> {
        match protocol {
            Protocol::EngineIo => EngineIo::new(handshake, overheard).map(Self::EngineIo),
            Protocol::Mqtt => Some(Self::Mqtt(Mqtt::new(messages.message_bytes_max))),
            Protocol::Stomp => Some(Self::Stomp(Stomp::default())),
        }
    }

    /// The session begins.
    pub fn handle_opened(&mut self, now: Instant) {
        match self {
            Self::Mqtt(mqtt) => mqtt.handle_opened(now),
            Self::EngineIo(_) | Self::Stomp(_) => {}
        }
    }

    /// A message came, in this direction.
    pub fn handle_message(&mut self, now: Instant, direction: Direction, kind: MessageKind, payload: &[u8]) -> Finding {
        match self {
            Self::EngineIo(engine_io) => engine_io.handle_message(now, direction, kind, payload),
            Self::Mqtt(mqtt) => mqtt.handle_message(now, direction, kind, payload),
            Self::Stomp(stomp) => stomp.handle_message(now, direction, kind, payload),
        }
    }

    /// Part of a message came, or may have come where we do not read: its sender lives.
    pub fn handle_part(&mut self, now: Instant, direction: Direction) {
        match self {
            Self::EngineIo(engine_io) => engine_io.handle_part(now, direction),
            Self::Mqtt(mqtt) => mqtt.handle_part(now, direction),
            Self::Stomp(stomp) => stomp.handle_part(now, direction),
        }
    }

    /// A message was put on its way in this direction, or is to be as soon as there is one.
    pub fn handle_sent(&mut self, now: Instant, direction: Direction) {
        match self {
            // Its pings are due whatever else is sent.
            Self::EngineIo(_) => {}
            Self::Mqtt(mqtt) => mqtt.handle_sent(now, direction),
            Self::Stomp(stomp) => stomp.handle_sent(now, direction),
        }
    }

    /// Another upstream stands in the place of the one that was lost.
    pub fn handle_connected(&mut self) {
        match self {
            Self::EngineIo(engine_io) => engine_io.handle_connected(),
            Self::Mqtt(mqtt) => mqtt.handle_connected(),
            Self::Stomp(stomp) => stomp.handle_connected(),
        }
    }

    /// Whether the backend has said that the end of its connection is the end of the session, so that nothing is to be held.
    pub fn backend_means_to_end(&self) -> bool {
        match self {
            Self::EngineIo(_) | Self::Mqtt(_) => false,
            Self::Stomp(stomp) => stomp.backend_means_to_end(),
        }
    }

    /// When [`Edge::poll_beat`] has something.
    pub fn next_deadline(&self) -> Instant {
        match self {
            Self::EngineIo(engine_io) => engine_io.next_deadline(),
            Self::Mqtt(mqtt) => mqtt.next_deadline(),
            Self::Stomp(stomp) => stomp.next_deadline(),
        }
    }

    /// One thing that is due at `now`; to be asked until there is nothing.
    pub fn poll_beat(&mut self, now: Instant) -> Option<Beat> {
        match self {
            Self::EngineIo(engine_io) => engine_io.poll_beat(now),
            Self::Mqtt(mqtt) => mqtt.poll_beat(now),
            Self::Stomp(stomp) => stomp.poll_beat(now),
        }
    }
}
