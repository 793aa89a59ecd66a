//! Messages that are partly there. What is kept of them counts against the process's bytes like what is held whole: a crowd of
//! clients that each begin a large message and never end it would be out of all bounds otherwise.

use tracing::debug;

use super::closing::{ClientEnd, UpstreamEnd};
use super::{Context, Session, State};
use crate::dataplane::codec::Role;
use crate::dataplane::message::{CloseReason, Direction};
use crate::dataplane::state::EndReason;

impl Session {
    /// Bytes of that direction were looked at, before which so many were kept of a message.
    pub(super) fn settle_part(&mut self, cx: &mut Context<'_>, direction: Direction, before: usize) {
        let after = self.part_bytes(direction);
        if after == before {
            return;
        }
        cx.budget.recharge_part(before, after);
        if after < before || cx.budget.allows(0) {
            return;
        }
        debug!(session = %self.core.handshake.session, bytes = after, "no room for the rest of a message");
        self.core.close(cx, CloseReason::new(1013, "no room for this message"), EndReason::Budget);
        // Its other half, a close frame behind it too, will not be listened to.
        if let State::Closing(closing) = &mut self.core.state {
            match direction {
                Direction::ToBackend => closing.client = ClientEnd::Answering,
                Direction::ToClient => closing.upstream = UpstreamEnd::Draining,
            }
        }
        self.forget_part(cx, direction);
    }

    /// The connection that it came on is gone, or as good as gone.
    pub(super) fn forget_part(&mut self, cx: &Context<'_>, direction: Direction) {
        cx.budget.recharge_part(self.part_bytes(direction), 0);
        let framing = &self.core.route.route.framing;
        match direction {
            Direction::ToBackend => self.client_reader = framing.reader(Role::Server),
            Direction::ToClient => self.upstream_reader = framing.reader(Role::Client),
        }
    }

    fn part_bytes(&self, direction: Direction) -> usize {
        match direction {
            Direction::ToBackend => self.client_reader.held_bytes(),
            Direction::ToClient => self.upstream_reader.held_bytes(),
        }
    }
}
