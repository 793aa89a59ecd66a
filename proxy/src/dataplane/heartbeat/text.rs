//! Messages that are heartbeats to the letter, or by how they begin, and what answers them.

use super::{Finding, Sender, is_of_heartbeats_size};
use crate::dataplane::message::{Direction, Message, MessageKind};

/// A payload and its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// Whose heartbeat it is.
    pub from: Sender,
    /// Text, or binary.
    pub kind: MessageKind,
    /// What its sender says. A line that came with a carriage return before its end is meant too.
    pub ping: Ping,
    /// What the sender hears: these, with what followed the prefix between each two.
    pub pong: Box<[Box<[u8]>]>,
}

/// How a heartbeat is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ping {
    /// By all of it.
    Exact(Box<[u8]>),
    /// By its beginning, if it is not longer than [`super::BYTES_MAX`].
    Prefix(Box<[u8]>),
}

/// Stands in a pong for what followed the prefix.
const REST: &str = "{rest}";
/// Before a line's end, as telnet has it and `netcat -C`.
const CARRIAGE_RETURN: u8 = b'\r';

impl Text {
    /// A client's text and its answer.
    pub fn exact(ping: &str, pong: &str) -> Self {
        Self {
            from: Sender::Client,
            kind: MessageKind::Text,
            ping: Ping::Exact(ping.as_bytes().into()),
            pong: [pong.as_bytes().into()].into(),
        }
    }

    /// A client's text that begins so, and its answer, in which `{rest}` stands for what follows.
    pub fn prefix(prefix: &str, pong: &str) -> Self {
        Self {
            from: Sender::Client,
            kind: MessageKind::Text,
            ping: Ping::Prefix(prefix.as_bytes().into()),
            pong: pong.split(REST).map(|part| part.as_bytes().into()).collect(),
        }
    }

    pub(super) fn find(&self, direction: Direction, kind: MessageKind, payload: &[u8]) -> Finding {
        if !self.from.sends(direction) || kind != self.kind {
            return Finding::Other;
        }
        // To the letter first: the letter may have a carriage return of its own.
        let unended = payload.strip_suffix(&[CARRIAGE_RETURN]);
        match (self.ping.rest(payload), unended.and_then(|line| self.ping.rest(line))) {
            (_, Some(rest)) => self.answer(rest, &[CARRIAGE_RETURN]),
            (Some(rest), None) => self.answer(rest, &[]),
            (None, None) => Finding::Other,
        }
    }

    fn answer(&self, rest: &[u8], end: &[u8]) -> Finding {
        let mut payload = self.pong.join(rest);
        payload.extend_from_slice(end);
        Finding::Heartbeat(Some(Message { kind: self.kind, payload }))
    }
}

impl Ping {
    /// What follows the known part, if it is there.
    fn rest<'p>(&self, payload: &'p [u8]) -> Option<&'p [u8]> {
        match self {
            Self::Exact(ping) => (payload == &**ping).then_some(&[]),
            Self::Prefix(prefix) => payload.strip_prefix(&**prefix).filter(|_| is_of_heartbeats_size(payload)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::BYTES_MAX;
    use super::*;

    fn heard(text: &Text, payload: &str) -> Option<String> {
        match text.find(Direction::ToBackend, text.kind, payload.as_bytes()) {
            Finding::Heartbeat(Some(answer)) => Some(String::from_utf8_lossy(&answer.payload).into_owned()),
            Finding::Other => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_whole_text_is_a_heartbeat() {
        let text = Text::exact("ping", "pong");
        assert_eq!(heard(&text, "ping").as_deref(), Some("pong"));
        for other in ["", "pin", "pings", "Ping", " ping", "ping\n"] {
            assert_eq!(heard(&text, other), None, "{other:?}");
        }
    }

    #[test]
    fn an_answer_can_repeat_what_follows_a_prefix() {
        let text = Text::prefix("ping ", "{rest} is {rest}.");
        assert_eq!(heard(&text, "ping 7").as_deref(), Some("7 is 7."));
        assert_eq!(heard(&text, "ping ").as_deref(), Some(" is ."));
        assert_eq!(heard(&text, "ping"), None);
        assert_eq!(heard(&Text::prefix("ping", "pong"), "ping 7").as_deref(), Some("pong"));
    }

    #[test]
    fn a_line_with_a_carriage_return_is_answered_with_one() {
        assert_eq!(heard(&Text::exact("PING", "PONG"), "PING\r").as_deref(), Some("PONG\r"));
        assert_eq!(heard(&Text::prefix("PING ", "PONG {rest}"), "PING 7\r").as_deref(), Some("PONG 7\r"));
        assert_eq!(heard(&Text::exact("PING", "PONG"), "PING\r\r"), None);
    }

    #[test]
    fn what_is_long_is_no_heartbeat_whatever_it_begins_with() {
        let text = Text::prefix("ping ", "pong {rest}");
        assert!(heard(&text, &format!("ping {}", "x".repeat(BYTES_MAX - 5))).is_some());
        assert!(heard(&text, &format!("ping {}", "x".repeat(BYTES_MAX - 4))).is_none());
    }

    #[test]
    fn a_heartbeat_has_its_sender_and_its_kind() {
        let text = Text { from: Sender::Backend, ..Text::exact("ping", "pong") };
        assert_eq!(text.find(Direction::ToBackend, MessageKind::Text, b"ping"), Finding::Other);
        assert_eq!(text.find(Direction::ToClient, MessageKind::Binary, b"ping"), Finding::Other);
        assert_ne!(text.find(Direction::ToClient, MessageKind::Text, b"ping"), Finding::Other);
        let either = Text { from: Sender::Either, ..text };
        assert_ne!(either.find(Direction::ToBackend, MessageKind::Text, b"ping"), Finding::Other);
    }
}
