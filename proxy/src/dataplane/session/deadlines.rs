//! What a session does when something is due, and what makes it due: silence of the client, and ends that take nothing.

use super::timers::Timer;
use super::{Context, Core, Ending, State};
use crate::dataplane::state::EndReason;

impl Core {
    pub(super) fn on_timer(&mut self, cx: &mut Context<'_>, timer: Timer) {
        match timer {
            Timer::HoldEnds => self.give_up(cx, "no backend for too long", EndReason::HoldExpired),
            Timer::Redial => self.on_redial_due(cx),
            Timer::Confirm => self.ask_for_proof(cx),
            Timer::Probe => self.on_probe_due(cx),
            Timer::Heartbeat => self.on_heartbeat_due(cx),
            Timer::ClientStalled => {
                cx.counters.clients_misbehaved.add(1);
                self.end(cx, EndReason::SlowClient);
            }
            Timer::UpstreamStalled => self.on_upstream_gone(cx, Ending::Broken),
            Timer::CloseEnds => self.on_close_timeout(cx),
        }
    }

    pub(super) fn on_flushed(&mut self, cx: &mut Context<'_>) {
        self.tell_of_new_name(cx);
        self.settle_closing(cx);
        self.to_client.settle(cx.pool, cx.budget, &cx.counters.to_client.held_bytes);
        self.to_upstream.settle(cx.pool, cx.budget, &cx.counters.to_backend.held_bytes);
        if !self.to_client.unwritten().is_empty() {
            let stall = self.route.route.slow_client.stall_timeout;
            self.timers.set_if_unset(Timer::ClientStalled, cx.now + stall);
        }
        let is_full = self.is_full_of_unproved();
        if is_full {
            // The client is not read meanwhile, so the proof cannot wait for its time.
            self.ask_for_proof(cx);
        }
        if let State::Bound(_) = self.state
            && (is_full || !self.to_upstream.unwritten().is_empty())
        {
            let stall = self.route.route.backend.stall_timeout;
            self.timers.set_if_unset(Timer::UpstreamStalled, cx.now + stall);
        }
    }
}
