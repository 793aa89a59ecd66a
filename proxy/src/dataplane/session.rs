//! A session: one client connection, which outlives its upstreams. A state machine without clock or socket: bytes of both
//! ends and `now` come in, frames and wishes (dial, drop the upstream) come out. Sockets, waking and dialling are the
//! driver's; what was configured is the route's.

mod closing;
mod holding;
mod outbox;
mod replay;
mod timers;

use std::rc::Rc;
use std::time::Duration;

use rand::rngs::SmallRng;
use tracing::debug;

use self::closing::Closing;
use self::holding::{Holding, Redial};
pub use self::outbox::{Budget, Pool};
use self::outbox::{Origin, Outbox, Retention};
use self::replay::Remembered;
use self::timers::{Timer, Timers};
use super::chain::{Chain, Facts, Handle, Memory, Passage, Reaction, Subject, UpstreamEvent};
use super::codec::{Decoder, Event, Opcode, Role};
use super::handshake::Handshake;
use super::heartbeat::PingPolicy;
use super::hold::Unconfirmed;
use super::ledger::{Counters, LossReason};
use super::message::{CloseReason, Direction, Message, MessageKind};
use super::route::Route;
use super::trace::TraceContext;
use crate::time::Instant;

/// One client connection and what is known of it. Plain data: nothing in here is a socket, a task or a timer object.
pub struct Session {
    client_decoder: Decoder,
    upstream_decoder: Decoder,
    core: Core,
}

/// A session without the reading halves of its codecs, so that an event that borrows from one can be handled.
struct Core {
    route: Rc<RouteState>,
    handshake: Handshake,
    facts: Facts,
    handles: Box<[Handle]>,
    state: State,
    to_client: Outbox,
    to_upstream: Outbox,
    remembered: Option<Box<Remembered>>,
    timers: Timers,
    /// When the client was last heard of.
    client_heard: Instant,
    probing: Probing,
    /// Messages that were ever put on their way to the upstream.
    sent: u64,
    /// Of these, the first so many are off our books: read by a backend, or given up.
    settled: u64,
    /// Connections to a backend, tried or made.
    dials: u32,
    /// Failed attempts since an upstream last stood for a while.
    failures: u32,
}

/// A route as one worker has it.
pub struct RouteState {
    /// What was configured.
    pub route: std::sync::Arc<Route>,
    /// Its filters.
    pub chain: Chain,
}

/// What a session is given with each event.
pub struct Context<'a> {
    /// The time of the event.
    pub now: Instant,
    /// Where it is counted.
    pub counters: &'a Counters,
    /// Queues to use and to give back.
    pub pool: &'a mut Pool,
    /// The process's bytes.
    pub budget: &'a Budget,
    /// Jitter.
    pub random: &'a mut SmallRng,
}

enum State {
    /// Messages go to the upstream as they come.
    Bound(Bound),
    /// The upstream is away; messages are kept.
    Holding(Holding),
    /// Close frames and what was before them are on their way.
    Closing(Closing),
    /// Nothing is left to do.
    Closed,
}

struct Bound {
    since: Instant,
    proof: Proof,
    /// Messages of this upstream that answer a replay and are not for the client.
    swallow: u32,
}

/// Whether this upstream was asked to prove that it has read what it was sent. The proof is its pong: RFC 6455, section
/// 5.5.3, has frames read in order, so what stood before our ping was read before it.
enum Proof {
    NotAsked,
    /// Asked at `at`, about the first `covers` of all messages.
    Asked {
        at: Instant,
        covers: u64,
    },
}

/// Whether the client was asked if it lives.
enum Probing {
    NotAsked,
    Asked { at: Instant },
}

/// What a session wants of its upstream connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamWish {
    /// The connection that is there, or the dialling that is under way, is to stay.
    Keep,
    /// Dial, now.
    Dial,
    /// Whatever is there is to be dropped.
    Drop,
}

/// Why an attempt to connect failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialFailure {
    /// It may go better next time.
    Unavailable,
    /// The backend understood and said no, with this HTTP status: trying again will not help.
    Refused(u16),
}

/// The time that either side has to answer a close, and to take what was sent before it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// An upstream that stood this long starts the backoff anew.
const STABLE_AFTER: Duration = Duration::from_secs(1);
/// Opens the payload of our own pings; what follows is the count of messages asked about.
const PING_MARK: &[u8; 8] = b"belay-ok";

