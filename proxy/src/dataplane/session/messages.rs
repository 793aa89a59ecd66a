//! Messages and pings on their way through a session, in both directions: heartbeats, filters, and the queue for the other
//! end. Close frames are [`super::closing`]'s.

use super::holding::Client;
use super::outbox::{Origin, Retention};
use super::proof::PING_MARK;
use super::timers::Timer;
use super::{Context, Core, State};
use crate::dataplane::chain::{Memory, Passage};
use crate::dataplane::codec::{Control, DoesNotFit, Event};
use crate::dataplane::handshake::about;
use crate::dataplane::heartbeat::PingPolicy;
use crate::dataplane::ledger::LossReason;
use crate::dataplane::message::{CloseReason, Direction, MessageKind};
use crate::dataplane::state::EndReason;

impl Core {
    pub(super) fn wants_client_bytes(&self) -> bool {
        // A client that asks on and takes no answer is its own affair, as long as the answers do not pile up here.
        let is_answered = self.to_client.ours() < self.route.route.slow_client.bytes_max.max(1);
        match &self.state {
            _ if self.waiting.has_any(Direction::ToBackend) || !is_answered => false,
            State::Bound(_) => self.to_upstream.bytes() < self.route.route.hold.bytes_max.max(1),
            State::Holding(holding) => holding.client == Client::Speaks,
            State::Closing(_) => self.route.route.framing.has_controls() || self.hears_client(),
            State::Closed => false,
        }
    }

    pub(super) fn wants_upstream_bytes(&self) -> bool {
        self.to_client.bytes() < self.route.route.slow_client.bytes_max.max(1)
            && self.to_upstream.ours() < self.route.route.hold.bytes_max.max(1)
            && !self.waiting.has_any(Direction::ToClient)
    }

    /// Part of a message came. One that is long on its way is a sign of life before it is all there.
    pub(super) fn on_part(&mut self, cx: &Context<'_>, direction: Direction) {
        if direction == Direction::ToBackend {
            self.client_heard = cx.now;
        }
        if let Some(edge) = &mut self.edge {
            edge.handle_part(cx.now, direction);
        }
    }

    pub(super) fn on_client_event(&mut self, cx: &mut Context<'_>, event: Event<'_>) {
        if !matches!(event, Event::Message { .. }) {
            self.client_heard = cx.now;
        }
        match event {
            Event::Message { kind, payload } => self.on_client_message(cx, kind, &payload),
            Event::Ping(payload) => match (self.route.route.heartbeat.websocket, &self.state) {
                (PingPolicy::PassOn, State::Bound(_)) => {
                    self.signal_upstream(cx, Control::Ping(&payload));
                }
                _ => {
                    self.signal_client(cx, Control::Pong(&payload));
                    self.on_heartbeat_answered(cx, Direction::ToBackend);
                }
            },
            Event::Pong(payload) => {
                let ours = payload.split_first_chunk().filter(|(mark, _)| *mark == PING_MARK);
                if let Some((_, number)) = ours {
                    self.on_probe_answered(cx, number);
                } else if self.route.route.heartbeat.websocket == PingPolicy::PassOn
                    && matches!(self.state, State::Bound(_))
                {
                    self.signal_upstream(cx, Control::Pong(&payload));
                }
            }
            Event::Close(reason) => self.on_client_close(cx, reason),
        }
    }

    pub(super) fn on_client_message(&mut self, cx: &mut Context<'_>, kind: MessageKind, payload: &[u8]) {
        let Some(payload) = self.take_heartbeat(cx, Direction::ToBackend, kind, payload) else { return };
        let flow = &cx.counters.to_backend;
        flow.accepted.add(1);
        flow.accepted_bytes.add(payload.len() as u64);
        if let State::Closing(closing) = &self.state {
            // The session was ended before this arrived; the close code has told the client.
            return flow.lost(closing.reason.loss()).add(1);
        }
        let passage = if self.has_onlookers(Direction::ToBackend) {
            self.ask_chain(cx, |chain, subject| chain.on_message(subject, Direction::ToBackend, kind, &payload))
        } else {
            Passage::Forward(payload, Memory::Forget)
        };
        self.on_client_passage(cx, kind, passage);
    }

    /// What the filters made of a client's message, which is accepted.
    pub(super) fn on_client_passage(&mut self, cx: &mut Context<'_>, kind: MessageKind, passage: Passage<'_>) {
        let flow = &cx.counters.to_backend;
        match passage {
            Passage::Asks(parked) => self.park(cx, Direction::ToBackend, parked),
            Passage::Forward(payload, memory) => self.send_upstream(cx, kind, &payload, memory),
            Passage::Reply(answer) => {
                flow.consumed.add(1);
                self.tell_client(cx, &answer);
            }
            Passage::Drop => flow.consumed.add(1),
            Passage::Heartbeat(answer) => {
                flow.consumed.add(1);
                self.answer(cx, Direction::ToBackend, answer);
            }
            Passage::Close(reason) => {
                flow.lost(LossReason::FilterClosed).add(1);
                self.close(cx, reason, EndReason::FilterClosed);
            }
        }
    }

