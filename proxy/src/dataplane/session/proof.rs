//! What became of messages that an upstream was sent: proved to be read, given up, or unknown. The proof is a pong, since
//! frames are read in order.

use super::outbox::Retention;
use super::timers::Timer;
use super::{Context, Core, State};
use crate::dataplane::chain::UpstreamEvent;
use crate::dataplane::codec::Control;
use crate::dataplane::hold::Unconfirmed;
use crate::dataplane::ledger::LossReason;
use crate::time::Instant;

/// Whether this upstream was asked to prove that it has read what it was sent. The proof is its pong: RFC 6455, section
/// 5.5.3, has frames read in order, so what stood before our ping was read before it.
pub(super) enum Proof {
    NotAsked,
    /// Asked at `at`, about the first `covers` of all messages.
    Asked {
        at: Instant,
        covers: u64,
    },
}

/// Opens the payload of our own pings; what follows is the count of messages asked about.
pub(super) const PING_MARK: &[u8; 8] = b"belay-ok";

impl Core {
    pub(super) fn on_upstream_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        let hold = &self.route.route.hold;
        let retention = match hold.unconfirmed {
            Unconfirmed::Report => Retention::UntilWritten,
            Unconfirmed::Resend => Retention::UntilConfirmed,
        };
        let messages = self.to_upstream.written(bytes, retention);
        if let State::Bound(bound) = &mut self.state {
            bound.before_answers = bound.before_answers.saturating_sub(bytes);
        }
        self.timers.clear(Timer::UpstreamStalled);
        if hold.confirm_after.is_zero() {
            self.settle_delivered(cx, self.written());
        } else if messages > 0 {
            self.timers.set_if_unset(Timer::Confirm, cx.now + hold.confirm_after);
        }
    }

    /// Asks the upstream to prove that it has read what it was sent so far.
    pub(super) fn ask_for_proof(&mut self, cx: &mut Context<'_>) {
        let State::Bound(bound) = &mut self.state else { return };
        if let Proof::NotAsked = bound.proof {
            bound.proof = Proof::Asked { at: cx.now, covers: self.sent };
            let mut payload = [0; PING_MARK.len() + size_of::<u64>()];
            payload[..PING_MARK.len()].copy_from_slice(PING_MARK);
            payload[PING_MARK.len()..].copy_from_slice(&self.sent.to_be_bytes());
            self.signal_upstream(cx, Control::Ping(&payload));
        }
    }

    pub(super) fn on_proof(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        let State::Bound(bound) = &mut self.state else { return };
        let Proof::Asked { at, covers } = bound.proof else { return };
        if payload != covers.to_be_bytes() {
            return;
        }
        bound.proof = Proof::NotAsked;
        self.timers.clear(Timer::UpstreamStalled);
        self.settle_delivered(cx, covers);
        if self.settled < self.sent {
            self.timers.set(Timer::Confirm, cx.now + self.route.route.hold.confirm_after);
        }
        cx.counters.backend_round_trips.add(cx.now - at);
        self.tell_filters(cx, UpstreamEvent::Latency(cx.now - at));
    }

    /// Whether messages that are kept for sending again take all the space that new ones could have. A backend that does
    /// not answer pings, as RFC 6455, section 5.5.2, wants it to, then counts as stalled.
    pub(super) fn is_full_of_unproved(&self) -> bool {
        let hold = &self.route.route.hold;
        hold.unconfirmed == Unconfirmed::Resend
            && matches!(self.state, State::Bound(_))
            && self.settled < self.written()
            && self.to_upstream.bytes() >= hold.bytes_max
    }

    /// The first `upto` of all messages have arrived.
    pub(super) fn settle_delivered(&mut self, cx: &mut Context<'_>, upto: u64) {
        let messages = upto.saturating_sub(self.settled);
        self.settled += messages;
        self.to_upstream.confirm(messages);
        let flow = &cx.counters.to_backend;
        flow.held.sub(messages);
        flow.delivered.add(messages);
    }

    /// The first `upto` of all messages are lost, as far as they are not settled.
    pub(super) fn settle_lost(&mut self, cx: &mut Context<'_>, upto: u64, reason: LossReason) {
        let messages = upto.saturating_sub(self.settled);
        self.settled += messages;
        let flow = &cx.counters.to_backend;
        flow.held.sub(messages);
        flow.lost(reason).add(messages);
    }

    /// How many of all messages were wholly written to an upstream.
    pub(super) fn written(&self) -> u64 {
        self.sent - self.to_upstream.unwritten_messages()
    }
}
