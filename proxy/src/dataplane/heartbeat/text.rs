//! A text message that is a heartbeat, and the text that answers it.

use super::Finding;
use crate::dataplane::message::{Direction, Message, MessageKind};

/// A client's text and its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// What the client says, exactly.
    pub ping: Box<str>,
    /// What it hears.
    pub pong: Box<str>,
}

impl Text {
    pub(super) fn find(&self, direction: Direction, kind: MessageKind, payload: &[u8]) -> Finding {
        match (direction, kind) {
            (Direction::ToBackend, MessageKind::Text) if payload == self.ping.as_bytes() => {
                Finding::Heartbeat(Some(Message::text(&*self.pong)))
            }
            _ => Finding::Other,
        }
    }
}