    /// Puts a client's message on its way, or keeps it while there is no way.
    pub(super) fn send_upstream(&mut self, cx: &mut Context<'_>, kind: MessageKind, payload: &[u8], memory: Memory) {
        if let State::Holding(_) = self.state
            && let Err(why) = self.room_to_hold(cx, payload.len())
        {
            cx.counters.to_backend.lost(why.loss()).add(1);
            let reason = CloseReason::new(self.route.route.hold.close_code, "no backend, and too much to hold");
            return self.close(cx, reason, why);
        }
        if self.queue_for_upstream(cx, kind, payload, Origin::Message).is_err() {
            cx.counters.to_backend.lost(LossReason::FilterClosed).add(1);
            return self.on_misfit(cx);
        }
        let policy = &self.route.route.hold.replay;
        if (memory == Memory::Remember || self.sent < u64::from(policy.first))
            && self.remembered.get_or_insert_default().push(policy, self.sent, kind, payload).is_err()
        {
            about!(debug, self.handshake, bytes_max = policy.bytes_max, "a message was too large to replay");
        }
        self.sent += 1;
        cx.counters.to_backend.held.add(1);
    }

    pub(super) fn on_upstream_event(&mut self, cx: &mut Context<'_>, event: Event<'_>) {
        match event {
            Event::Message { kind, payload } => self.on_upstream_message(cx, kind, &payload),
            Event::Ping(payload) => match self.route.route.heartbeat.websocket {
                PingPolicy::PassOn => {
                    self.signal_client(cx, Control::Ping(&payload));
                }
                PingPolicy::Answer => {
                    self.signal_upstream(cx, Control::Pong(&payload));
                    cx.counters.upstream_pings_answered.add(1);
                }
            },
            Event::Pong(payload) => match payload.split_first_chunk() {
                Some((PING_MARK, covers)) => self.on_proof(cx, covers),
                _ if self.route.route.heartbeat.websocket == PingPolicy::PassOn => {
                    self.signal_client(cx, Control::Pong(&payload));
                }
                _ => {}
            },
            Event::Close(reason) => self.on_upstream_close(cx, reason),
        }
    }

    pub(super) fn on_upstream_message(&mut self, cx: &mut Context<'_>, kind: MessageKind, payload: &[u8]) {
        let Some(payload) = self.take_heartbeat(cx, Direction::ToClient, kind, payload) else { return };
        self.received += 1;
        let flow = &cx.counters.to_client;
        flow.accepted.add(1);
        flow.accepted_bytes.add(payload.len() as u64);
        if let State::Bound(bound) = &mut self.state
            && bound.swallow > 0
        {
            bound.swallow -= 1;
            return flow.consumed.add(1);
        }
        if let State::Closing(closing) = &self.state {
            if !closing.client_still_reads() {
                return flow.lost(closing.reason.loss()).add(1);
            }
            self.wait_for_last_words(cx);
        }
        let passage = if self.has_onlookers(Direction::ToClient) {
            self.ask_chain(cx, |chain, subject| chain.on_message(subject, Direction::ToClient, kind, &payload))
        } else {
            Passage::Forward(payload, Memory::Forget)
        };
        self.on_upstream_passage(cx, kind, passage);
    }

    /// What the filters made of a backend's message, which is accepted.
    pub(super) fn on_upstream_passage(&mut self, cx: &mut Context<'_>, kind: MessageKind, passage: Passage<'_>) {
        let flow = &cx.counters.to_client;
        match passage {
            Passage::Asks(parked) => self.park(cx, Direction::ToClient, parked),
            Passage::Forward(payload, _) => match self.queue_for_client(cx, kind, &payload, Origin::Message) {
                Ok(()) => flow.held.add(1),
                Err(DoesNotFit) => {
                    flow.lost(LossReason::FilterClosed).add(1);
                    self.on_misfit(cx);
                }
            },
            Passage::Reply(answer) => {
                flow.consumed.add(1);
                self.tell_upstream(cx, &answer);
            }
            Passage::Drop => flow.consumed.add(1),
            Passage::Heartbeat(answer) => {
                flow.consumed.add(1);
                self.answer(cx, Direction::ToClient, answer);
            }
            Passage::Close(reason) => {
                flow.lost(LossReason::FilterClosed).add(1);
                self.close(cx, reason, EndReason::FilterClosed);
            }
        }
    }

    pub(super) fn on_client_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        let messages = self.to_client.written(bytes, Retention::UntilWritten);
        let flow = &cx.counters.to_client;
        flow.held.sub(messages);
        flow.delivered.add(messages);
        self.timers.clear(Timer::ClientStalled);
        if let Some(prober) = &mut self.prober {
            prober.on_written(cx.now);
        }
    }
}
