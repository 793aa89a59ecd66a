//! An MQTT client over WebSocket, whose packets come in whatever messages they come in.

use belay::dataplane::handshake::Handshake;
use belay::dataplane::heartbeat::{Edge, Finding, HeartbeatPolicy, Overheard, Protocol};
use belay::dataplane::message::{Direction, MessageKind};
use belay::dataplane::route::MessageLimits;
use belay::id::SessionId;
use belay::time::Instant;

use crate::choices::Choices;

/// What is passed on of a stream, and what is answered.
type Dealt = (Vec<u8>, Vec<u8>);

/// The first half chooses cuts, the rest is almost MQTT: the same passes and is answered, however it is cut.
pub fn packets(data: &[u8]) {
    let (decisions, sent) = data.split_at(data.len() / 2);
    let mut choices = Choices::new(decisions);
    let sent = almost_mqtt(sent);
    let (Some(mut whole), Some(mut cut)) = (edge(), edge()) else { return };
    let Some(expected) = hear(&mut whole, &sent) else { return };
    let (mut rest, mut dealt) = (&sent[..], Some(Dealt::default()));
    while !rest.is_empty() {
        let (part, after) = rest.split_at((1 + choices.below(20)).min(rest.len()));
        dealt = dealt.zip(hear(&mut cut, part)).map(|((mut passed, mut answers), (more, answer))| {
            passed.extend(more);
            answers.extend(answer);
            (passed, answers)
        });
        rest = after;
    }
    assert_eq!(dealt, Some(expected), "cut or not, the same passes and is answered");
}

/// Nothing if it made no sense.
fn hear(edge: &mut Edge, said: &[u8]) -> Option<Dealt> {
    match edge.handle_message(Instant::ZERO, Direction::ToBackend, MessageKind::Binary, said) {
        Finding::Other => Some((said.to_vec(), Vec::new())),
        Finding::Heartbeat(answer) => Some((Vec::new(), answer.map_or(Vec::new(), |answer| answer.payload))),
        Finding::Rewritten { payload, answer } => Some((payload, answer.map_or(Vec::new(), |answer| answer.payload))),
        Finding::Taken => Some(Dealt::default()),
        Finding::Malformed | Finding::Unreadable => None,
    }
}

fn edge() -> Option<Box<Edge>> {
    let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let handshake = Handshake::new(SessionId::from(1), peer, "/", std::iter::empty());
    let policy = HeartbeatPolicy { protocol: Some(Protocol::Mqtt), ..HeartbeatPolicy::default() };
    policy.edge(&handshake, &MessageLimits::default(), &Overheard::default())
}

/// Packets, and seldom a stray byte, which makes nonsense of all that follows.
fn almost_mqtt(sent: &[u8]) -> Vec<u8> {
    const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x01\x00\x01c";
    const PACKETS: [&[u8]; 7] =
        [b"\xc0\0", CONNECT, b"\xd0\0", b"\x30\x03\0\x01t", b"\xe0\0", b"\x20\x02\0\0", b"\xc0\0"];
    let said = sent.iter().flat_map(|byte| match PACKETS.get(usize::from(byte % 8)) {
        Some(packet) => packet,
        None if byte >> 4 == 0 => std::slice::from_ref(byte),
        None => PACKETS[0],
    });
    said.copied().collect()
}
