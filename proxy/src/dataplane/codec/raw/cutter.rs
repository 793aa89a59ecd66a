//! A stream, cut into messages: bytes in whatever pieces they arrive, events out.

use std::mem;
use std::sync::Arc;

use super::{Framer, Scan};
use crate::dataplane::codec::{Event, Payload, ProtocolError, take};
use crate::dataplane::route::MessageLimits;

/// The reading side of one raw connection. A message that arrives whole is handed on where it arrived; of one that arrives
/// in parts, what is there is kept, in memory that grows with what has arrived and not with what was announced.
#[derive(Clone, Debug)]
pub struct Cutter {
    framer: Arc<Framer>,
    reading: Reading,
}

#[derive(Clone, Debug)]
enum Reading {
    /// At the front of a frame.
    Between,
    /// Some of a frame has arrived.
    Partly(Box<Partial>),
    /// The stream could not be cut: where the next message begins is not known, so none is heard.
    Ended,
}

#[derive(Clone, Debug)]
struct Partial {
    bytes: Vec<u8>,
    scan: Scan,
}

/// While the end is looked for, what is kept grows by at most this before it is looked at.
const STEP_BYTES: usize = 1024;

impl Cutter {
    /// For the start of a connection.
    pub fn new(framer: Arc<Framer>) -> Self {
        Self { framer, reading: Reading::Between }
    }

    /// See [`super::super::Reader::read`].
    pub fn cut<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        limits: &MessageLimits,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        let message = match mem::replace(&mut self.reading, Reading::Ended) {
            // Between => (Between | Partly | Ended)
            Reading::Between => self.whole(input, limits)?,
            // Partly => (Between | Partly | Ended)
            Reading::Partly(partial) => self.further(partial, input, limits)?,
            Reading::Ended => {
                *input = &mut [];
                return Ok(None);
            }
        };
        let Some(payload) = message else { return Ok(None) };
        if payload.len() > limits.message_bytes_max {
            self.reading = Reading::Ended;
            return Err(ProtocolError::MessageTooBig);
        }
        Ok(Some(Event::Message { kind: self.framer.kind(&payload), payload }))
    }

    fn whole<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        limits: &MessageLimits,
    ) -> Result<Option<Payload<'a>>, ProtocolError> {
        let mut scan = Scan::START;
        if input.is_empty() {
            self.reading = Reading::Between;
            return Ok(None);
        }
        let Some(end) = self.find_end(input, &mut scan, limits)? else {
            let mut partial = Box::new(Partial { bytes: Vec::new(), scan });
            partial.push(input);
            *input = &mut [];
            self.reading = Reading::Partly(partial);
            return Ok(None);
        };
        self.reading = Reading::Between;
        let frame = take(input, end);
        let payload = self.framer.payload(frame);
        Ok(Some(Payload::Borrowed(&mut frame[payload])))
    }

    fn further<'a>(
        &mut self,
        mut partial: Box<Partial>,
        input: &mut &'a mut [u8],
        limits: &MessageLimits,
    ) -> Result<Option<Payload<'a>>, ProtocolError> {
        while !input.is_empty() {
            let wanted = match partial.scan {
                Scan::EndsAt(end) => end - partial.bytes.len(),
                Scan::From(_) | Scan::BodyFrom(_) => STEP_BYTES,
            };
            let piece = wanted.min(input.len());
            partial.push(&input[..piece]);
            let end = self.find_end(&partial.bytes, &mut partial.scan, limits)?;
            let surplus = end.map_or(0, |end| partial.bytes.len() - end);
            take(input, piece - surplus);
            if let Some(end) = end {
                self.reading = Reading::Between;
                let payload = self.framer.payload(&partial.bytes[..end]);
                let mut frame = partial.bytes;
                frame.truncate(payload.end);
                frame.drain(..payload.start);
                return Ok(Some(Payload::Owned(frame)));
            }
        }
        self.reading = Reading::Partly(partial);
        Ok(None)
    }

    /// The end of the frame at the front, if it is there.
    fn find_end(&self, bytes: &[u8], scan: &mut Scan, limits: &MessageLimits) -> Result<Option<usize>, ProtocolError> {
        let frame_bytes_max = limits.message_bytes_max.saturating_add(self.framer.overhead());
        let end = self.framer.find_end(&bytes[..bytes.len().min(frame_bytes_max)], scan)?;
        if end.unwrap_or(bytes.len() + 1) > frame_bytes_max {
            return Err(ProtocolError::MessageTooBig);
        }
        Ok(end.filter(|end| *end <= bytes.len()))
    }

    /// Bytes kept of a message that is not all there.
    pub fn held_bytes(&self) -> usize {
        match &self.reading {
            Reading::Partly(partial) => partial.bytes.len(),
            Reading::Between | Reading::Ended => 0,
        }
    }

    #[cfg(test)]
    pub(super) fn allocated_bytes(&self) -> usize {
        match &self.reading {
            Reading::Partly(partial) => size_of::<Partial>() + partial.bytes.capacity(),
            Reading::Between | Reading::Ended => 0,
        }
    }
}

impl Partial {
    fn push(&mut self, piece: &[u8]) {
        let needed = self.bytes.len() + piece.len();
        if needed > self.bytes.capacity() {
            // Doubling, as ever, but not past the end where it is known.
            let end = match self.scan {
                Scan::EndsAt(end) => end,
                Scan::From(_) | Scan::BodyFrom(_) => usize::MAX,
            };
            let room = (2 * self.bytes.capacity()).min(end).max(needed);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
    }
}
