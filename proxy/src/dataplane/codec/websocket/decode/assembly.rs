//! A message that arrives in parts.

use super::super::ProtocolError;
use crate::dataplane::message::MessageKind;

/// What has arrived of a message, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    kind: MessageKind,
    fragments: u32,
    payload: Vec<u8>,
    /// For text: up to here it is UTF-8, and what comes after is a character that is not all there.
    checked: usize,
}

impl Assembly {
    pub(super) fn new(kind: MessageKind) -> Self {
        Self { kind, fragments: 1, payload: Vec::new(), checked: 0 }
    }

    pub(super) fn kind(&self) -> MessageKind {
        self.kind
    }

    pub(super) fn bytes(&self) -> usize {
        self.payload.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.payload.capacity()
    }

    /// A further frame begins.
    pub(super) fn count_fragment(&mut self, max: u32) -> Result<(), ProtocolError> {
        if self.fragments >= max {
            return Err(ProtocolError::TooManyFragments);
        }
        self.fragments += 1;
        Ok(())
    }

    /// After `chunk`, `rest` bytes are announced to end the message, if its end is announced yet.
    pub(super) fn push(&mut self, chunk: &[u8], rest: Option<usize>) -> Result<(), ProtocolError> {
        let needed = self.payload.len() + chunk.len();
        if needed > self.payload.capacity() {
            // Doubling, as ever, but not past the end where it is known: most messages are one frame, and fit to the byte.
            let end = rest.map_or(usize::MAX, |rest| needed + rest);
            let room = (2 * self.payload.capacity()).min(end).max(needed);
            self.payload.reserve_exact(room - self.payload.len());
        }
        self.payload.extend_from_slice(chunk);
        match self.kind {
            MessageKind::Text => self.check(),
            MessageKind::Binary => Ok(()),
        }
    }

    /// Fails at the first byte that no further byte can make good.
    fn check(&mut self) -> Result<(), ProtocolError> {
        match simdutf8::compat::from_utf8(&self.payload[self.checked..]) {
            Ok(_) => self.checked = self.payload.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(ProtocolError::TextNotUtf8),
        }
        Ok(())
    }

    /// The whole message; text must not end within a character.
    pub(super) fn finish(self) -> Result<Vec<u8>, ProtocolError> {
        match self.kind {
            MessageKind::Text if self.checked < self.payload.len() => Err(ProtocolError::TextNotUtf8),
            MessageKind::Text | MessageKind::Binary => Ok(self.payload),
        }
    }
}