impl Session {
    /// A session whose first upstream has just been connected, which took `connecting`.
    pub fn new(
        cx: &mut Context<'_>,
        route: Rc<RouteState>,
        handshake: Handshake,
        facts: Facts,
        handles: Box<[Handle]>,
        connecting: Duration,
    ) -> Self {
        let mut core = Core {
            state: State::Bound(Bound { since: cx.now, proof: Proof::NotAsked, swallow: 0 }),
            route,
            handshake,
            facts,
            handles,
            to_client: Outbox::default(),
            to_upstream: Outbox::default(),
            remembered: None,
            timers: Timers::default(),
            client_heard: cx.now,
            probing: Probing::NotAsked,
            sent: 0,
            settled: 0,
            dials: 1,
            failures: 0,
        };
        if let Some(probe) = core.route.route.heartbeat.probe {
            core.timers.set(Timer::Probe, cx.now + probe.every);
        }
        cx.counters.sessions_opened.add(1);
        core.tell_filters(cx, UpstreamEvent::Connected(connecting));
        Self { client_decoder: Decoder::new(Role::Server), upstream_decoder: Decoder::new(Role::Client), core }
    }

    /// Bytes came from the client. They are unmasked in place.
    pub fn handle_client_bytes(&mut self, cx: &mut Context<'_>, mut bytes: &mut [u8]) {
        self.core.client_heard = cx.now;
        while self.core.hears_client() {
            match self.client_decoder.decode(&mut bytes, &self.core.route.route.messages) {
                Ok(Some(event)) => self.core.on_client_event(cx, event),
                Ok(None) => return,
                Err(error) => return self.core.on_client_misbehaved(cx, &error),
            }
        }
    }

    /// Bytes came from the upstream.
    pub fn handle_upstream_bytes(&mut self, cx: &mut Context<'_>, mut bytes: &mut [u8]) {
        while self.core.hears_upstream() {
            match self.upstream_decoder.decode(&mut bytes, &self.core.route.route.messages) {
                Ok(Some(event)) => self.core.on_upstream_event(cx, event),
                Ok(None) => return,
                Err(error) => return self.core.on_upstream_misbehaved(cx, &error),
            }
        }
    }

    /// The client's connection ended, or broke.
    pub fn handle_client_gone(&mut self, cx: &mut Context<'_>) {
        self.core.on_client_gone(cx);
    }

    /// The upstream's connection ended, or broke.
    pub fn handle_upstream_gone(&mut self, cx: &mut Context<'_>) {
        self.core.on_upstream_gone(cx);
    }

    /// The driver has begun to dial, as [`Session::upstream_wish`] asked.
    pub fn handle_dialling(&mut self, cx: &mut Context<'_>) {
        self.core.on_dialling(cx);
    }

    /// A connection to the backend stands, which took `connecting`.
    pub fn handle_connected(&mut self, cx: &mut Context<'_>, connecting: Duration) {
        self.upstream_decoder = Decoder::new(Role::Client);
        self.core.on_connected(cx, connecting);
    }

    /// An attempt to connect failed.
    pub fn handle_dial_failed(&mut self, cx: &mut Context<'_>, failure: DialFailure) {
        self.core.on_dial_failed(cx, failure);
    }

    /// The backend is known to be back: a session that waits to dial does so after `wait`, if that is sooner.
    pub fn handle_backend_back(&mut self, cx: &mut Context<'_>, wait: Duration) {
        self.core.on_backend_back(cx, wait);
    }

    /// The process, or someone at the admin port, wants the session ended.
    pub fn handle_shutdown(&mut self, cx: &mut Context<'_>, reason: CloseReason) {
        self.core.close(cx, reason, LossReason::Drained);
    }

    /// Does what is due. To be called at [`Session::next_deadline`]; harmless before.
    pub fn handle_deadlines(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.core.timers.take_due(cx.now) {
            self.core.on_timer(cx, timer);
        }
        while let Some(due) = self.core.facts.next_timer().filter(|timer| timer.at <= cx.now) {
            self.core.facts.inner_mut().timers.retain(|timer| *timer != due);
            let reaction = self.core.ask_chain(cx, |chain, subject| chain.on_timer(subject, due.position, due.timer));
            self.core.react(cx, reaction);
        }
    }

