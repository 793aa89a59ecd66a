//! Messages on raw TCP: what a [`Framer`] cuts a stream into, and how a message is put back on the wire. Which listener has
//! which framer is the route's.

mod cutter;
mod length;
mod mqtt;
mod stomp;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use cutter::Cutter;
pub use length::{Counts, LengthField, Order, Width};

use super::{DoesNotFit, ProtocolError};
use crate::dataplane::message::MessageKind;

/// Where one message ends and the next begins, the same in both directions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Framer {
    /// A line feed ends a message and is no part of it. A carriage return before it is, so that nothing is lost on the way.
    Lines,
    /// These bytes end a message and are no part of it. At least one.
    Delimiter(Box<[u8]>),
    /// Every message has so many bytes. At least one.
    Fixed(usize),
    /// Each says how long it is.
    Length(LengthField),
    /// MQTT control packets, whole (MQTT 3.1.1 and 5.0, section 2.1).
    Mqtt,
    /// STOMP frames, whole, and the line ends between them, each a message of its own (STOMP 1.2, "Heart-beating").
    Stomp,
}

/// How far the search for the end of the frame at the front has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scan {
    /// The end, or that of the frame's head, is at or behind this byte.
    From(usize),
    /// The head has ended. A body of unknown length ends at or behind this byte.
    BodyFrom(usize),
    /// The end is known.
    EndsAt(usize),
}

impl Scan {
    const START: Self = Self::From(0);
}

impl Framer {
    /// Looks on for the end of the frame at the front of `bytes`, which may lie behind what is there. What is wrong is
    /// found as soon as the byte that is wrong is there, however often this is called on the way to it.
    fn find_end(&self, bytes: &[u8], scan: &mut Scan) -> Result<Option<usize>, ProtocolError> {
        if let Self::Stomp = self {
            return stomp::find_end(bytes, scan);
        }
        match *scan {
            Scan::EndsAt(end) => Ok(Some(end)),
            Scan::From(from) | Scan::BodyFrom(from) => {
                let end = match self {
                    Self::Lines => memchr::memchr(b'\n', &bytes[from..]).map(|at| from + at + 1),
                    Self::Delimiter(mark) => {
                        memchr::memmem::find(&bytes[from..], mark).map(|at| from + at + mark.len())
                    }
                    Self::Fixed(length) => Some(*length),
                    Self::Length(field) => field.find_end(bytes)?,
                    Self::Mqtt => mqtt::find_end(bytes)?,
                    Self::Stomp => None,
                };
                *scan = match (end, self) {
                    (Some(end), _) => Scan::EndsAt(end),
                    (None, Self::Lines) => Scan::From(bytes.len()),
                    // Its beginning may be there already.
                    (None, Self::Delimiter(mark)) => Scan::From((bytes.len() + 1).saturating_sub(mark.len()).max(from)),
                    (None, _) => *scan,
                };
                Ok(end)
            }
        }
    }

    /// Which bytes of a whole frame are the message.
    fn payload(&self, frame: &[u8]) -> Range<usize> {
        match self {
            Self::Lines => 0..frame.len() - 1,
            Self::Delimiter(mark) => 0..frame.len() - mark.len(),
            Self::Length(field) => field.payload(frame),
            Self::Fixed(_) | Self::Mqtt | Self::Stomp => 0..frame.len(),
        }
    }

    /// The most bytes that a frame has besides its message.
    fn overhead(&self) -> usize {
        match self {
            Self::Lines => 1,
            Self::Delimiter(mark) => mark.len(),
            Self::Length(field) => field.overhead(),
            Self::Fixed(_) | Self::Mqtt | Self::Stomp => 0,
        }
    }

    /// TCP knows no kinds: text is what can be read as text, where a message may be text at all.
    pub fn kind(&self, message: &[u8]) -> MessageKind {
        let may_be_text = match self {
            Self::Lines | Self::Delimiter(_) | Self::Stomp => true,
            Self::Length(field) => field.is_taken_away(),
            Self::Fixed(_) | Self::Mqtt => false,
        };
        if may_be_text && simdutf8::basic::from_utf8(message).is_ok() { MessageKind::Text } else { MessageKind::Binary }
    }

    /// Appends a frame with this message to `out`, or leaves `out` as it was. A message that would be read as another one,
    /// or as more than one, does not fit.
    pub fn write(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
        let start = out.len();
        let written = match self {
            Self::Length(field) => field.write_head(message.len(), out),
            _ => Ok(()),
        };
        out.extend_from_slice(message);
        match self {
            Self::Lines => out.push(b'\n'),
            Self::Delimiter(mark) => out.extend_from_slice(mark),
            Self::Fixed(_) | Self::Length(_) | Self::Mqtt | Self::Stomp => {}
        }
        let frame = &out[start..];
        let is_read_back = self.find_end(frame, &mut Scan::START.clone()) == Ok(Some(frame.len()));
        if written.is_ok() && is_read_back {
            return Ok(());
        }
        out.truncate(start);
        Err(DoesNotFit)
    }

    /// Whether a message could be written.
    pub fn fits(&self, message: &[u8]) -> bool {
        self.write(message, &mut Vec::new()).is_ok()
    }
}
