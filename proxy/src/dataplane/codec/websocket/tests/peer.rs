//! What we write, read by ourselves and by another implementation; and what that one writes, read by us.

use std::io::Cursor;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role as PeerRole};
use tungstenite::{Message as PeerMessage, WebSocket};

use super::*;

const LENGTHS: [usize; 12] = [0, 1, 7, 8, 9, 125, 126, 127, 1_000, 65_535, 65_536, 200_000];

/// Us, and the other end of the connection.
const ROLES: [(Role, Role, PeerRole); 2] =
    [(Role::Server, Role::Client, PeerRole::Client), (Role::Client, Role::Server, PeerRole::Server)];

fn text_of(length: usize) -> String {
    ["é".repeat(length / 2), "a".repeat(length % 2)].concat()
}

#[test]
fn what_we_write_is_what_we_read() {
    for (writer, reader, _) in ROLES {
        for length in LENGTHS {
            let (said, mut out) = (text_of(length), b"before".to_vec());
            encode(writer, Opcode::Text, said.as_bytes(), &mut out);
            assert_eq!(out.len(), b"before".len() + encoded_len(writer, length), "{length} bytes");
            let heard = hear_more(&mut Decoder::new(reader), out.split_off(b"before".len()), &LIMITS);
            assert_eq!(heard, [Heard::Text(said)], "{length} bytes");
        }
    }
}

#[test]
fn what_we_write_is_what_a_peer_reads() {
    for (writer, _, peer) in ROLES {
        let mut out = Vec::new();
        for length in LENGTHS {
            encode(writer, Opcode::Text, text_of(length).as_bytes(), &mut out);
            encode(writer, Opcode::Binary, &vec![0xFE; length], &mut out);
        }
        encode(writer, Opcode::Ping, b"ping", &mut out);
        encode(writer, Opcode::Pong, &[0; 125], &mut out);
        encode_close(writer, &CloseReason::new(4001, "enough"), &mut out);

        let mut peer = WebSocket::from_raw_socket(Cursor::new(out), peer, None);
        for length in LENGTHS {
            assert_eq!(peer.read().expect("text"), PeerMessage::text(text_of(length)));
            assert_eq!(peer.read().expect("binary"), PeerMessage::binary(vec![0xFE; length]));
        }
        assert_eq!(peer.read().expect("ping"), PeerMessage::Ping(b"ping"[..].into()));
        assert_eq!(peer.read().expect("pong"), PeerMessage::Pong([0; 125][..].into()));
        let close = CloseFrame { code: CloseCode::from(4001), reason: "enough".into() };
        assert_eq!(peer.read().expect("close"), PeerMessage::Close(Some(close)));
    }
}

#[test]
fn what_a_peer_writes_is_what_we_read() {
    for (reader, _, peer) in ROLES {
        let mut peer = WebSocket::from_raw_socket(Cursor::new(Vec::new()), peer, None);
        let mut expected = Vec::new();
        for length in LENGTHS {
            peer.send(PeerMessage::text(text_of(length))).expect("written");
            expected.push(Heard::Text(text_of(length)));
        }
        peer.send(PeerMessage::Ping(b"ping"[..].into())).expect("written");
        expected.push(Heard::Ping(b"ping".to_vec()));
        peer.close(None).expect("written");
        expected.push(Heard::Close(None, String::new()));
        let bytes = peer.get_mut().get_mut().split_off(0);
        assert_eq!(hear_more(&mut Decoder::new(reader), bytes, &LIMITS), expected);
    }
}

#[test]
fn a_close_reason_is_cut_to_what_fits() {
    let long = CloseReason { code: Some(1000), reason: "é".repeat(100).into() };
    let mut out = Vec::new();
    encode_close(Role::Client, &long, &mut out);
    assert_eq!(hear(out), [Heard::Close(Some(1000), "é".repeat(61))]);
}

#[test]
fn a_close_code_that_may_not_be_sent_is_left_out() {
    for code in [None, Some(1005), Some(1006), Some(1015), Some(0)] {
        let mut out = Vec::new();
        encode_close(Role::Client, &CloseReason { code, reason: "unsaid".into() }, &mut out);
        assert_eq!(hear(out), [Heard::Close(None, String::new())], "{code:?}");
    }
}

#[test]
fn no_two_frames_of_a_client_have_the_same_mask() {
    let mut keys = std::collections::HashSet::new();
    for _ in 0..100 {
        let mut out = Vec::new();
        encode(Role::Client, Opcode::Binary, b"", &mut out);
        keys.insert(out[2..6].to_vec());
    }
    assert!(keys.len() > 98, "{} keys in 100 frames", keys.len());
}
