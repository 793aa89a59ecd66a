//! WebSocket frames (RFC 6455), read and written, in both roles.
//!
//! What is kept of a connection between two messages is a [`Decoder`] of a few words and no buffer. A frame that arrives
//! whole is handed on as a slice of the very bytes it arrived in; only what arrives in parts is assembled, in memory that
//! grows with what has arrived and not with what was announced.

mod close;
mod decode;
mod encode;
mod head;
mod mask;
#[cfg(test)]
mod tests;

use super::{Event, Payload, ProtocolError, Role};
use crate::dataplane::message::MessageKind;

pub use close::may_stand_on_wire;
pub use decode::Decoder;
pub use encode::{encode, encode_close, encoded_len};

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
