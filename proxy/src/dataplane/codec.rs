//! WebSocket frames (RFC 6455), read and written, in both roles. Pure: bytes in, events out. Which bytes to read, when to
//! answer a ping and how a close is carried out are the session's.
//!
//! What is kept of a connection between two messages is a [`Decoder`] of a few words and no buffer. A frame that arrives
//! whole is handed on as a slice of the very bytes it arrived in; only what arrives in parts is assembled, in memory that
//! grows with what has arrived and not with what was announced.

mod close;
mod decode;
mod encode;
mod error;
mod head;
mod mask;
#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};

use super::message::{CloseReason, MessageKind};

pub use close::may_stand_on_wire;
pub use decode::Decoder;
pub use encode::{encode, encode_close, encoded_len};
pub use error::ProtocolError;

/// Who we are on a connection. Clients mask what they send (RFC 6455, section 5.3); servers do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We accepted it: we read masked frames and write unmasked ones.
    Server,
    /// We dialled it: we read unmasked frames and write masked ones.
    Client,
}

/// What a frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The end of one side's messages.
    Close = 0x8,
    /// To be answered by a pong.
    Ping = 0x9,
    /// The answer to a ping, or nothing in particular.
    Pong = 0xA,
}

impl Opcode {
    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl From<MessageKind> for Opcode {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}

/// What the peer said.
#[derive(PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A whole message. Text is valid UTF-8.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// Unmasked.
        payload: Payload<'a>,
    },
    /// To be answered by a pong with the same payload, at most 125 bytes.
    Ping(Payload<'a>),
    /// At most 125 bytes.
    Pong(Payload<'a>),
    /// The peer says nothing after this.
    Close(CloseReason),
}

/// A payload where it arrived, or, if it arrived in parts, where they were put together.
#[derive(Debug)]
pub enum Payload<'a> {
    /// It arrived whole.
    Borrowed(&'a mut [u8]),
    /// It arrived in parts.
    Owned(Vec<u8>),
}

impl Payload<'_> {
    /// Copies only what is not owned already.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Borrowed(bytes) => bytes.to_vec(),
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl DerefMut for Payload<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload<'_> {}
