//! A peer that sends anything at all.

use belay::dataplane::codec::{Framing, Role};
use belay::dataplane::route::MessageLimits;

use crate::choices::{Choices, Luck};
use crate::heard::{feed, feed_cut};

/// The first bytes choose role, limits and cuts, the rest is what the peer sends. However it is cut, the same is heard.
pub fn decode(data: &[u8]) {
    let (decisions, sent) = data.split_at(data.len().min(data.len() / 3 + 8));
    let mut choices = Choices::new(decisions);
    let role = if choices.one_in(2) == Luck::Miss { Role::Server } else { Role::Client };
    let limits = MessageLimits {
        message_bytes_max: choices.below(2_000),
        frame_bytes_max: choices.below(2_000),
        fragments_max: u32::from(choices.byte()),
    };

    let (mut whole, mut heard) = (Framing::WebSocket.reader(role), Vec::new());
    feed(&mut whole, sent, &limits, &mut heard);
    let (cut, heard_cut) = feed_cut(Framing::WebSocket.reader(role), sent, &limits, &mut choices);
    assert_eq!(heard, heard_cut, "cut or not, the same is heard");
    assert_eq!(whole.held_bytes(), cut.held_bytes(), "and the same is kept");
}
