//! How a session finds out that its client is dead: it asks when its prober says so, and hears the answers.

use std::time::Duration;

use super::proof::PING_MARK;
use super::timers::Timer;
use super::{Context, Core, State};
use crate::dataplane::codec::Control;
use crate::dataplane::handshake::about;
use crate::dataplane::message::{Direction, Message};
use crate::dataplane::probe::{Prober, Step, Try};
use crate::dataplane::state::EndReason;
use crate::time::Instant;

/// How long after a filter's question kept us from hearing the client it is seen whether it lives.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

impl Core {
    /// The client has just come.
    pub(super) fn begin_probing(&mut self, cx: &mut Context<'_>) {
        let route = &self.route.route;
        let can_ask = route.framing.has_controls() || route.heartbeat.probe_message.is_some();
        let probe = route.heartbeat.probe.as_ref().filter(|_| can_ask);
        self.prober = probe.map(|probe| {
            let network = probe.group().map(|by| cx.networks.join(cx.now, by.name(&self.handshake, &self.facts)));
            Box::new(Prober::new(probe, network, cx.now, rand::Rng::random(cx.random)))
        });
        self.arm_probe();
    }

    pub(super) fn on_probe_due(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.state, State::Bound(_) | State::Holding(_)) {
            return;
        }
        if self.waiting.has(Direction::ToBackend) {
            // It is we who do not listen.
            return self.timers.set(Timer::Probe, cx.now + LISTEN_AGAIN);
        }
        if self.silence_ends() <= cx.now {
            about!(debug, self.handshake, "the client is silent for longer than is expected of it");
            cx.counters.clients_silent.add(1);
            return self.on_client_gone(cx, EndReason::ClientDead);
        }
        let route = std::sync::Arc::clone(&self.route.route);
        let (Some(policy), Some(prober)) = (&route.heartbeat.probe, &mut self.prober) else { return self.arm_probe() };
        if prober.hear(policy, cx.now, self.client_heard) {
            cx.counters.probes_answered.add(1);
        }
        match prober.handle_due(policy, cx.now, self.client_heard) {
            Step::Wait => {}
            Step::Ask { asked, number } => {
                self.ask_client(cx, number);
                cx.counters.probes_sent.add(1);
                if asked == Try::Again {
                    cx.counters.probes_missed.add(1);
                }
            }
            Step::Dead => {
                about!(debug, self.handshake, "the client answers no probe");
                cx.counters.probes_missed.add(1);
                cx.counters.clients_dead.add(1);
                return self.on_client_gone(cx, EndReason::ClientDead);
            }
        }
        self.arm_probe();
    }

    /// A pong with our mark came.
    pub(super) fn on_probe_answered(&mut self, cx: &mut Context<'_>, number: &[u8]) {
        let (Some(policy), Some(prober)) = (&self.route.route.heartbeat.probe, &mut self.prober) else { return };
        let Ok(number) = number.try_into().map(u64::from_be_bytes) else { return };
        if prober.handle_answer(policy, cx.now, number) {
            // The number is the time of asking.
            cx.counters.client_round_trips.add(Duration::from_micros(cx.now.as_micros().saturating_sub(number)));
            cx.counters.probes_answered.add(1);
            self.arm_probe();
        }
    }

    fn ask_client(&mut self, cx: &mut Context<'_>, number: u64) {
        let route = &self.route.route;
        if let (false, Some(message)) = (route.framing.has_controls(), &route.heartbeat.probe_message) {
            let message = Message::text(&**message);
            return self.tell_client(cx, &message);
        }
        let mut payload = [0; PING_MARK.len() + size_of::<u64>()];
        payload[..PING_MARK.len()].copy_from_slice(PING_MARK);
        payload[PING_MARK.len()..].copy_from_slice(&number.to_be_bytes());
        self.signal_client(cx, Control::Ping(&payload));
    }

    pub(super) fn arm_probe(&mut self) {
        let probe = &self.route.route.heartbeat.probe;
        let asked = match (probe, &self.prober) {
            (Some(policy), Some(prober)) => prober.next_due(policy, self.client_heard),
            _ => Instant::NEVER,
        };
        self.timers.set(Timer::Probe, asked.min(self.silence_ends()));
    }

    /// When a client of which something is expected has said nothing for too long.
    fn silence_ends(&self) -> Instant {
        self.route.route.heartbeat.expect.map_or(Instant::NEVER, |expect| self.client_heard + expect)
    }
}
