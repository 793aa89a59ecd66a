//! MQTT 3.1.1 and 5 (3.1 too), over TCP and over WebSocket: towards the client we play the broker's part, towards the broker
//! the client's. PINGREQ is answered here; a client that is silent for one and a half times its keep-alive is dead (3.1.1 and
//! 5, section 3.1.2.10); and where nothing else went to the broker for most of that time, we send it a PINGREQ, take its
//! PINGRESP, and take a broker that does not answer for lost (section 3.12). Keep-alive 0 is none of this but the answering.
//!
//! Over WebSocket a message may hold several packets or parts of some (section 6). What is passed on is always whole packets,
//! so that nothing of ours falls into the middle of one, and another broker can stand in after any message.

mod head;
mod packet;

use std::borrow::Cow;
use std::time::Duration;

use self::head::Connect;
use self::packet::{Next, Packet, Type};
use super::{Beat, Finding};
use crate::dataplane::message::{Direction, Message, MessageKind};
use crate::time::Instant;

/// See the module.
#[derive(Clone, Debug)]
pub struct Mqtt {
    /// A packet that comes in parts is kept until it is whole, if it is not longer than this.
    packet_bytes_max: usize,
    /// What the client has begun to send, and the broker. Mostly nothing.
    from_client: Vec<u8>,
    from_broker: Vec<u8>,
    connect: Option<Connect>,
    /// The keep-alive that holds; zero if there is none.
    keep_alive: Duration,
    client: Client,
    /// When the broker is to be sent a PINGREQ, unless something else is sent before.
    ping_at: Instant,
    /// When a broker that was pinged counts as lost.
    broker_until: Instant,
}

/// How the client is doing.
#[derive(Clone, Copy, Debug)]
enum Client {
    /// It counts as dead then.
    Silent { until: Instant },
    /// It has sent DISCONNECT.
    Leaving,
}

/// What becomes of a packet.
enum Fate {
    Passed,
    /// A PINGREQ.
    Answered,
    /// For us, or of no use to the other side.
    Taken,
    Invalid,
}

const PINGREQ: [u8; 2] = [0xc0, 0];
const PINGRESP: [u8; 2] = [0xd0, 0];
/// A client that has not sent CONNECT by then is closed, as section 3.1 has it; how long is left to the broker, which would
/// be dialled again and again for such a client.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// How long a broker may take for a PINGRESP: half the keep-alive, within these. The specification leaves it to the client.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
const PATIENCE_MAX: Duration = Duration::from_secs(10);

impl Mqtt {
    pub(super) fn new(packet_bytes_max: usize) -> Self {
        Self {
            packet_bytes_max,
            from_client: Vec::new(),
            from_broker: Vec::new(),
            connect: None,
            keep_alive: Duration::ZERO,
            client: Client::Silent { until: Instant::NEVER },
            ping_at: Instant::NEVER,
            broker_until: Instant::NEVER,
        }
    }

    pub(super) fn handle_opened(&mut self, now: Instant) {
        self.client = Client::Silent { until: now + CONNECT_WITHIN };
    }

    pub(super) fn handle_message(
        &mut self,
        now: Instant,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
    ) -> Finding {
        // "MQTT Control Packets MUST be sent in WebSocket binary data frames" (MQTT-6.0.0-1).
        if kind == MessageKind::Text {
            return Finding::Unreadable;
        }
        self.handle_part(now, direction);
        let begun = std::mem::take(self.begun(direction));
        let bytes = if begun.is_empty() { payload.into() } else { Cow::Owned([&begun[..], payload].concat()) };
        let (mut passed, mut answers) = (Passed::All(0), Vec::new());
        let mut rest = &bytes[..];
        loop {
            match packet::next(rest) {
                Next::Packet(packet, after) => {
                    match self.on_packet(now, direction, &packet) {
                        Fate::Passed => passed.pass(packet.whole),
                        Fate::Answered => {
                            answers.extend(PINGRESP);
                            passed.leave_out(&bytes);
                        }
                        Fate::Taken => passed.leave_out(&bytes),
                        Fate::Invalid if packet.whole.len() == bytes.len() => return Finding::Malformed,
                        Fate::Invalid => return Finding::Unreadable,
                    }
                    rest = after;
                }
                Next::Part { bytes: length } if length <= self.packet_bytes_max => {
                    if !rest.is_empty() {
                        passed.leave_out(&bytes);
                        *self.begun(direction) = rest.to_vec();
                    }
                    break;
                }
                Next::Part { .. } | Next::Broken => return Finding::Unreadable,
            }
        }
        let answer = (!answers.is_empty()).then_some(Message { kind: MessageKind::Binary, payload: answers });
        match (passed, answer) {
            (Passed::All(_), _) if begun.is_empty() => Finding::Other,
            (Passed::All(_), answer) => Finding::Rewritten { payload: bytes.into_owned(), answer },
            (Passed::Some(payload), answer) if !payload.is_empty() => Finding::Rewritten { payload, answer },
            (Passed::Some(_), Some(answer)) => Finding::Heartbeat(Some(answer)),
            (Passed::Some(_), None) => Finding::Taken,
        }
    }

