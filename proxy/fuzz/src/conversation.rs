//! A peer that speaks the protocol, in every way the protocol allows, over a connection that cuts and may damage what it
//! says.

use belay::dataplane::codec::{Framing, Opcode, Role, encode, encode_close, encoded_len};
use belay::dataplane::message::{CloseReason, MessageKind};
use belay::dataplane::route::MessageLimits;

use crate::choices::{Choices, Luck};
use crate::heard::{Heard, feed, feed_cut};

/// More than is ever said here.
const LIMITS: MessageLimits =
    MessageLimits { message_bytes_max: 1 << 17, frame_bytes_max: 1 << 17, fragments_max: u32::MAX };

/// What the peer means is what is heard, however it is put into frames and cut; what we write of it in turn is heard the
/// same at the other end; and damage to a byte of it costs no more than the connection.
pub fn conversation(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (reader, peer) =
        if choices.one_in(2) == Luck::Miss { (Role::Server, Role::Client) } else { (Role::Client, Role::Server) };
    let (mut said, mut wire) = (Vec::new(), Vec::new());
    for _ in 0..choices.below(12) + 1 {
        say(&mut choices, peer, &mut said, &mut wire);
        if matches!(said.last(), Some(Heard::Close(_))) {
            break;
        }
    }

    let (kept, heard) = feed_cut(Framing::WebSocket.reader(reader), &wire, &LIMITS, &mut choices);
    assert_eq!(said, heard, "what is said is what is heard");
    assert_eq!(kept.held_bytes(), 0, "nothing is kept between messages");

    let mut again = Vec::new();
    feed(&mut Framing::WebSocket.reader(peer), &repeat(reader, &heard), &LIMITS, &mut again);
    assert_eq!(said, again, "and what is heard when it is said on");

    if !wire.is_empty() {
        let at = choices.below(wire.len());
        wire[at] ^= choices.byte() | 1;
        let (_, heard) = feed_cut(Framing::WebSocket.reader(reader), &wire, &LIMITS, &mut Choices::new(choices.rest()));
        let mut whole = Vec::new();
        feed(&mut Framing::WebSocket.reader(reader), &wire, &LIMITS, &mut whole);
        assert_eq!(heard, whole, "damage is heard the same however it is cut");
    }
}

/// Says one thing: a message in one frame or several, with control frames in between, or a control frame.
fn say(choices: &mut Choices<'_>, peer: Role, said: &mut Vec<Heard>, wire: &mut Vec<u8>) {
    match choices.byte() % 16 {
        0 => {
            let close = match choices.byte() % 3 {
                0 => CloseReason { code: None, reason: "".into() },
                1 => CloseReason::new(1000, "über"),
                _ => CloseReason::new(3000 + choices.below(2000) as u16, &"é".repeat(choices.below(80))),
            };
            encode_close(peer, &close, wire);
            said.push(Heard::Close(close));
        }
        1..=3 => control(choices, peer, said, wire),
        _ => message(choices, peer, said, wire),
    }
}

fn control(choices: &mut Choices<'_>, peer: Role, said: &mut Vec<Heard>, wire: &mut Vec<u8>) {
    let payload = vec![choices.byte(); choices.below(126)];
    if choices.one_in(2) == Luck::Miss {
        encode(peer, Opcode::Ping, &payload, wire);
        said.push(Heard::Ping(payload));
    } else {
        encode(peer, Opcode::Pong, &payload, wire);
        said.push(Heard::Pong(payload));
    }
}

fn message(choices: &mut Choices<'_>, peer: Role, said: &mut Vec<Heard>, wire: &mut Vec<u8>) {
    let length = match choices.byte() % 8 {
        0 => choices.below(70_000),
        1 => 0,
        _ => choices.below(300),
    };
    let (kind, payload) = if choices.one_in(2) == Luck::Miss {
        (MessageKind::Text, "a é € 𝄞 ".chars().cycle().take(length).collect::<String>().into_bytes())
    } else {
        (MessageKind::Binary, vec![choices.byte(); length])
    };

    let mut opcode = Opcode::from(kind);
    let mut rest = &payload[..];
    while choices.one_in(2) == Luck::Hit {
        let (fragment, after) = rest.split_at(choices.below(rest.len() + 1));
        let start = wire.len();
        encode(peer, opcode, fragment, wire);
        assert_eq!(wire.len() - start, encoded_len(peer, fragment.len()));
        // Not the last: the codec writes whole messages only, so the bit is cleared here.
        wire[start] &= 0x7F;
        (opcode, rest) = (Opcode::Continuation, after);
        if choices.one_in(3) == Luck::Hit {
            control(choices, peer, said, wire);
        }
    }
    encode(peer, opcode, rest, wire);
    said.push(Heard::Message(kind, payload));
}

/// The same, said by us.
fn repeat(role: Role, heard: &[Heard]) -> Vec<u8> {
    let mut wire = Vec::new();
    for heard in heard {
        match heard {
            Heard::Message(kind, payload) => encode(role, (*kind).into(), payload, &mut wire),
            Heard::Ping(payload) => encode(role, Opcode::Ping, payload, &mut wire),
            Heard::Pong(payload) => encode(role, Opcode::Pong, payload, &mut wire),
            Heard::Close(reason) => encode_close(role, reason, &mut wire),
            // Nothing was damaged yet.
            Heard::Error(error) => assert_eq!(None, Some(error)),
        }
    }
    wire
}
