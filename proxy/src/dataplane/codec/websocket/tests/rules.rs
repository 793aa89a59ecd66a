//! Frames as RFC 6455 has them, and those that it forbids.

use super::*;

#[test]
fn a_text_message_is_heard() {
    assert_eq!(hear(masked(FIN | TEXT, "héllo".as_bytes())), [text("héllo")]);
}

#[test]
fn a_whole_frame_comes_out_as_a_slice_of_the_input() {
    let mut bytes = masked(FIN | BINARY, b"where it arrived");
    let range = bytes.as_ptr_range();
    let mut input = &mut bytes[..];
    let event = Decoder::new(Role::Server).decode(&mut input, &LIMITS);
    let Ok(Some(Event::Message { payload: Payload::Borrowed(payload), .. })) = event else {
        panic!("not borrowed: {event:?}")
    };
    assert_eq!(payload, b"where it arrived");
    assert!(range.contains(&payload.as_ptr()));
}

#[test]
fn every_form_of_the_length_is_read() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 100_000] {
        let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
        assert_eq!(hear(masked(FIN | BINARY, &payload)), [Heard::Binary(payload)], "{length} bytes");
    }
}

#[test]
fn a_length_in_a_longer_form_than_needed_is_refused() {
    let lengths: [&[u8]; 5] = [
        &[0x80 | 126, 0, 0],
        &[0x80 | 126, 0, 125],
        &[0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 125],
        &[0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 126],
        &[0x80 | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
    ];
    for length in lengths {
        assert_eq!(hear(head(FIN | BINARY, length)), [Heard::Error(ProtocolError::LengthNotMinimal)], "{length:?}");
    }
}

#[test]
fn a_length_with_its_top_bit_set_is_refused() {
    let length = [0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(hear(head(FIN | BINARY, &length)), [Heard::Error(ProtocolError::LengthTopBit)]);
}

#[test]
fn reserved_bits_are_refused_at_the_first_byte() {
    for bit in [0x40, 0x20, 0x10] {
        for opcode in [TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE] {
            assert_eq!(hear(vec![FIN | bit | opcode]), [Heard::Error(ProtocolError::ReservedBits)]);
        }
    }
}

#[test]
fn reserved_opcodes_are_refused_at_the_first_byte() {
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        assert_eq!(hear(vec![FIN | opcode]), [Heard::Error(ProtocolError::ReservedOpcode(opcode))]);
    }
}

#[test]
fn a_client_that_does_not_mask_is_refused() {
    assert_eq!(hear(vec![FIN | TEXT, 0x05]), [Heard::Error(ProtocolError::NotMasked)]);
}

#[test]
fn a_server_that_masks_is_refused() {
    let heard = hear_more(&mut Decoder::new(Role::Client), vec![FIN | TEXT, 0x85], &LIMITS);
    assert_eq!(heard, [Heard::Error(ProtocolError::Masked)]);
}

#[test]
fn fragments_make_one_message() {
    let bytes = [masked(MORE | TEXT, b"one "), masked(MORE | CONTINUATION, b"two "), masked(FIN, b"three")].concat();
    assert_eq!(hear(bytes), [text("one two three")]);
}

#[test]
fn empty_fragments_are_fragments() {
    let bytes = [masked(MORE | BINARY, b""), masked(MORE, b""), masked(FIN, b"")].concat();
    assert_eq!(hear(bytes), [Heard::Binary(vec![])]);
}

#[test]
fn control_frames_may_stand_between_fragments() {
    let bytes = [
        masked(MORE | TEXT, b"a"),
        masked(FIN | PING, b"are you there"),
        masked(MORE, b"b"),
        masked(FIN | PONG, b"unasked"),
        masked(FIN, b"c"),
    ];
    let expected = [Heard::Ping(b"are you there".to_vec()), Heard::Pong(b"unasked".to_vec()), text("abc")];
    assert_eq!(hear(bytes.concat()), expected);
}

#[test]
fn a_close_between_fragments_ends_it() {
    let bytes = [masked(MORE | TEXT, b"a"), masked(FIN | CLOSE, b""), masked(FIN, b"b")].concat();
    assert_eq!(hear(bytes), [Heard::Close(None, String::new())]);
}

#[test]
fn a_continuation_of_nothing_is_refused() {
    for first in [FIN | CONTINUATION, MORE | CONTINUATION] {
        assert_eq!(hear(masked(first, b"x")), [Heard::Error(ProtocolError::ContinuationUnexpected)]);
    }
    let after = [masked(MORE | TEXT, b"a"), masked(FIN, b"b"), masked(FIN, b"c")].concat();
    assert_eq!(hear(after), [text("ab"), Heard::Error(ProtocolError::ContinuationUnexpected)]);
}

#[test]
fn a_message_within_a_message_is_refused() {
    for opcode in [TEXT, BINARY] {
        let bytes = [masked(MORE | TEXT, b"a"), masked(FIN | opcode, b"b")].concat();
        assert_eq!(hear(bytes), [Heard::Error(ProtocolError::ContinuationExpected)]);
    }
}

#[test]
fn control_frames_have_no_fragments() {
    for opcode in [PING, PONG, CLOSE] {
        assert_eq!(hear(vec![MORE | opcode]), [Heard::Error(ProtocolError::ControlFragmented)]);
    }
}

#[test]
fn control_frames_hold_at_most_125_bytes() {
    assert_eq!(hear(masked(FIN | PING, &[7; 125])), [Heard::Ping(vec![7; 125])]);
    assert_eq!(hear(masked(FIN | PING, &[7; 126])), [Heard::Error(ProtocolError::ControlTooLong)]);
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    // Overlong, a surrogate, above the last code point, a lone continuation byte, cut short.
    let bad: [&[u8]; 6] =
        [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"a\xe2\x82", b"\xce\xba\xed\xa0\x80edited"];
    for payload in bad {
        assert_eq!(hear(masked(FIN | TEXT, payload)), [Heard::Error(ProtocolError::TextNotUtf8)], "{payload:?}");
        let fragments = [masked(MORE | TEXT, payload), masked(FIN, b"")].concat();
        assert_eq!(hear(fragments), [Heard::Error(ProtocolError::TextNotUtf8)], "{payload:?} in fragments");
    }
}

#[test]
fn characters_may_be_cut_between_fragments() {
    let payload = "κόσμε€𝄞".as_bytes();
    for at in 0..=payload.len() {
        let (a, b) = payload.split_at(at);
        assert_eq!(hear([masked(MORE | TEXT, a), masked(FIN, b)].concat()), [text("κόσμε€𝄞")], "cut at {at}");
    }
}

#[test]
fn text_fails_at_the_byte_that_makes_it_wrong_within_a_frame() {
    // 0xF4 may begin a character; 0x90 makes it one past the last code point. The frame announces more.
    let mut frame = head(FIN | TEXT, &[0x80 | 100]);
    frame.extend(b"ok \xf4");
    let mut decoder = Decoder::new(Role::Server);
    assert_eq!(hear_more(&mut decoder, frame, &LIMITS), []);
    let heard = hear_more(&mut decoder, vec![0x90], &LIMITS);
    assert_eq!(heard, [Heard::Error(ProtocolError::TextNotUtf8)]);
}

#[test]
fn close_codes_that_may_stand_on_the_wire_are_heard() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        let payload = [&u16::to_be_bytes(code)[..], "bye ✓".as_bytes()].concat();
        assert_eq!(hear(masked(FIN | CLOSE, &payload)), [Heard::Close(Some(code), "bye ✓".to_owned())]);
    }
}

