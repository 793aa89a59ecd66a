//! What a peer can do wrong, and what it is told about it.

use super::super::message::CloseReason;

/// The peer broke the protocol or one of our limits. The connection is of no further use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A reserved bit is set, and no extension was agreed on that would give it a meaning.
    #[error("reserved bits are set")]
    ReservedBits,
    /// An opcode without meaning.
    #[error("opcode {0:#x} is reserved")]
    ReservedOpcode(u8),
    /// Clients must mask.
    #[error("a frame is not masked")]
    NotMasked,
    /// Servers must not.
    #[error("a frame is masked")]
    Masked,
    /// A shorter form of the length would have done.
    #[error("a length is not in its shortest form")]
    LengthNotMinimal,
    /// The top bit of a 64-bit length.
    #[error("a length has its top bit set")]
    LengthTopBit,
    /// Control frames have no fragments.
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// Control frames hold at most 125 bytes.
    #[error("a control frame is too long")]
    ControlTooLong,
    /// A further fragment of no message.
    #[error("a continuation without a message")]
    ContinuationUnexpected,
    /// A new message within another one.
    #[error("a message within a message")]
    ContinuationExpected,
    /// A close frame of one byte: half a code.
    #[error("half a close code")]
    CloseCodeTruncated,
    /// A close code that may not stand on the wire.
    #[error("close code {0} may not be sent")]
    CloseCodeInvalid(u16),
    /// A text message.
    #[error("text is not UTF-8")]
    TextNotUtf8,
    /// The reason in a close frame.
    #[error("close reason is not UTF-8")]
    ReasonNotUtf8,
    /// See `fragments_max`.
    #[error("too many fragments")]
    TooManyFragments,
    /// See `frame_bytes_max`.
    #[error("frame too big")]
    FrameTooBig,
    /// See `message_bytes_max`.
    #[error("message too big")]
    MessageTooBig,
    /// A raw stream that its framer can make nothing of.
    #[error("not to be framed: {0}")]
    Unframed(&'static str),
}

/// A message that cannot be written in its connection's framing: its receiver would take it for something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a message does not fit the framing")]
pub struct DoesNotFit;

impl ProtocolError {
    /// What the peer is told.
    pub fn close_reason(&self) -> CloseReason {
        let code = match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::NotMasked
            | Self::Masked
            | Self::LengthNotMinimal
            | Self::LengthTopBit
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::ContinuationUnexpected
            | Self::ContinuationExpected
            | Self::CloseCodeTruncated
            | Self::CloseCodeInvalid(_)
            | Self::Unframed(_) => 1002,
            Self::TextNotUtf8 | Self::ReasonNotUtf8 => 1007,
            Self::TooManyFragments => 1008,
            Self::FrameTooBig | Self::MessageTooBig => 1009,
        };
        CloseReason::new(code, &self.to_string())
    }
}