    /// The sender lives.
    pub(super) fn handle_part(&mut self, now: Instant, direction: Direction) {
        match (direction, &mut self.client) {
            (Direction::ToClient, _) => self.broker_until = Instant::NEVER,
            // The time for CONNECT runs on.
            (Direction::ToBackend, Client::Silent { .. }) if self.connect.is_none() => {}
            (Direction::ToBackend, Client::Silent { until }) => {
                *until = if self.keep_alive.is_zero() { Instant::NEVER } else { now + self.keep_alive * 3 / 2 };
            }
            (Direction::ToBackend, Client::Leaving) => {}
        }
    }

    pub(super) fn handle_sent(&mut self, now: Instant, direction: Direction) {
        if direction == Direction::ToBackend {
            self.ping_at = self.ping_due(now);
        }
    }

    pub(super) fn handle_connected(&mut self) {
        self.from_broker = Vec::new();
        self.broker_until = Instant::NEVER;
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let client = match self.client {
            Client::Silent { until } => until,
            Client::Leaving => Instant::ZERO,
        };
        client.min(self.ping_at).min(self.broker_until)
    }

    pub(super) fn poll_beat(&mut self, now: Instant) -> Option<Beat> {
        match self.client {
            Client::Silent { until } if until > now => {}
            client => {
                self.client = Client::Silent { until: Instant::NEVER };
                return Some(if let Client::Leaving = client { Beat::ClientLeft } else { Beat::ClientDead });
            }
        }
        if self.broker_until <= now {
            self.broker_until = Instant::NEVER;
            return Some(Beat::BackendDead);
        }
        if self.ping_at > now {
            return None;
        }
        self.ping_at = self.ping_due(now);
        let patience = (self.keep_alive / 2).clamp(PATIENCE_MIN, PATIENCE_MAX);
        self.broker_until = self.broker_until.min(now + patience);
        Some(Beat::ToBackend(Message { kind: MessageKind::Binary, payload: PINGREQ.into() }))
    }

    fn on_packet(&mut self, now: Instant, direction: Direction, packet: &Packet<'_>) -> Fate {
        match (direction, packet.kind) {
            (Direction::ToBackend, Type::Connect) => {
                let Some(connect) = Connect::read(packet.body) else { return Fate::Invalid };
                self.connect = Some(connect);
                self.set_keep_alive(now, connect.keep_alive);
                Fate::Passed
            }
            (Direction::ToBackend, Type::PingReq) if packet.whole == PINGREQ => Fate::Answered,
            (Direction::ToClient, Type::PingResp) if packet.whole == PINGRESP => Fate::Taken,
            (Direction::ToBackend, Type::PingReq) | (Direction::ToClient, Type::PingResp) => Fate::Invalid,
            (Direction::ToBackend, Type::Disconnect) => {
                self.client = Client::Leaving;
                Fate::Passed
            }
            // The client need not know: it is held, or closed.
            (Direction::ToClient, Type::Disconnect) if head::says_shutting_down(packet.body) => Fate::Taken,
            (Direction::ToClient, Type::ConnAck) => {
                if let Some(connect) = self.connect {
                    let keep_alive = connect.version.server_keep_alive(packet.body).unwrap_or(connect.keep_alive);
                    self.set_keep_alive(now, keep_alive);
                }
                Fate::Passed
            }
            _ => Fate::Passed,
        }
    }

    fn set_keep_alive(&mut self, now: Instant, keep_alive: Duration) {
        self.keep_alive = keep_alive;
        self.ping_at = self.ping_due(now);
        self.handle_part(now, Direction::ToBackend);
    }

    /// Three quarters of the keep-alive, so that a slow network does not make it late.
    fn ping_due(&self, now: Instant) -> Instant {
        if self.keep_alive.is_zero() { Instant::NEVER } else { now + self.keep_alive * 3 / 4 }
    }

    fn begun(&mut self, direction: Direction) -> &mut Vec<u8> {
        match direction {
            Direction::ToBackend => &mut self.from_client,
            Direction::ToClient => &mut self.from_broker,
        }
    }
}

/// What of some bytes is passed on.
enum Passed {
    /// The first so many, with nothing left out.
    All(usize),
    /// These.
    Some(Vec<u8>),
}

impl Passed {
    fn pass(&mut self, packet: &[u8]) {
        match self {
            Self::All(count) => *count += packet.len(),
            Self::Some(bytes) => bytes.extend_from_slice(packet),
        }
    }

    fn leave_out(&mut self, bytes: &[u8]) {
        if let Self::All(count) = self {
            *self = Self::Some(bytes[..*count].to_vec());
        }
    }
}

#[cfg(test)]
mod tests;
