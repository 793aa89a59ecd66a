//! Input comes in whatever pieces the network makes of it: cut anywhere, the same is heard.

use super::*;

/// Everything that a connection can say, and the ways it can go wrong, each as one stream of bytes.
fn streams() -> Vec<Vec<u8>> {
    let long = "é€𝄞".repeat(40);
    let talk = [
        masked(FIN | TEXT, "whole κόσμε".as_bytes()),
        masked(MORE | TEXT, &long.as_bytes()[..7]),
        masked(FIN | PING, b"between"),
        masked(MORE, b""),
        masked(FIN | PONG, b""),
        masked(FIN, &long.as_bytes()[7..]),
        masked(FIN | BINARY, &[0xFF; 130]),
        masked(FIN | BINARY, b""),
    ]
    .concat();
    let ends = [
        masked(FIN | CLOSE, b"\x03\xe8bye"),
        masked(FIN | CLOSE, b"\x03"),
        masked(FIN | TEXT, b"bad \xed\xa0\x80 text"),
        masked(FIN, b"continuing nothing"),
        head(FIN | BINARY, &[0x80 | 126, 0, 5]),
        head(FIN | BINARY, &[0x80 | 127, 0, 0, 0, 0, 0x7F, 0, 0, 0]),
        vec![FIN | TEXT, 0x01, b'x'],
        vec![0xC1],
    ];
    ends.map(|end| [talk.clone(), end, masked(FIN | TEXT, b"after the end")].concat()).into()
}

#[test]
fn a_stream_cut_in_two_anywhere_is_heard_as_the_whole() {
    for stream in streams() {
        let whole = hear(stream.clone());
        for at in 0..=stream.len() {
            let (first, second) = stream.split_at(at);
            let mut decoder = Decoder::new(Role::Server);
            let mut heard = hear_more(&mut decoder, first.to_vec(), &LIMITS);
            heard.extend(hear_more(&mut decoder, second.to_vec(), &LIMITS));
            assert_eq!(heard, whole, "cut at {at}");
        }
    }
}

#[test]
fn a_stream_in_pieces_of_any_one_length_is_heard_as_the_whole() {
    for stream in streams() {
        let whole = hear(stream.clone());
        for length in 1..=40 {
            let mut decoder = Decoder::new(Role::Server);
            let pieces = stream.chunks(length);
            let heard: Vec<_> = pieces.flat_map(|piece| hear_more(&mut decoder, piece.to_vec(), &LIMITS)).collect();
            assert_eq!(heard, whole, "pieces of {length} bytes");
        }
    }
}
