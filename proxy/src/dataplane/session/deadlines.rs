//! What a session does when something is due, and what makes it due: silence of the client, and ends that take nothing.

use tracing::debug;

use super::holding::Redial;
use super::proof::PING_MARK;
use super::timers::Timer;
use super::{Context, Core, Ending, State};
use crate::dataplane::codec::Control;
use crate::dataplane::state::EndReason;
use crate::time::Instant;

/// Whether the client was asked if it lives.
pub(super) enum Probing {
    NotAsked,
    Asked { at: Instant },
}

impl Core {
    pub(super) fn on_timer(&mut self, cx: &mut Context<'_>, timer: Timer) {
        match timer {
            Timer::HoldEnds => self.give_up(cx, "no backend for too long", EndReason::HoldExpired),
            Timer::Redial => {
                if let State::Holding(holding) = &mut self.state {
                    holding.redial = Redial::Due;
                }
            }
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

    pub(super) fn on_probe_due(&mut self, cx: &mut Context<'_>) {
        let Some(probe) = self.route.route.heartbeat.probe else { return };
        let silent_until = self.client_heard + probe.every;
        match self.probing {
            // Asked => (dead | NotAsked)
            Probing::Asked { at } if self.client_heard < at => {
                if matches!(self.state, State::Bound(_) | State::Holding(_)) {
                    debug!(session = %self.handshake.session, "the client answers no probe");
                    cx.counters.clients_dead.add(1);
                    self.on_client_gone(cx, EndReason::ClientDead);
                }
            }
            // NotAsked => Asked
            _ if silent_until <= cx.now => {
                self.probing = Probing::Asked { at: cx.now };
                self.signal_client(cx, Control::Ping(PING_MARK));
                cx.counters.probes_sent.add(1);
                self.timers.set(Timer::Probe, cx.now + probe.timeout);
            }
            _ => {
                self.probing = Probing::NotAsked;
                self.timers.set(Timer::Probe, silent_until);
            }
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
        if self.is_full_of_unproved() {
            // The client is not read meanwhile, so the proof cannot wait for its time.
            self.ask_for_proof(cx);
        }
        if let State::Bound(_) = self.state
            && (self.is_full_of_unproved() || !self.to_upstream.unwritten().is_empty())
        {
            let stall = self.route.route.backend.stall_timeout;
            self.timers.set_if_unset(Timer::UpstreamStalled, cx.now + stall);
        }
    }
}
