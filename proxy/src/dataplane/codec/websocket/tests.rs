//! Each rule of RFC 6455 that the codec keeps. What holds for any input at all is in the fuzz crate, which an ordinary test
//! drives too.

mod limits;
mod peer;
mod rules;
mod split;

use super::*;
use crate::dataplane::message::CloseReason;
use crate::dataplane::route::MessageLimits;

pub(super) const LIMITS: MessageLimits =
    MessageLimits { message_bytes_max: 1 << 20, frame_bytes_max: 1 << 20, fragments_max: 64 };

/// An event that owns what it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Error(ProtocolError),
}

pub(super) fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

impl From<Event<'_>> for Heard {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message { kind: MessageKind::Text, payload } => {
                Self::Text(String::from_utf8(payload.into_vec()).expect("text is UTF-8"))
            }
            Event::Message { kind: MessageKind::Binary, payload } => Self::Binary(payload.into_vec()),
            Event::Ping(payload) => Self::Ping(payload.into_vec()),
            Event::Pong(payload) => Self::Pong(payload.into_vec()),
            Event::Close(close) => Self::Close(close.code, close.reason.into()),
        }
    }
}

/// Everything that is heard in these bytes, an error last.
pub(super) fn hear_more(decoder: &mut Decoder, mut bytes: Vec<u8>, limits: &MessageLimits) -> Vec<Heard> {
    let mut input = &mut bytes[..];
    let mut heard = Vec::new();
    loop {
        match decoder.decode(&mut input, limits) {
            Ok(Some(event)) => heard.push(event.into()),
            Ok(None) => {
                assert!(input.is_empty(), "all input is taken");
                return heard;
            }
            Err(error) => {
                heard.push(Heard::Error(error));
                return heard;
            }
        }
    }
}

/// Heard by a server in one piece.
pub(super) fn hear(bytes: Vec<u8>) -> Vec<Heard> {
    hear_more(&mut Decoder::new(Role::Server), bytes, &LIMITS)
}

/// A frame with any first byte at all, masked with a fixed key, its length in the shortest form.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x11, 0x22, 0x33, 0x44];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A head with a length of our choosing and a key of zeros, so that what follows stands in the clear.
pub(super) fn head(first: u8, length: &[u8]) -> Vec<u8> {
    [&[first], length, &[0; 4]].concat()
}

pub(super) const FIN: u8 = 0x80;
pub(super) const MORE: u8 = 0x00;
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xA;
