//! Clients and backends whose heartbeats are kept at the edge: they say anything at all, and what the protocols know, at any
//! time and in any order.

use std::time::Duration;

use belay::dataplane::handshake::Handshake;
use belay::dataplane::heartbeat::{Beat, Edge, HeartbeatPolicy, Overheard, Protocol};
use belay::dataplane::message::{Direction, MessageKind};
use belay::dataplane::route::MessageLimits;
use belay::id::SessionId;
use belay::time::Instant;

use crate::choices::{Choices, Luck};

/// Whatever happens, what is due is little and is done when it is done: nothing is due at once again.
pub fn heartbeats(data: &[u8]) {
    let mut choices = Choices::new(data);
    let Some(mut edge) = choose(&mut choices) else { return };
    let mut now = Instant::ZERO;
    while !choices.is_over() {
        let direction = if choices.one_in(2) == Luck::Hit { Direction::ToClient } else { Direction::ToBackend };
        match choices.byte() % 8 {
            0 => edge.handle_part(now, direction),
            1 => edge.handle_sent(now, direction),
            2 => edge.handle_connected(),
            3 => now = now + Duration::from_millis(choices.below(1 << 16) as u64),
            // Until something is due, as time passes for a session.
            4 if edge.next_deadline() != Instant::NEVER => now = now.max(edge.next_deadline()),
            _ => {
                let kind = if choices.one_in(4) == Luck::Hit { MessageKind::Binary } else { MessageKind::Text };
                let payload = payload(&mut choices);
                let _ = edge.handle_message(now, direction, kind, &payload);
            }
        }
        // Both sides may be dead, and both may be due a beat; the client may have left.
        let due: Vec<Beat> = std::iter::from_fn(|| edge.poll_beat(now)).take(6).collect();
        assert!(due.len() < 6, "{due:?} and more");
        assert!(edge.next_deadline() > now, "nothing is left to do");
    }
}

fn choose(choices: &mut Choices<'_>) -> Option<Box<Edge>> {
    let (protocol, target) = match choices.byte() % 4 {
        0 => (Protocol::EngineIo, "/?EIO=3"),
        1 => (Protocol::EngineIo, "/?EIO=4"),
        2 => (Protocol::Mqtt, "/"),
        _ => (Protocol::Stomp, "/"),
    };
    let overheard = Overheard::default();
    if choices.one_in(3) == Luck::Hit {
        overheard.hear(&open(choices));
    }
    let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let handshake = Handshake::new(SessionId::from(1), peer, target, std::iter::empty());
    let policy = HeartbeatPolicy { protocol: Some(protocol), ..HeartbeatPolicy::default() };
    policy.edge(&handshake, &MessageLimits::default(), &overheard)
}

/// What the protocols look for, with numbers of the fuzzer's, or its own bytes.
fn payload(choices: &mut Choices<'_>) -> Vec<u8> {
    match choices.byte() % 12 {
        0 => open(choices),
        1 => b"2".to_vec(),
        2 => b"3".to_vec(),
        3 => b"\n".to_vec(),
        4 => first_frame("CONNECT\naccept-version:1.2", choices),
        5 => first_frame("CONNECTED\nversion:1.2", choices),
        6 => b"ERROR\n\n\0".to_vec(),
        7 => vec![0xc0, 0],
        8 => vec![0xd0, 0],
        // CONNECT of 3.1.1, with a keep-alive (section 3.1), whole or cut.
        9 => {
            let head = [0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, choices.byte(), choices.byte(), 0, 0];
            head[..head.len() - choices.below(3)].to_vec()
        }
        10 => vec![0x20, 2, 0, 0],
        _ => (0..choices.below(40)).map(|_| choices.byte()).collect(),
    }
}

fn open(choices: &mut Choices<'_>) -> Vec<u8> {
    let (interval, timeout) = (choices.below(1 << 16), choices.below(1 << 16));
    format!("0{{\"sid\":\"x\",\"pingInterval\":{interval},\"pingTimeout\":{timeout}}}").into_bytes()
}

fn first_frame(begin: &str, choices: &mut Choices<'_>) -> Vec<u8> {
    format!("{begin}\nheart-beat:{},{}\n\n\0", choices.below(1 << 16), choices.below(1 << 16)).into_bytes()
}
