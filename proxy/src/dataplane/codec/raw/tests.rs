//! Framers, each rule by an example. What holds for any input at all is in the fuzz crate, which an ordinary test drives
//! too.

use std::sync::Arc;

use super::*;
use crate::dataplane::codec::Event;
use crate::dataplane::route::MessageLimits;

const LIMITS: MessageLimits = MessageLimits { message_bytes_max: 1 << 20, frame_bytes_max: 1 << 20, fragments_max: 1 };

/// What is heard of `wire` when it comes in these pieces.
fn heard_in(framer: &Framer, pieces: &[&[u8]], limits: &MessageLimits) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let mut cutter = Cutter::new(Arc::new(framer.clone()));
    let mut messages = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while let Some(event) = cutter.cut(&mut input, limits)? {
            let Event::Message { payload, .. } = event else { panic!("{event:?}") };
            messages.push(payload.into_vec());
        }
        assert!(cutter.allocated_bytes() == 0 || cutter.held_bytes() > 0, "memory is kept for bytes alone");
    }
    assert_eq!(cutter.held_bytes(), 0, "the wire ends with a message");
    Ok(messages)
}

/// The messages of `wire`, the same wherever it is cut in two, and in single bytes; and they are written as they were.
#[track_caller]
fn says<M: AsRef<[u8]>>(framer: &Framer, wire: &[u8], messages: &[M]) {
    let messages: Vec<Vec<u8>> = messages.iter().map(|message| message.as_ref().to_vec()).collect();
    for at in 0..=wire.len() {
        assert_eq!(heard_in(framer, &[&wire[..at], &wire[at..]], &LIMITS).as_ref(), Ok(&messages), "cut at {at}");
    }
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(heard_in(framer, &bytes, &LIMITS).as_ref(), Ok(&messages), "byte by byte");
    let mut written = Vec::new();
    for message in &messages {
        framer.write(message, &mut written).unwrap();
    }
    assert_eq!(written, wire);
}

#[track_caller]
fn is_refused(framer: &Framer, wire: &[u8]) {
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert!(matches!(heard_in(framer, &[wire], &LIMITS), Err(ProtocolError::Unframed(_))));
    assert!(matches!(heard_in(framer, &bytes, &LIMITS), Err(ProtocolError::Unframed(_))));
}

#[track_caller]
fn is_too_big(framer: &Framer, wire: &[u8], message_bytes_max: usize) {
    let limits = MessageLimits { message_bytes_max, ..LIMITS };
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(heard_in(framer, &[wire], &limits), Err(ProtocolError::MessageTooBig));
    assert_eq!(heard_in(framer, &bytes, &limits), Err(ProtocolError::MessageTooBig));
}

fn length(width: Width) -> LengthField {
    LengthField { width, offset: 0, adjust: 0, counts: Counts::Body }
}

#[test]
fn lines_end_with_a_line_feed_and_keep_their_carriage_return() {
    says(&Framer::Lines, b"one\ntwo\r\n\n\xFF\n", &[&b"one"[..], b"two\r", b"", b"\xFF"]);
}

#[test]
fn a_delimiter_may_have_several_bytes() {
    says(&Framer::Delimiter(b"\0"[..].into()), b"one\0\0two\0", &["one", "", "two"]);
    says(&Framer::Delimiter(b"--"[..].into()), b"one--t-wo----", &["one", "t-wo", ""]);
    says(&Framer::Delimiter(b"\r\n\r\n"[..].into()), b"a\r\n\rb\r\n\r\n\r\r\n\r\n", &["a\r\n\rb", "\r"]);
}

#[test]
fn records_of_a_fixed_length_are_messages_whole() {
    says(&Framer::Fixed(3), b"abcdef", &["abc", "def"]);
    says(&Framer::Fixed(1), b"ab", &["a", "b"]);
}

#[test]
fn a_length_alone_is_taken_away() {
    says(&Framer::Length(length(Width::One)), b"\x02hi\x00\x01!", &["hi", "", "!"]);
    says(&Framer::Length(length(Width::Two(Order::Big))), b"\x00\x02hi", &["hi"]);
    says(&Framer::Length(length(Width::Two(Order::Little))), b"\x02\x00hi", &["hi"]);
    says(&Framer::Length(length(Width::Four(Order::Big))), b"\0\0\0\x02hi", &["hi"]);
    says(&Framer::Length(length(Width::Eight(Order::Little))), b"\x02\0\0\0\0\0\0\0hi", &["hi"]);
    let long = [b"\xAC\x02".to_vec(), vec![b'x'; 300]].concat();
    says(&Framer::Length(length(Width::Varint)), &long, &[&long[2..]]);
}

#[test]
fn a_length_may_count_itself() {
    let framer = Framer::Length(LengthField { counts: Counts::Frame, ..length(Width::Two(Order::Big)) });
    says(&framer, b"\x00\x04hi\x00\x02", &["hi", ""]);
    is_refused(&framer, b"\x00\x01");
}

#[test]
fn a_length_among_other_things_stays_with_its_message() {
    // Type, length of the body, body.
    let framer = Framer::Length(LengthField { offset: 1, ..length(Width::Two(Order::Big)) });
    says(&framer, b"T\x00\x02hiU\x00\x00", &[&b"T\x00\x02hi"[..], b"U\x00\x00"]);
    // A checksum of two bytes at the end is not counted.
    let framer = Framer::Length(LengthField { adjust: 2, ..length(Width::One) });
    says(&framer, b"\x02hiCC", &[b"\x02hiCC"]);
    // The length counts four bytes that are not there.
    let framer = Framer::Length(LengthField { adjust: -4, ..length(Width::One) });
    says(&framer, b"\x06hi", &[b"\x06hi"]);
    is_refused(&framer, b"\x03");
    assert_eq!(framer.write(b"\x07hi", &mut Vec::new()), Err(DoesNotFit));
}

