//! Messages, and what is answered to them and to other events.

use crate::callout::Request;

/// Where a message is going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The client said it.
    ToBackend,
    /// The backend said it.
    ToClient,
}

/// What both ends mean a message to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

/// A message of the filter's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// A text must be UTF-8.
    pub kind: MessageKind,
    /// Its bytes.
    pub payload: Vec<u8>,
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self { kind: MessageKind::Text, payload: text.into().into_bytes() }
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self { kind: MessageKind::Binary, payload: bytes.into() }
    }
}

/// A message on its way, as much of it as was subscribed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// Where it is going.
    pub direction: Direction,
    /// Text or binary.
    pub kind: MessageKind,
    /// Its own length in bytes.
    pub size: u32,
    /// As much as was subscribed to; change it in place and hand it to [`Verdict::Replace`].
    pub payload: Vec<u8>,
}

impl Incoming {
    /// The payload of a text message. None if binary, or if a subscription to a prefix has cut a character in two.
    pub fn text(&self) -> Option<&str> {
        match self.kind {
            MessageKind::Text => std::str::from_utf8(&self.payload).ok(),
            MessageKind::Binary => None,
        }
    }
}

/// How a session is closed. In a config: `{ code: 1008, reason: "slow down" }`, the reason may be left out.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(try_from = "WrittenCloseReason")]
pub struct CloseReason {
    /// One of RFC 6455, section 7.4, that may stand on the wire.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCloseReason {
    code: u16,
    #[serde(default)]
    reason: String,
}

impl TryFrom<WrittenCloseReason> for CloseReason {
    type Error = &'static str;

    fn try_from(written: WrittenCloseReason) -> Result<Self, Self::Error> {
        let WrittenCloseReason { code, reason } = written;
        // 1004 is reserved, 1005, 1006 and 1015 only ever mean that there was no code.
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err("a close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999");
        }
        if reason.len() > 123 {
            return Err("a close reason has at most 123 bytes");
        }
        Ok(Self { code, reason })
    }
}

/// The answer to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Pass it on as it is.
    Continue,
    /// Pass it on as it is, and say it again first to every later upstream of this session (to the backend only; bounded by
    /// the route's `hold.replay.bytes`).
    Remember,
    /// Pass this on in its place, as the same kind.
    Replace(Vec<u8>),
    /// Answer its sender with this, and pass nothing on.
    Reply(Message),
    /// Pass nothing on.
    Drop,
    /// It was a heartbeat: pass nothing on, and answer its sender with this if given.
    Heartbeat(Option<Message>),
    /// End the session.
    Close(CloseReason),
    /// Ask this first: [`on_message_answer`](crate::Filter::on_message_answer) decides. Meanwhile the session's later messages
    /// in this direction wait, and nothing else does.
    CallOut(Request),
}

impl From<Request> for Verdict {
    fn from(request: Request) -> Self {
        Self::CallOut(request)
    }
}

impl Verdict {
    /// Pass this on in its place, as the same kind.
    pub fn replace(payload: impl Into<Vec<u8>>) -> Self {
        Self::Replace(payload.into())
    }

    /// Answer its sender with this text, and pass nothing on.
    pub fn reply(text: impl Into<String>) -> Self {
        Self::Reply(Message::text(text))
    }

    /// End the session.
    pub fn close(code: u16, reason: impl Into<String>) -> Self {
        Self::Close(CloseReason { code, reason: reason.into() })
    }
}

/// The answer to what is not a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reaction {
    /// Nothing.
    None,
    /// Send this to the client. It does not pass through the chain.
    Send(Message),
    /// End the session.
    Close(CloseReason),
    /// Ask this, and let everything go on: [`on_answer`](crate::Filter::on_answer) hears what came of it. One at a time for a
    /// session: another one is answered [`Busy`](crate::CalloutError::Busy).
    CallOut(Request),
}

impl From<Request> for Reaction {
    fn from(request: Request) -> Self {
        Self::CallOut(request)
    }
}

impl Reaction {
    /// Send this text to the client.
    pub fn send(text: impl Into<String>) -> Self {
        Self::Send(Message::text(text))
    }

    /// End the session.
    pub fn close(code: u16, reason: impl Into<String>) -> Self {
        Self::Close(CloseReason { code, reason: reason.into() })
    }
}

/// What became of a session's upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamEvent {
    /// Connected; the time that took, in microseconds.
    Connected(u64),
    /// An attempt to connect failed: refused, timed out, or answered with an error.
    Failed,
    /// A connection that stood was lost without a deliberate close.
    Lost,
    /// The backend proved that it has read what it was sent; the time that took, in microseconds.
    Latency(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_reason_in_a_config_may_stand_on_the_wire() {
        let read = |json: &str| serde_json::from_str::<CloseReason>(json).map_err(|error| error.to_string());
        assert_eq!(read(r#"{ "code": 4000 }"#).unwrap(), CloseReason { code: 4000, reason: String::new() });
        for code in [0, 999, 1004, 1005, 1006, 1015, 2000, 5000] {
            let error = read(&format!(r#"{{ "code": {code} }}"#)).unwrap_err();
            assert_eq!(error, "a close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999", "{code}");
        }
        let long = format!(r#"{{ "code": 1000, "reason": "{}" }}"#, "x".repeat(124));
        assert_eq!(read(&long).unwrap_err(), "a close reason has at most 123 bytes");
    }
}
