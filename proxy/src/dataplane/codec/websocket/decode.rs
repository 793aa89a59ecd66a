//! Frames, read: bytes in whatever pieces they arrive, events out.

mod assembly;

use std::mem;

use self::assembly::Assembly;
use super::head::{Fin, HEAD_BYTES_MAX, Head};
use super::mask::Mask;
use super::{Event, Opcode, Payload, ProtocolError, Role, close};
use crate::dataplane::codec::take;
use crate::dataplane::message::MessageKind;
use crate::dataplane::route::MessageLimits;

/// The reading side of one connection. Between two messages two words; what it allocates, it allocates while a frame or a
/// message is partly there and not longer.
#[derive(Clone, Debug)]
pub struct Decoder {
    role: Role,
    /// None at the front of a message.
    partial: Option<Box<Partial>>,
}

/// What has arrived of a message, or of a frame among its frames.
#[derive(Clone, Debug, Default)]
struct Partial {
    reading: Reading,
    message: Option<Assembly>,
}

/// What the next byte belongs to.
#[derive(Clone, Debug)]
enum Reading {
    Head(HeadBytes),
    Data(DataFrame),
    Control(ControlFrame),
    /// The peer has closed, or broke the protocol: nothing it says is heard.
    Ended,
}

/// The part of a head that has arrived.
#[derive(Clone, Copy, Debug, Default)]
struct HeadBytes {
    bytes: [u8; HEAD_BYTES_MAX],
    length: u8,
}

/// A frame of a message.
#[derive(Clone, Copy, Debug)]
struct DataFrame {
    /// Its message's.
    kind: MessageKind,
    fin: Fin,
    mask: Mask,
    /// Bytes to come.
    rest: usize,
}

#[derive(Clone, Debug)]
struct ControlFrame {
    opcode: Opcode,
    mask: Mask,
    /// Bytes to come.
    rest: usize,
    /// What has arrived.
    payload: Vec<u8>,
}

impl Decoder {
    /// At the start of a connection on which we are `role`.
    pub fn new(role: Role) -> Self {
        Self { role, partial: None }
    }

    /// Takes one event off the front of `input`, advancing it; unmasks in place. `Ok(None)`: all of `input` was taken, what
    /// is incomplete is remembered, and more is needed. After a close or an error everything is taken and nothing heard.
    pub fn decode<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        limits: &MessageLimits,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        if input.is_empty() {
            return Ok(None);
        }
        let whole = self.whole_message(input, limits);
        if let Ok(Some(_)) = whole {
            return whole;
        }
        let mut partial = self.partial.take().map_or_else(Partial::default, |partial| *partial);
        let event = whole.and_then(|_| partial.next_event(self.role, input, limits));
        if matches!(event, Err(_) | Ok(Some(Event::Close(_)))) {
            partial = Partial { reading: Reading::Ended, message: None };
        }
        if !partial.is_nothing() {
            self.partial = Some(Box::new(partial));
        }
        event
    }

    /// Bytes of payload kept of what is incomplete.
    pub fn held_bytes(&self) -> usize {
        let Some(partial) = &self.partial else { return 0 };
        let control = match &partial.reading {
            Reading::Control(frame) => frame.payload.len(),
            Reading::Head(_) | Reading::Data(_) | Reading::Ended => 0,
        };
        control + partial.message.as_ref().map_or(0, Assembly::bytes)
    }

    #[cfg(test)]
    pub(super) fn allocated_bytes(&self) -> usize {
        let Some(partial) = &self.partial else { return 0 };
        let control = match &partial.reading {
            Reading::Control(frame) => frame.payload.capacity(),
            Reading::Head(_) | Reading::Data(_) | Reading::Ended => 0,
        };
        size_of::<Partial>() + control + partial.message.as_ref().map_or(0, Assembly::capacity)
    }

    /// A message in one frame that is all there, as most are: taken without a note of how far reading has come, for half
    /// the instructions. Nothing is taken if it is anything else.
    fn whole_message<'a>(
        &self,
        input: &mut &'a mut [u8],
        limits: &MessageLimits,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        if self.partial.is_some() {
            return Ok(None);
        }
        let Some((mut head, start)) = Head::parse(input, self.role)? else { return Ok(None) };
        let kind = match (head.opcode, head.fin) {
            (Opcode::Text, Fin::Last) => MessageKind::Text,
            (Opcode::Binary, Fin::Last) => MessageKind::Binary,
            _ => return Ok(None),
        };
        let bytes_max = limits.frame_bytes_max.min(limits.message_bytes_max).min(input.len() - start);
        let Some(bytes) = usize::try_from(head.length).ok().filter(|bytes| *bytes <= bytes_max) else {
            return Ok(None);
        };
        let payload = &mut take(input, start + bytes)[start..];
        head.mask.apply(payload);
        whole(kind, payload).map(Some)
    }
}

impl Partial {
    fn is_nothing(&self) -> bool {
        matches!(&self.reading, Reading::Head(HeadBytes { length: 0, .. })) && self.message.is_none()
    }

