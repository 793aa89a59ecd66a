//! One end of a wire: what it heard.

use crate::dataplane::codec::{Event, Framing, Reader, Role};
use crate::dataplane::message::CloseReason;
use crate::dataplane::route::MessageLimits;

/// See the module.
pub(super) struct Peer {
    pub(super) reader: Reader,
    pub(super) messages: Vec<String>,
    pub(super) pings: Vec<Vec<u8>>,
    pub(super) pongs: Vec<Vec<u8>>,
    pub(super) closed: Option<CloseReason>,
}

impl Peer {
    pub(super) fn new(framing: &Framing, role: Role) -> Self {
        Self { reader: framing.reader(role), messages: vec![], pings: vec![], pongs: vec![], closed: None }
    }

    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(event) = self.reader.read(&mut input, &MessageLimits::default()).expect("we speak well") {
            match event {
                Event::Message { payload, .. } => self.messages.push(String::from_utf8_lossy(&payload).into_owned()),
                Event::Ping(payload) => self.pings.push(payload.to_vec()),
                Event::Pong(payload) => self.pongs.push(payload.to_vec()),
                Event::Close(reason) => self.closed = Some(reason),
            }
        }
    }
}