#[test]
fn close_codes_that_may_not_are_refused() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let heard = hear(masked(FIN | CLOSE, &u16::to_be_bytes(code)));
        assert_eq!(heard, [Heard::Error(ProtocolError::CloseCodeInvalid(code))]);
    }
}

#[test]
fn half_a_close_code_is_refused() {
    assert_eq!(hear(masked(FIN | CLOSE, &[3])), [Heard::Error(ProtocolError::CloseCodeTruncated)]);
}

#[test]
fn a_close_reason_that_is_not_utf8_is_refused() {
    let payload = [&u16::to_be_bytes(1000)[..], b"\xff"].concat();
    assert_eq!(hear(masked(FIN | CLOSE, &payload)), [Heard::Error(ProtocolError::ReasonNotUtf8)]);
}

#[test]
fn what_comes_after_a_close_is_ignored() {
    let mut decoder = Decoder::new(Role::Server);
    let bytes = [masked(FIN | CLOSE, b""), masked(FIN | TEXT, b"late"), b"\xff\xff\xff".to_vec()].concat();
    assert_eq!(hear_more(&mut decoder, bytes, &LIMITS), [Heard::Close(None, String::new())]);
    assert_eq!(hear_more(&mut decoder, masked(FIN | TEXT, b"later"), &LIMITS), []);
}

#[test]
fn what_comes_after_an_error_is_ignored() {
    let mut decoder = Decoder::new(Role::Server);
    assert_eq!(hear_more(&mut decoder, vec![0xFF], &LIMITS), [Heard::Error(ProtocolError::ReservedBits)]);
    assert_eq!(hear_more(&mut decoder, masked(FIN | TEXT, b"more"), &LIMITS), []);
}

#[test]
fn every_error_has_a_code_that_may_be_sent_and_a_reason_that_fits() {
    use ProtocolError::*;
    let expected = [
        (1002, vec![ReservedBits, ReservedOpcode(3), NotMasked, Masked, LengthNotMinimal, LengthTopBit]),
        (1002, vec![ControlFragmented, ControlTooLong, ContinuationUnexpected, ContinuationExpected]),
        (1002, vec![CloseCodeTruncated, CloseCodeInvalid(65_535)]),
        (1007, vec![TextNotUtf8, ReasonNotUtf8]),
        (1008, vec![TooManyFragments]),
        (1009, vec![FrameTooBig, MessageTooBig]),
    ];
    for (code, errors) in expected {
        for error in errors {
            let close = error.close_reason();
            assert_eq!(close.code, Some(code), "{error}");
            assert_eq!(*close.reason, *error.to_string());
        }
    }
}