    fn next_event<'a>(
        &mut self,
        role: Role,
        input: &mut &'a mut [u8],
        limits: &MessageLimits,
    ) -> Result<Option<Event<'a>>, ProtocolError> {
        loop {
            match &mut self.reading {
                // Head => (Data | Control)
                Reading::Head(held) => {
                    let Some(head) = held.complete(input, role)? else { return Ok(None) };
                    self.reading = self.begin(head, limits)?;
                }
                // Data => Head
                Reading::Data(frame) => {
                    let mut frame = *frame;
                    let chunk = take(input, frame.rest);
                    if chunk.is_empty() && frame.rest > 0 {
                        return Ok(None);
                    }
                    frame.mask.apply(chunk);
                    frame.rest -= chunk.len();
                    self.reading = if frame.rest == 0 { Reading::default() } else { Reading::Data(frame) };
                    if let Some(event) = self.on_data(frame, chunk)? {
                        return Ok(Some(event));
                    }
                }
                // Control => Head
                Reading::Control(frame) => {
                    let chunk = take(input, frame.rest);
                    frame.mask.apply(chunk);
                    frame.rest -= chunk.len();
                    if frame.rest > 0 {
                        frame.payload.extend_from_slice(chunk);
                        return Ok(None);
                    }
                    let event = frame.finish(chunk)?;
                    self.reading = Reading::default();
                    return Ok(Some(event));
                }
                Reading::Ended => {
                    *input = &mut [];
                    return Ok(None);
                }
            }
        }
    }

    /// Whether such a frame may come now, and how its payload will be read.
    fn begin(&mut self, head: Head, limits: &MessageLimits) -> Result<Reading, ProtocolError> {
        let kind = match (head.opcode, &mut self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                return Ok(Reading::Control(ControlFrame {
                    opcode: head.opcode,
                    mask: head.mask,
                    rest: usize::try_from(head.length).map_err(|_| ProtocolError::ControlTooLong)?,
                    payload: Vec::new(),
                }));
            }
            (Opcode::Text, None) => MessageKind::Text,
            (Opcode::Binary, None) => MessageKind::Binary,
            (Opcode::Continuation, Some(message)) => {
                message.count_fragment(limits.fragments_max)?;
                message.kind()
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ProtocolError::ContinuationExpected),
            (Opcode::Continuation, None) => return Err(ProtocolError::ContinuationUnexpected),
        };
        let rest = usize::try_from(head.length).map_err(|_| ProtocolError::FrameTooBig)?;
        if rest > limits.frame_bytes_max {
            return Err(ProtocolError::FrameTooBig);
        }
        let held = self.message.as_ref().map_or(0, Assembly::bytes);
        if rest > limits.message_bytes_max.saturating_sub(held) {
            return Err(ProtocolError::MessageTooBig);
        }
        Ok(Reading::Data(DataFrame { kind, fin: head.fin, mask: head.mask, rest }))
    }

    /// `frame` stands behind `chunk`, which is unmasked.
    fn on_data<'a>(&mut self, frame: DataFrame, chunk: &'a mut [u8]) -> Result<Option<Event<'a>>, ProtocolError> {
        let ends = frame.rest == 0 && frame.fin == Fin::Last;
        if ends && self.message.is_none() {
            return whole(frame.kind, chunk).map(Some);
        }
        let message = self.message.get_or_insert_with(|| Assembly::new(frame.kind));
        message.push(chunk, (frame.fin == Fin::Last).then_some(frame.rest))?;
        if !ends {
            return Ok(None);
        }
        let Some(message) = self.message.take() else { return Ok(None) };
        Ok(Some(Event::Message { kind: frame.kind, payload: Payload::Owned(message.finish()?) }))
    }
}

/// A message that came in one piece, unmasked.
fn whole(kind: MessageKind, payload: &mut [u8]) -> Result<Event<'_>, ProtocolError> {
    if kind == MessageKind::Text && simdutf8::basic::from_utf8(payload).is_err() {
        return Err(ProtocolError::TextNotUtf8);
    }
    Ok(Event::Message { kind, payload: Payload::Borrowed(payload) })
}

impl Default for Reading {
    fn default() -> Self {
        Self::Head(HeadBytes::default())
    }
}

impl HeadBytes {
    /// Takes the rest of a head off `input`; nothing, and all of `input` taken, if it is not all there.
    fn complete(&mut self, input: &mut &mut [u8], reader: Role) -> Result<Option<Head>, ProtocolError> {
        if self.length == 0
            && let Some((head, length)) = Head::parse(input, reader)?
        {
            take(input, length);
            return Ok(Some(head));
        }
        loop {
            let [byte] = take(input, 1) else { return Ok(None) };
            self.bytes[usize::from(self.length)] = *byte;
            self.length += 1;
            if let Some((head, _)) = Head::parse(&self.bytes[..usize::from(self.length)], reader)? {
                return Ok(Some(head));
            }
        }
    }
}

impl ControlFrame {
    /// `chunk` is the last of its payload, unmasked.
    fn finish<'a>(&mut self, chunk: &'a mut [u8]) -> Result<Event<'a>, ProtocolError> {
        let mut payload = mem::take(&mut self.payload);
        let payload = if payload.is_empty() {
            Payload::Borrowed(chunk)
        } else {
            payload.extend_from_slice(chunk);
            Payload::Owned(payload)
        };
        match self.opcode {
            Opcode::Ping => Ok(Event::Ping(payload)),
            Opcode::Pong => Ok(Event::Pong(payload)),
            _ => close::parse(&payload).map(Event::Close),
        }
    }
}
