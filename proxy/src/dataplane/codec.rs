//! How messages stand on a connection: as WebSocket frames, or on raw TCP as what a [`Framer`] cuts its stream into. Pure:
//! bytes in, events out. Which bytes to read, when to answer a ping and how a close is carried out are the session's.
//!
//! What is kept of a connection between two messages is a [`Reader`] of a few words and no buffer.

mod error;
mod payload;
pub mod raw;
pub mod websocket;

use std::sync::Arc;

use super::message::{CloseReason, MessageKind};
use super::route::MessageLimits;

pub use error::{DoesNotFit, ProtocolError};
pub use payload::Payload;
pub use raw::{Cutter, Framer};
pub use websocket::{Decoder, Opcode, encode, encode_close, encoded_len, may_stand_on_wire};

/// Who we are on a connection. WebSocket clients mask what they send (RFC 6455, section 5.3); servers do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We accepted it: we read masked frames and write unmasked ones.
    Server,
    /// We dialled it: we read unmasked frames and write masked ones.
    Client,
}

/// What the peer said.
#[derive(PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A whole message. Text is valid UTF-8.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// Unmasked, and without framing where the framer takes it away.
        payload: Payload<'a>,
    },
    /// To be answered by a pong with the same payload, at most 125 bytes.
    Ping(Payload<'a>),
    /// At most 125 bytes.
    Pong(Payload<'a>),
    /// The peer says nothing after this.
    Close(CloseReason),
}

/// What is said besides messages. Raw TCP has none of it: there a close is the end of the stream, which is the driver's.
#[derive(Clone, Copy, Debug)]
pub enum Control<'a> {
    /// At most 125 bytes.
    Ping(&'a [u8]),
    /// At most 125 bytes.
    Pong(&'a [u8]),
    /// Nothing is said after this.
    Close(&'a CloseReason),
}

/// How messages stand on the two connections of a route's sessions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Framing {
    /// RFC 6455.
    #[default]
    WebSocket,
    /// A stream of bytes and nothing else.
    Raw(Arc<Framer>),
}

impl Framing {
    /// For the start of a connection on which we are `role`.
    pub fn reader(&self, role: Role) -> Reader {
        match self {
            Self::WebSocket => Reader::WebSocket(Decoder::new(role)),
            Self::Raw(framer) => Reader::Raw(Cutter::new(Arc::clone(framer))),
        }
    }

    /// Appends a message to `out`, or leaves `out` as it was.
    pub fn write(&self, role: Role, kind: MessageKind, payload: &[u8], out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
        match self {
            Self::WebSocket => {
                encode(role, kind.into(), payload, out);
                Ok(())
            }
            Self::Raw(framer) => framer.write(payload, out),
        }
    }

    /// Appends what is said besides messages, where there is such a thing.
    pub fn write_control(&self, role: Role, control: Control<'_>, out: &mut Vec<u8>) {
        match (self, control) {
            (Self::WebSocket, Control::Ping(payload)) => encode(role, Opcode::Ping, payload, out),
            (Self::WebSocket, Control::Pong(payload)) => encode(role, Opcode::Pong, payload, out),
            (Self::WebSocket, Control::Close(reason)) => encode_close(role, reason, out),
            (Self::Raw(_), _) => {}
        }
    }

    /// Whether a connection can say more than messages: pings, and a close with its reason.
    pub fn has_controls(&self) -> bool {
        matches!(self, Self::WebSocket)
    }
}

/// The reading side of one connection. What it allocates, it allocates while a message is partly there and not longer.
#[derive(Clone, Debug)]
pub enum Reader {
    /// Frames.
    WebSocket(Decoder),
    /// A stream that is cut.
    Raw(Cutter),
}

impl Reader {
    /// Takes one event off the front of `input`, advancing it. `Ok(None)`: all of `input` was taken, what is incomplete is
    /// remembered, and more is needed. After a close or an error everything is taken and nothing heard.
    pub fn read<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        limits: &MessageLimits,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        match self {
            Self::WebSocket(decoder) => decoder.decode(input, limits),
            Self::Raw(cutter) => cutter.cut(input, limits),
        }
    }

    /// Bytes kept of what is incomplete.
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::WebSocket(decoder) => decoder.held_bytes(),
            Self::Raw(cutter) => cutter.held_bytes(),
        }
    }
}

/// Takes at most `count` bytes off the front.
fn take<'a>(input: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let all = std::mem::take(input);
    let (front, rest) = all.split_at_mut(count.min(all.len()));
    *input = rest;
    front
}
