//! What a session does with heartbeats in messages: with those that are found, with those that are not valid, and with those
//! that are due from us. Ping frames are [`super::messages`]', probes [`super::probing`]'.

use std::borrow::Cow;

use super::timers::Timer;
use super::{Context, Core, Ending, State};
use crate::dataplane::handshake::about;
use crate::dataplane::heartbeat::{Beat, Finding, MalformedPolicy};
use crate::dataplane::message::{CloseReason, Direction, Message, MessageKind};
use crate::dataplane::state::EndReason;

impl Core {
    /// Deals with what is a heartbeat, and returns what is not, as it is to be passed on.
    pub(super) fn take_heartbeat<'p>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &'p [u8],
    ) -> Option<Cow<'p, [u8]>> {
        let mut finding = self.route.route.heartbeat.find(direction, kind, payload, cx.clock);
        if let (Finding::Other, Some(edge)) = (&finding, &mut self.edge) {
            finding = edge.handle_message(cx.now, direction, kind, payload);
            self.timers.set(Timer::Heartbeat, edge.next_deadline());
        }
        if direction == Direction::ToBackend && !matches!(finding, Finding::Malformed) {
            self.client_heard = cx.now;
        }
        match finding {
            Finding::Other => Some(payload.into()),
            Finding::Heartbeat(answer) => {
                self.answer(cx, direction, answer);
                None
            }
            Finding::Rewritten { payload, answer: Some(answer) } => {
                self.answer(cx, direction, Some(answer));
                Some(payload.into())
            }
            Finding::Rewritten { payload, answer: None } => Some(payload.into()),
            Finding::Taken => None,
            Finding::Malformed => self.on_malformed_heartbeat(cx, direction, payload),
            Finding::Unreadable => {
                self.on_unreadable(cx, direction);
                None
            }
        }
    }

    /// A heartbeat that came in `direction` is told this, if anything.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>, direction: Direction, answer: Option<Message>) {
        match direction {
            Direction::ToBackend => {
                if let Some(answer) = answer {
                    self.tell_client(cx, &answer);
                }
                self.on_heartbeat_answered(cx, direction);
            }
            Direction::ToClient => {
                if let Some(answer) = answer {
                    self.tell_upstream(cx, &answer);
                    cx.counters.upstream_pings_answered.add(1);
                }
            }
        }
    }

    fn on_malformed_heartbeat<'p>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        payload: &'p [u8],
    ) -> Option<Cow<'p, [u8]>> {
        cx.counters.heartbeats_malformed.add(1);
        match (self.route.route.heartbeat.malformed, direction) {
            (MalformedPolicy::Ignore, _) => {}
            (MalformedPolicy::Forward, _) => return Some(payload.into()),
            (MalformedPolicy::Close, Direction::ToBackend) => {
                cx.counters.clients_misbehaved.add(1);
                self.close(cx, CloseReason::new(1008, "not a valid heartbeat"), EndReason::ClientMisbehaved);
            }
            (MalformedPolicy::Close, Direction::ToClient) => {
                let reason = CloseReason::new(1011, "the backend sent no valid heartbeat");
                self.close(cx, reason, EndReason::BackendMisbehaved);
            }
        }
        None
    }

    fn on_unreadable(&mut self, cx: &mut Context<'_>, direction: Direction) {
        let (why, reason) = match direction {
            Direction::ToBackend => {
                cx.counters.clients_misbehaved.add(1);
                (EndReason::ClientMisbehaved, CloseReason::new(1002, "not the protocol that is spoken here"))
            }
            Direction::ToClient => {
                about!(warn, self.handshake, route = %self.route.route.name,
                    "the backend does not speak the protocol whose heartbeats are answered");
                (EndReason::BackendMisbehaved, CloseReason::new(1011, "the backend broke the protocol"))
            }
        };
        self.close(cx, reason, why);
    }

    /// Sends what the protocol's heartbeats want sent, and ends what they find dead.
    pub(super) fn on_heartbeat_due(&mut self, cx: &mut Context<'_>) {
        // Whom we do not read may have said something.
        if !self.wants_client_bytes() {
            self.on_part(cx, Direction::ToBackend);
        }
        if !self.wants_upstream_bytes() {
            self.on_part(cx, Direction::ToClient);
        }
        while let Some(beat) = self.edge.as_mut().and_then(|edge| edge.poll_beat(cx.now)) {
            match (beat, &self.state) {
                (Beat::ToClient(ping), State::Bound(_) | State::Holding(_)) => {
                    cx.counters.heartbeats_sent_to_client.add(1);
                    self.tell_client(cx, &ping);
                }
                (Beat::ToBackend(ping), State::Bound(_)) => {
                    cx.counters.heartbeats_sent_to_backend.add(1);
                    self.tell_upstream(cx, &ping);
                }
                (Beat::ClientDead, State::Bound(_) | State::Holding(_)) => {
                    about!(debug, self.handshake, "the client's heartbeats have stopped");
                    cx.counters.clients_dead.add(1);
                    self.on_client_gone(cx, EndReason::ClientDead);
                }
                (Beat::ClientLeft, State::Bound(_) | State::Holding(_)) => {
                    self.close(cx, CloseReason::new(1000, "goodbye"), EndReason::ClientClosed);
                }
                (Beat::BackendDead, State::Bound(_)) => {
                    about!(debug, self.handshake, "the backend's heartbeats have stopped");
                    self.on_upstream_gone(cx, Ending::Broken);
                }
                _ => {}
            }
        }
        if let (Some(edge), State::Bound(_) | State::Holding(_)) = (&self.edge, &self.state) {
            self.timers.set(Timer::Heartbeat, edge.next_deadline());
        }
    }
}