#[test]
fn hostile_lengths_cost_their_connection_and_no_memory() {
    let eight = Framer::Length(length(Width::Eight(Order::Big)));
    is_too_big(&eight, &[0xFF; 8], 100);
    is_too_big(&eight, b"\0\0\0\0\0\0\0\x65", 100);
    is_too_big(&Framer::Length(LengthField { adjust: i64::MAX, ..length(Width::One) }), b"\xFF", 100);
    is_refused(&Framer::Length(LengthField { adjust: i64::MIN, ..length(Width::One) }), b"\xFF");
    is_refused(&Framer::Length(length(Width::Varint)), &[0xFF; 10]);
    is_too_big(&Framer::Mqtt, b"\x30\xFF\xFF\xFF\x7F", 100);
    is_too_big(&Framer::Stomp, b"SEND\ncontent-length:99999999999999999999999\n\n", 100);

    let mut cutter = Cutter::new(Arc::new(Framer::Length(length(Width::Four(Order::Big)))));
    assert_eq!(cutter.cut(&mut &mut b"\x00\x0F\xFF\xFFfew".to_vec()[..], &LIMITS), Ok(None));
    assert!(cutter.allocated_bytes() < 100, "{} bytes", cutter.allocated_bytes());
}

#[test]
fn what_has_no_end_is_not_kept_for_ever() {
    is_too_big(&Framer::Lines, &[b'x'; 11], 10);
    is_too_big(&Framer::Lines, &[&[b'x'; 11][..], b"\n"].concat(), 10);
    says(&Framer::Lines, &[&[b'x'; 10][..], b"\n"].concat(), &["xxxxxxxxxx"]);
    is_too_big(&Framer::Delimiter(b"--"[..].into()), &[b'x'; 12], 10);
    is_too_big(&Framer::Stomp, &[b'x'; 11], 10);
    is_too_big(&Framer::Stomp, b"SEND\n\n12345", 10);
}

#[test]
fn mqtt_packets_are_messages_whole() {
    let connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00";
    let long = [b"\x30\x80\x01".to_vec(), vec![0; 128]].concat();
    let wire = [&connect[..], b"\xC0\x00", &long].concat();
    says(&Framer::Mqtt, &wire, &[&connect[..], b"\xC0\x00", &long]);
    is_refused(&Framer::Mqtt, b"\x00\x00");
    is_refused(&Framer::Mqtt, b"\x30\x80\x80\x80\x80\x01");
    assert_eq!(Framer::Mqtt.write(b"\xC0\x00\xC0\x00", &mut Vec::new()), Err(DoesNotFit));
}

#[test]
fn stomp_frames_are_messages_whole_and_so_are_line_ends_between_them() {
    let connect = "CONNECT\naccept-version:1.2\nheart-beat:1000,1000\n\n\0";
    let send = "SEND\r\ndestination:/q\r\ncontent-length:3\r\n\r\na\0b\0";
    let wire = [connect, "\n", send, "\r\n", "\n", "SEND\n\nbody\n\0", "\n"].concat();
    says(&Framer::Stomp, wire.as_bytes(), &[connect, "\n", send, "\r\n", "\n", "SEND\n\nbody\n\0", "\n"]);
    // Of a header that is given twice the first counts.
    let twice = "SEND\ncontent-length:1\ncontent-length:9\n\nx\0";
    says(&Framer::Stomp, twice.as_bytes(), &[twice]);
    is_refused(&Framer::Stomp, b"SEND\ncontent-length:1\n\nxy\0");
    is_refused(&Framer::Stomp, b"SEND\ncontent-length:-1\n\nxy\0");
    is_refused(&Framer::Stomp, b"SEND\0");
    is_refused(&Framer::Stomp, b"\rSEND");
}

#[test]
fn text_is_what_can_be_read_as_text() {
    let text = |framer: &Framer, message: &[u8]| framer.kind(message) == MessageKind::Text;
    assert!(text(&Framer::Lines, "é".as_bytes()));
    assert!(!text(&Framer::Lines, b"\xFF"));
    assert!(text(&Framer::Stomp, b"CONNECTED\n\n\0"));
    assert!(text(&Framer::Length(length(Width::One)), b"{}"));
    assert!(!text(&Framer::Length(LengthField { offset: 1, ..length(Width::One) }), b"{}"));
    assert!(!text(&Framer::Mqtt, b"\xC0\x00"));
    assert!(!text(&Framer::Fixed(2), b"hi"));
}

#[test]
fn a_message_that_would_be_read_as_another_is_not_written() {
    let refused = |framer: Framer, message: &[u8]| {
        let mut out = b"before".to_vec();
        assert_eq!(framer.write(message, &mut out), Err(DoesNotFit), "{framer:?}");
        assert_eq!(out, b"before");
    };
    refused(Framer::Lines, b"two\nlines");
    refused(Framer::Delimiter(b"--"[..].into()), b"a--b");
    refused(Framer::Delimiter(b"--"[..].into()), b"a-");
    refused(Framer::Fixed(3), b"four");
    refused(Framer::Length(length(Width::One)), &[0; 256]);
    refused(Framer::Length(LengthField { counts: Counts::Frame, ..length(Width::One) }), &[0; 255]);
    refused(Framer::Stomp, b"no frame");
    refused(Framer::Stomp, b"\n\n");
    refused(Framer::Mqtt, b"");
}