    /// When [`Session::handle_deadlines`] has something to do.
    pub fn next_deadline(&self) -> Instant {
        let filters = self.core.facts.next_timer().map_or(Instant::NEVER, |timer| timer.at);
        self.core.timers.next().min(filters)
    }

    /// What the client is to be written next.
    pub fn client_output(&self) -> &[u8] {
        if self.client_is_done() { &[] } else { self.core.to_client.unwritten() }
    }

    /// So many bytes of it were written.
    pub fn handle_client_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        self.core.on_client_written(cx, bytes);
    }

    /// What the upstream is to be written next.
    pub fn upstream_output(&self) -> &[u8] {
        match (&self.core.state, self.upstream_wish()) {
            (State::Bound(_) | State::Closing(_), UpstreamWish::Keep) => self.core.to_upstream.unwritten(),
            _ => &[],
        }
    }

    /// So many bytes of it were written.
    pub fn handle_upstream_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        self.core.on_upstream_written(cx, bytes);
    }

    /// To be called after writing as much as could be written: gives memory back, and sees whether closing is complete.
    pub fn handle_flushed(&mut self, cx: &mut Context<'_>) {
        self.core.on_flushed(cx);
    }

    /// Whether bytes of the client are wanted now. Not while the upstream does not take what is there already.
    pub fn wants_client_bytes(&self) -> bool {
        match self.core.state {
            State::Bound(_) => self.core.to_upstream.bytes() < self.core.route.route.hold.bytes_max.max(1),
            State::Holding(_) | State::Closing(_) => true,
            State::Closed => false,
        }
    }

    /// Whether bytes of the upstream are wanted now. Not while the client does not take what is there already.
    pub fn wants_upstream_bytes(&self) -> bool {
        self.core.to_client.bytes() < self.core.route.route.slow_client.bytes_max.max(1)
    }

    /// What is to become of the upstream connection.
    pub fn upstream_wish(&self) -> UpstreamWish {
        match &self.core.state {
            State::Bound(_) => UpstreamWish::Keep,
            State::Holding(holding) => holding.wish(),
            State::Closing(closing) => closing.upstream_wish(),
            State::Closed => UpstreamWish::Drop,
        }
    }

    /// Whether the client's connection is of no more use.
    pub fn client_is_done(&self) -> bool {
        match &self.core.state {
            State::Bound(_) | State::Holding(_) => false,
            State::Closing(closing) => closing.client_is_done(),
            State::Closed => true,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_closed(&self) -> bool {
        matches!(self.core.state, State::Closed)
    }

    /// Whether it waits for an upstream.
    pub fn is_holding(&self) -> bool {
        matches!(self.core.state, State::Holding(_))
    }

    /// What the backend is to be told of the session when it is dialled.
    pub fn dial_facts(&self) -> (&Handshake, &Facts, u32) {
        (&self.core.handshake, &self.core.facts, self.core.dials + 1)
    }

    /// The span that a connect is to hang under.
    pub fn dial_trace(&self) -> TraceContext {
        match &self.core.state {
            State::Holding(holding) => holding.span.context(&self.core.handshake.trace),
            State::Bound(_) | State::Closing(_) | State::Closed => self.core.handshake.trace,
        }
    }

    /// Its route.
    pub fn route(&self) -> &Rc<RouteState> {
        &self.core.route
    }
}

impl Core {
    fn on_client_event(&mut self, cx: &mut Context<'_>, event: Event<'_>) {
        match event {
            Event::Message { kind, payload } => self.on_client_message(cx, kind, &payload),
            Event::Ping(payload) => match (self.route.route.heartbeat.websocket, &self.state) {
                (PingPolicy::PassOn, State::Bound(_)) => {
                    self.to_upstream.push(cx.pool, Role::Client, Opcode::Ping, &payload, Origin::Ours);
                }
                _ => {
                    self.to_client.push(cx.pool, Role::Server, Opcode::Pong, &payload, Origin::Ours);
                    self.on_heartbeat_answered(cx, Direction::ToBackend);
                }
            },
            Event::Pong(payload) => {
                let ours = payload.starts_with(PING_MARK);
                if self.route.route.heartbeat.websocket == PingPolicy::PassOn
                    && !ours
                    && matches!(self.state, State::Bound(_))
                {
                    self.to_upstream.push(cx.pool, Role::Client, Opcode::Pong, &payload, Origin::Ours);
                }
            }
            Event::Close(reason) => self.on_client_close(cx, reason),
        }
    }

    fn on_client_message(&mut self, cx: &mut Context<'_>, kind: MessageKind, payload: &[u8]) {
        let answer = self.route.route.heartbeat.answer.iter().find_map(|answerer| answerer.answer(payload));
        if let Some(answer) = answer {
            self.tell_client(cx, &answer);
            return self.on_heartbeat_answered(cx, Direction::ToBackend);
        }
        let flow = &cx.counters.to_backend;
        flow.accepted.add(1);
        flow.accepted_bytes.add(payload.len() as u64);
        if let State::Closing(closing) = &self.state {
            // The session was ended before this arrived; the close code has told the client.
            return flow.lost(closing.loss).add(1);
        }
        let passage = if self.has_onlookers(Direction::ToBackend) {
            self.ask_chain(cx, |chain, subject| chain.on_message(subject, Direction::ToBackend, kind, payload))
        } else {
            Passage::Forward(payload.into(), Memory::Forget)
        };
        match passage {
            Passage::Forward(payload, memory) => self.send_upstream(cx, kind, &payload, memory),
            Passage::Reply(answer) => {
                flow.consumed.add(1);
                self.tell_client(cx, &answer);
            }
            Passage::Drop => flow.consumed.add(1),
            Passage::Heartbeat(answer) => {
                flow.consumed.add(1);
                if let Some(answer) = answer {
                    self.tell_client(cx, &answer);
                }
                self.on_heartbeat_answered(cx, Direction::ToBackend);
            }
            Passage::Close(reason) => {
                flow.lost(LossReason::FilterClosed).add(1);
                self.close(cx, reason, LossReason::FilterClosed);
            }
        }
    }

    /// Whether a message concerns anybody but its two ends.
    fn has_onlookers(&self, direction: Direction) -> bool {
        self.route.chain.listens(direction) || self.handshake.trace.may_sample_messages()
    }

    /// Puts a client's message on its way, or keeps it while there is no way.
    fn send_upstream(&mut self, cx: &mut Context<'_>, kind: MessageKind, payload: &[u8], memory: Memory) {
        if let State::Holding(_) = self.state
            && let Err(loss) = self.room_to_hold(cx, payload.len())
        {
            cx.counters.to_backend.lost(loss).add(1);
            let reason = CloseReason::new(self.route.route.hold.close_code, "no backend, and too much to hold");
            return self.close(cx, reason, loss);
        }
        let policy = &self.route.route.hold.replay;
        if (memory == Memory::Remember || self.sent < u64::from(policy.first))
            && self.remembered.get_or_insert_default().push(policy, self.sent, kind, payload).is_err()
        {
            debug!(session = %self.handshake.session, bytes_max = policy.bytes_max, "a message was too large to replay");
        }
        self.to_upstream.push(cx.pool, Role::Client, kind.into(), payload, Origin::Message);
        self.sent += 1;
        cx.counters.to_backend.held.add(1);
    }

    fn on_upstream_event(&mut self, cx: &mut Context<'_>, event: Event<'_>) {
        match event {
            Event::Message { kind, payload } => self.on_upstream_message(cx, kind, &payload),
            Event::Ping(payload) => match self.route.route.heartbeat.websocket {
                PingPolicy::PassOn => {
                    self.to_client.push(cx.pool, Role::Server, Opcode::Ping, &payload, Origin::Ours);
                }
                PingPolicy::Answer => {
                    self.to_upstream.push(cx.pool, Role::Client, Opcode::Pong, &payload, Origin::Ours);
                    cx.counters.upstream_pings_answered.add(1);
                }
            },
            Event::Pong(payload) => match payload.split_first_chunk() {
                Some((PING_MARK, covers)) => self.on_proof(cx, covers),
                _ if self.route.route.heartbeat.websocket == PingPolicy::PassOn => {
                    self.to_client.push(cx.pool, Role::Server, Opcode::Pong, &payload, Origin::Ours);
                }
                _ => {}
            },
            Event::Close(reason) => self.on_upstream_close(cx, reason),
        }
    }

    fn on_upstream_message(&mut self, cx: &mut Context<'_>, kind: MessageKind, payload: &[u8]) {
        let flow = &cx.counters.to_client;
        flow.accepted.add(1);
        flow.accepted_bytes.add(payload.len() as u64);
        if let State::Bound(bound) = &mut self.state
            && bound.swallow > 0
        {
            bound.swallow -= 1;
            return flow.consumed.add(1);
        }
        if let State::Closing(closing) = &self.state
            && !closing.client_still_reads()
        {
            return flow.lost(closing.loss).add(1);
        }
        let passage = if self.has_onlookers(Direction::ToClient) {
            self.ask_chain(cx, |chain, subject| chain.on_message(subject, Direction::ToClient, kind, payload))
        } else {
            Passage::Forward(payload.into(), Memory::Forget)
        };
        match passage {
            Passage::Forward(payload, _) => {
                self.to_client.push(cx.pool, Role::Server, kind.into(), &payload, Origin::Message);
                flow.held.add(1);
            }
            Passage::Reply(answer) | Passage::Heartbeat(Some(answer)) => {
                flow.consumed.add(1);
                self.to_upstream.push(cx.pool, Role::Client, answer.kind.into(), &answer.payload, Origin::Ours);
            }
            Passage::Drop | Passage::Heartbeat(None) => flow.consumed.add(1),
            Passage::Close(reason) => {
                flow.lost(LossReason::FilterClosed).add(1);
                self.close(cx, reason, LossReason::FilterClosed);
            }
        }
    }

    fn on_client_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        let messages = self.to_client.written(bytes, Retention::UntilWritten);
        let flow = &cx.counters.to_client;
        flow.held.sub(messages);
        flow.delivered.add(messages);
        self.timers.clear(Timer::ClientStalled);
    }

    fn on_upstream_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        let hold = &self.route.route.hold;
        let retention = match hold.unconfirmed {
            Unconfirmed::Report => Retention::UntilWritten,
            Unconfirmed::Resend => Retention::UntilConfirmed,
        };
        let messages = self.to_upstream.written(bytes, retention);
        self.timers.clear(Timer::UpstreamStalled);
        if hold.confirm_after.is_zero() {
            self.settle_delivered(cx, self.written());
        } else if messages > 0 {
            self.timers.set_if_unset(Timer::Confirm, cx.now + hold.confirm_after);
        }
    }

    /// Asks the upstream to prove that it has read what it was sent so far.
    fn ask_for_proof(&mut self, cx: &mut Context<'_>) {
        let State::Bound(bound) = &mut self.state else { return };
        if let Proof::NotAsked = bound.proof {
            bound.proof = Proof::Asked { at: cx.now, covers: self.sent };
            let mut payload = [0; PING_MARK.len() + size_of::<u64>()];
            payload[..PING_MARK.len()].copy_from_slice(PING_MARK);
            payload[PING_MARK.len()..].copy_from_slice(&self.sent.to_be_bytes());
            self.to_upstream.push(cx.pool, Role::Client, Opcode::Ping, &payload, Origin::Ours);
        }
    }

    fn on_proof(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        let State::Bound(bound) = &mut self.state else { return };
        let Proof::Asked { at, covers } = bound.proof else { return };
        if payload != covers.to_be_bytes() {
            return;
        }
        bound.proof = Proof::NotAsked;
        self.settle_delivered(cx, covers);
        if self.settled < self.sent {
            self.timers.set(Timer::Confirm, cx.now + self.route.route.hold.confirm_after);
        }
        self.tell_filters(cx, UpstreamEvent::Latency(cx.now - at));
    }

    /// The first `upto` of all messages have arrived.
    fn settle_delivered(&mut self, cx: &mut Context<'_>, upto: u64) {
        let messages = upto.saturating_sub(self.settled);
        self.settled += messages;
        self.to_upstream.confirm(messages);
        let flow = &cx.counters.to_backend;
        flow.held.sub(messages);
        flow.delivered.add(messages);
    }

    /// The first `upto` of all messages are lost, as far as they are not settled.
    fn settle_lost(&mut self, cx: &mut Context<'_>, upto: u64, reason: LossReason) {
        let messages = upto.saturating_sub(self.settled);
        self.settled += messages;
        let flow = &cx.counters.to_backend;
        flow.held.sub(messages);
        flow.lost(reason).add(messages);
    }

    /// How many of all messages were wholly written to an upstream.
    fn written(&self) -> u64 {
        self.sent - self.to_upstream.unwritten_messages()
    }

    fn on_timer(&mut self, cx: &mut Context<'_>, timer: Timer) {
        match timer {
            Timer::HoldEnds => self.give_up(cx, "no backend for too long"),
            Timer::Redial => {
                if let State::Holding(holding) = &mut self.state {
                    holding.redial = Redial::Due;
                }
            }
            Timer::Confirm => self.ask_for_proof(cx),
            Timer::Probe => self.on_probe_due(cx),
            Timer::ClientStalled => {
                cx.counters.clients_misbehaved.add(1);
                self.end(cx, LossReason::SlowClient);
            }
            Timer::UpstreamStalled => self.on_upstream_gone(cx),
            Timer::CloseEnds => self.on_close_timeout(cx),
        }
    }

    fn on_probe_due(&mut self, cx: &mut Context<'_>) {
        let Some(probe) = self.route.route.heartbeat.probe else { return };
        let silent_until = self.client_heard + probe.every;
        match self.probing {
            // Asked => (dead | NotAsked)
            Probing::Asked { at } if self.client_heard < at => {
                if matches!(self.state, State::Bound(_) | State::Holding(_)) {
                    debug!(session = %self.handshake.session, "the client answers no probe");
                    cx.counters.clients_dead.add(1);
                    self.on_client_gone(cx);
                }
            }
            // NotAsked => Asked
            _ if silent_until <= cx.now => {
                self.probing = Probing::Asked { at: cx.now };
                self.to_client.push(cx.pool, Role::Server, Opcode::Ping, PING_MARK, Origin::Ours);
                cx.counters.probes_sent.add(1);
                self.timers.set(Timer::Probe, cx.now + probe.timeout);
            }
            _ => {
                self.probing = Probing::NotAsked;
                self.timers.set(Timer::Probe, silent_until);
            }
        }
    }

    fn on_heartbeat_answered(&mut self, cx: &mut Context<'_>, direction: Direction) {
        cx.counters.heartbeats_answered.add(1);
        let mut reactions = Vec::new();
        self.ask_chain(cx, |chain, subject| {
            chain.on_heartbeat(subject, direction, |reaction| reactions.push(reaction));
        });
        for reaction in reactions {
            self.react(cx, reaction);
        }
    }

    fn tell_filters(&mut self, cx: &mut Context<'_>, event: UpstreamEvent) {
        let mut reactions = Vec::new();
        self.ask_chain(cx, |chain, subject| {
            chain.on_upstream(subject, event, |reaction| reactions.push(reaction));
        });
        for reaction in reactions {
            self.react(cx, reaction);
        }
    }

    fn react(&mut self, cx: &mut Context<'_>, reaction: Reaction) {
        match reaction {
            Reaction::None => {}
            Reaction::Send(message) => self.tell_client(cx, &message),
            Reaction::Close(reason) => self.close(cx, reason, LossReason::FilterClosed),
        }
    }

    fn ask_chain<T>(&mut self, cx: &Context<'_>, ask: impl FnOnce(&Chain, &mut Subject<'_>) -> T) -> T {
        let route = Rc::clone(&self.route);
        let mut subject = Subject {
            now: cx.now,
            route: &route.route.name,
            handshake: &self.handshake,
            facts: &mut self.facts,
            handles: &mut self.handles,
        };
        ask(&route.chain, &mut subject)
    }

    /// Sends the client a message of our own.
    fn tell_client(&mut self, cx: &mut Context<'_>, message: &Message) {
        self.to_client.push(cx.pool, Role::Server, message.kind.into(), &message.payload, Origin::Ours);
    }

    fn on_flushed(&mut self, cx: &mut Context<'_>) {
        self.settle_closing(cx);
        self.to_client.settle(cx.pool, cx.budget);
        self.to_upstream.settle(cx.pool, cx.budget);
        if !self.to_client.unwritten().is_empty() {
            let stall = self.route.route.slow_client.stall_timeout;
            self.timers.set_if_unset(Timer::ClientStalled, cx.now + stall);
        }
        if let State::Bound(_) = self.state
            && !self.to_upstream.unwritten().is_empty()
        {
            let stall = self.route.route.backend.stall_timeout;
            self.timers.set_if_unset(Timer::UpstreamStalled, cx.now + stall);
        }
    }
}

#[cfg(test)]
mod tests;
