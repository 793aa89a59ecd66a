//! A peer on raw TCP: it sends anything at all, or messages that its framer has a form for.

use std::sync::Arc;

use belay::dataplane::codec::raw::{Counts, LengthField, Order, Width};
use belay::dataplane::codec::{Framer, Framing, Role};
use belay::dataplane::message::MessageKind;
use belay::dataplane::route::MessageLimits;

use crate::choices::{Choices, Luck};
use crate::heard::{Heard, feed, feed_cut};

/// The first bytes choose framer, limits and cuts, the rest is what the peer sends: the same is heard however it is cut, and
/// what is heard is written as it was. And messages that could be written are heard as they were meant.
pub fn framer(data: &[u8]) {
    let (decisions, sent) = data.split_at(data.len().min(data.len() / 2 + 16));
    let mut choices = Choices::new(decisions);
    let framing = Framing::Raw(Arc::new(choose(&mut choices)));
    let sent = plausible(&framing, sent);
    let message_bytes_max = choices.below(400);
    let limits = MessageLimits { message_bytes_max, frame_bytes_max: 0, fragments_max: 0 };

    let (mut whole, mut heard) = (framing.reader(Role::Server), Vec::new());
    feed(&mut whole, &sent, &limits, &mut heard);
    let (cut, heard_cut) = feed_cut(framing.reader(Role::Server), &sent, &limits, &mut choices);
    assert_eq!(heard, heard_cut, "cut or not, the same is heard of {framing:?}");
    assert_eq!(whole.held_bytes(), cut.held_bytes(), "and the same is kept");

    let written = write(&framing, &heard);
    assert_eq!(hear(&framing, &written), messages(&heard), "what was heard is said on as it was");

    let (mut said, mut wire) = (Vec::new(), Vec::new());
    while !choices.is_over() {
        let message = vec![choices.byte(); choices.below(40)];
        let before = wire.len();
        match framing.write(Role::Client, MessageKind::Binary, &message, &mut wire) {
            Ok(()) => said.push(message),
            Err(_) => assert_eq!(wire.len(), before, "what does not fit leaves nothing"),
        }
    }
    assert_eq!(hear(&framing, &wire), said, "what is said is what is heard");
}

fn choose(choices: &mut Choices<'_>) -> Framer {
    let order = if choices.one_in(2) == Luck::Hit { Order::Little } else { Order::Big };
    match choices.byte() % 8 {
        0 => Framer::Lines,
        1 => Framer::Delimiter(vec![b'-'; choices.below(4) + 1].into()),
        2 => Framer::Fixed(choices.below(30) + 1),
        3 => Framer::Mqtt,
        4 => Framer::Stomp,
        _ => Framer::Length(LengthField {
            width: match choices.byte() % 5 {
                0 => Width::One,
                1 => Width::Two(order),
                2 => Width::Four(order),
                3 => Width::Eight(order),
                _ => Width::Varint,
            },
            offset: choices.below(4) * usize::from(choices.one_in(2) == Luck::Hit),
            adjust: (i64::from(choices.byte() % 16) - 8) * i64::from(choices.one_in(2) == Luck::Hit),
            counts: Counts::Body,
        }),
    }
}

/// Random bytes say too seldom what a framer looks for: here they say it more often.
fn plausible(framing: &Framing, sent: &[u8]) -> Vec<u8> {
    let Framing::Raw(framer) = framing else { return sent.to_vec() };
    let words: &[&[u8]] = match **framer {
        Framer::Lines => &[b"\n", b"\r\n"],
        Framer::Delimiter(_) => &[b"-", b"--", b"---"],
        Framer::Length(_) | Framer::Mqtt => &[b"\0", b"\x01", b"\x03", b"\0\0\0\x02", b"\x80\x01"],
        Framer::Stomp => {
            &[b"\n", b"\0", b"SEND\n", b"\n\n", b"\r\n", b"content-length:2\n", b"content-length:", b"7\n"]
        }
        Framer::Fixed(_) => &[],
    };
    let said = sent.iter().flat_map(|byte| match words.get(usize::from(byte >> 4)) {
        Some(word) => *word,
        None => std::slice::from_ref(byte),
    });
    said.copied().collect()
}

fn messages(heard: &[Heard]) -> Vec<Vec<u8>> {
    let messages = heard.iter().filter_map(|heard| match heard {
        Heard::Message(_, payload) => Some(payload.clone()),
        _ => None,
    });
    messages.collect()
}

fn write(framing: &Framing, heard: &[Heard]) -> Vec<u8> {
    let mut wire = Vec::new();
    for message in messages(heard) {
        assert_eq!(framing.write(Role::Client, MessageKind::Binary, &message, &mut wire), Ok(()), "{message:?} fits");
    }
    wire
}

/// Without limits, and in one piece.
fn hear(framing: &Framing, wire: &[u8]) -> Vec<Vec<u8>> {
    let limits = MessageLimits { message_bytes_max: 1 << 20, frame_bytes_max: 0, fragments_max: 0 };
    let (mut reader, mut heard) = (framing.reader(Role::Server), Vec::new());
    feed(&mut reader, wire, &limits, &mut heard);
    assert_eq!((reader.held_bytes(), messages(&heard).len()), (0, heard.len()), "whole messages and no mistake");
    messages(&heard)
}
