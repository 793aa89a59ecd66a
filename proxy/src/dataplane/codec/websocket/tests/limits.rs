//! What a connection may cost.

use super::*;

#[test]
fn an_idle_decoder_is_a_few_words() {
    assert!(size_of::<Decoder>() <= 16, "{} bytes", size_of::<Decoder>());
}

#[test]
fn a_frame_above_its_limit_is_refused_at_its_head() {
    let limits = MessageLimits { frame_bytes_max: 200, ..LIMITS };
    let heard = |first, payload: &[u8]| hear_more(&mut Decoder::new(Role::Server), masked(first, payload), &limits);
    assert_eq!(heard(FIN | BINARY, &[1; 200]), [Heard::Binary(vec![1; 200])]);
    let only_the_head = head(FIN | BINARY, &[0x80 | 126, 0, 201]);
    let refused = hear_more(&mut Decoder::new(Role::Server), only_the_head, &limits);
    assert_eq!(refused, [Heard::Error(ProtocolError::FrameTooBig)]);
}

#[test]
fn a_message_above_its_limit_is_refused_at_the_head_that_goes_past_it() {
    let limits = MessageLimits { message_bytes_max: 300, ..LIMITS };
    let mut decoder = Decoder::new(Role::Server);
    let bytes = [masked(MORE | BINARY, &[1; 200]), head(FIN, &[0x80 | 101])].concat();
    assert_eq!(hear_more(&mut decoder, bytes, &limits), [Heard::Error(ProtocolError::MessageTooBig)]);

    let mut decoder = Decoder::new(Role::Server);
    let bytes = [masked(MORE | BINARY, &[1; 200]), masked(FIN, &[2; 100])].concat();
    assert_eq!(hear_more(&mut decoder, bytes, &limits), [Heard::Binary([vec![1; 200], vec![2; 100]].concat())]);
}

#[test]
fn the_longest_length_there_is_does_not_overflow() {
    let length = [0x80 | 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    assert_eq!(hear(head(FIN | BINARY, &length)), [Heard::Error(ProtocolError::FrameTooBig)]);
    let limits = MessageLimits { frame_bytes_max: usize::MAX, message_bytes_max: usize::MAX, fragments_max: 8 };
    let bytes = [masked(MORE | BINARY, b"a"), head(FIN, &length), b"b".to_vec()].concat();
    let mut decoder = Decoder::new(Role::Server);
    assert_eq!(hear_more(&mut decoder, bytes, &limits), []);
    assert_eq!(decoder.held_bytes(), 2);
}

#[test]
fn empty_fragments_for_ever_are_refused() {
    let mut decoder = Decoder::new(Role::Server);
    assert_eq!(hear_more(&mut decoder, masked(MORE | TEXT, b""), &LIMITS), []);
    for _ in 1..LIMITS.fragments_max {
        assert_eq!(hear_more(&mut decoder, masked(MORE, b""), &LIMITS), []);
    }
    let heard = hear_more(&mut decoder, masked(MORE, b""), &LIMITS);
    assert_eq!(heard, [Heard::Error(ProtocolError::TooManyFragments)]);
}

#[test]
fn a_big_announcement_costs_only_what_has_arrived() {
    let mut decoder = Decoder::new(Role::Server);
    let mut bytes = head(FIN | BINARY, &[0x80 | 127, 0, 0, 0, 0, 0, 0x10, 0, 0]);
    assert_eq!(hear_more(&mut decoder, bytes.clone(), &LIMITS), []);
    assert_eq!(decoder.held_bytes(), 0);
    assert!(decoder.allocated_bytes() < 100, "{} bytes", decoder.allocated_bytes());

    decoder = Decoder::new(Role::Server);
    bytes.extend(b"abc");
    assert_eq!(hear_more(&mut decoder, bytes, &LIMITS), []);
    assert_eq!(decoder.held_bytes(), 3);
    assert!(decoder.allocated_bytes() < 200, "{} bytes", decoder.allocated_bytes());
}

#[test]
fn a_message_in_parts_leaves_nothing_behind() {
    let mut decoder = Decoder::new(Role::Server);
    let bytes = masked(FIN | BINARY, &[9; 10_000]);
    for piece in bytes.chunks(999) {
        hear_more(&mut decoder, piece.to_vec(), &LIMITS);
    }
    assert_eq!((decoder.held_bytes(), decoder.allocated_bytes()), (0, 0));
}

#[test]
fn a_message_in_one_frame_and_many_parts_is_allocated_to_the_byte() {
    let mut decoder = Decoder::new(Role::Server);
    let mut bytes = masked(FIN | BINARY, &[9; 10_000]);
    let mut pieces = bytes.chunks_mut(999).peekable();
    while let Some(mut piece) = pieces.next() {
        let event = decoder.decode(&mut piece, &LIMITS).expect("no error");
        if pieces.peek().is_none() {
            let Some(Event::Message { payload: Payload::Owned(payload), .. }) = event else { panic!("{event:?}") };
            assert_eq!((payload.len(), payload.capacity()), (10_000, 10_000));
        }
    }
}

#[test]
fn a_partial_control_frame_is_counted_too() {
    let mut decoder = Decoder::new(Role::Server);
    let frame = masked(FIN | PING, b"half of this");
    assert_eq!(hear_more(&mut decoder, frame[..10].to_vec(), &LIMITS), []);
    assert_eq!(decoder.held_bytes(), 4);
    assert_eq!(hear_more(&mut decoder, frame[10..].to_vec(), &LIMITS), [Heard::Ping(b"half of this".to_vec())]);
    assert_eq!(decoder.held_bytes(), 0);
}
