//! What both ends mean: a message, whatever frames it came in. Framing is the codec's.

/// Where a message is going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the client.
    ToBackend,
    /// From the backend, or from us.
    ToClient,
}

/// What RFC 6455, section 5.6, calls the type of a data frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// Valid UTF-8.
    Text,
    /// Anything.
    Binary,
}

/// A message that owns its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Text or binary.
    pub kind: MessageKind,
    /// For text: valid UTF-8.
    pub payload: Vec<u8>,
}

impl Message {
    /// A text message.
    pub fn text(payload: impl Into<String>) -> Self {
        Self { kind: MessageKind::Text, payload: payload.into().into_bytes() }
    }
}

/// How a session or an upstream connection is closed, as RFC 6455, section 7, has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CloseReason {
    /// The code on the wire; nothing if the close frame is empty (1005 to those who read it).
    pub code: Option<u16>,
    /// At most 123 bytes.
    pub reason: Box<str>,
}

impl CloseReason {
    /// A code that may stand on the wire, and a text that is cut to what fits a close frame.
    pub fn new(code: u16, reason: &str) -> Self {
        let end = reason.floor_char_boundary(REASON_BYTES_MAX);
        Self { code: Some(code), reason: reason[..end].into() }
    }
}

/// 125 bytes of a control frame's payload, less the code (RFC 6455, section 5.5).
pub const REASON_BYTES_MAX: usize = 123;
