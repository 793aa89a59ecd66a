//! What a reader says, kept; and readers that misbehave.

use belay::dataplane::codec::{Event, Payload, ProtocolError, Reader};
use belay::dataplane::message::{CloseReason, MessageKind};
use belay::dataplane::route::MessageLimits;

use crate::choices::{Choices, Luck};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Message(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(CloseReason),
    Error(ProtocolError),
}

impl From<Event<'_>> for Heard {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message { kind, payload } => Self::Message(kind, payload.into_vec()),
            Event::Ping(payload) => Self::Ping(payload.into_vec()),
            Event::Pong(payload) => Self::Pong(payload.into_vec()),
            Event::Close(reason) => Self::Close(reason),
        }
    }
}

/// Feeds all of `bytes` in one piece, and holds what must hold after any input at all.
pub(crate) fn feed(reader: &mut Reader, bytes: &[u8], limits: &MessageLimits, heard: &mut Vec<Heard>) {
    let mut bytes = bytes.to_vec();
    let range = bytes.as_ptr_range();
    let mut input = &mut bytes[..];
    loop {
        let before = input.len();
        match reader.read(&mut input, limits) {
            Ok(Some(event)) => {
                if let Event::Message { payload: Payload::Borrowed(payload), .. } = &event {
                    assert!(payload.is_empty() || range.contains(&payload.as_ptr()), "a slice of the input");
                }
                check(&event, limits);
                assert!(input.len() < before, "an event takes something off the input");
                heard.push(event.into());
            }
            Ok(None) => break,
            Err(error) => {
                assert!(error.close_reason().code.is_some_and(|code| (1002..=1009).contains(&code)));
                heard.push(Heard::Error(error));
                // The same reader may be fed more; it hears nothing.
                input = &mut [];
            }
        }
    }
    assert!(input.is_empty(), "all input is taken");
    assert!(reader.held_bytes() <= limits.message_bytes_max + 125, "what is kept is bounded");
}

/// Feeds `bytes` in the pieces that `choices` cut them into. Now and then a piece is empty; or the reader is cancelled after
/// it took a part, and what it was before goes on in its place, as when a session is moved.
pub(crate) fn feed_cut(
    mut reader: Reader,
    mut bytes: &[u8],
    limits: &MessageLimits,
    choices: &mut Choices<'_>,
) -> (Reader, Vec<Heard>) {
    let mut heard = Vec::new();
    while !bytes.is_empty() {
        let length = match choices.byte() {
            // At the end of the choices an empty piece would be cut for ever.
            _ if choices.is_over() => bytes.len(),
            0..=9 => 0,
            short @ 10..=200 => usize::from(short % 17) + 1,
            _ => choices.below(3_000) + 1,
        };
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        if choices.one_in(8) == Luck::Hit {
            let mut cancelled = reader.clone();
            feed(&mut cancelled, &piece[..choices.below(piece.len() + 1)], limits, &mut Vec::new());
        }
        feed(&mut reader, piece, limits, &mut heard);
        bytes = rest;
    }
    (reader, heard)
}

fn check(event: &Event<'_>, limits: &MessageLimits) {
    match event {
        Event::Message { kind, payload } => {
            assert!(payload.len() <= limits.message_bytes_max, "a message within its limit");
            assert!(*kind == MessageKind::Binary || std::str::from_utf8(payload).is_ok(), "text is UTF-8");
        }
        Event::Ping(payload) | Event::Pong(payload) => assert!(payload.len() <= 125, "a control frame"),
        Event::Close(reason) => assert!(reason.reason.len() <= 123, "a close frame"),
    }
}
