//! A client, a backend, the wires between them and the time that passes, all as plain data.

mod peer;

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use self::peer::Peer;
use super::super::*;
use crate::dataplane::callout::Answer;
use crate::dataplane::chain::Chain;
use crate::dataplane::codec::{Framing, Opcode, encode, encode_close};
use crate::dataplane::heartbeat::HeartbeatPolicy;
use crate::dataplane::hold::HoldPolicy;
use crate::dataplane::ledger::LossReason;
use crate::dataplane::message::MessageKind;
use crate::dataplane::route::{Backend, Match, MessageLimits, Route, SlowClient};
use crate::dataplane::state::StateChange;
use crate::id::SessionId;

/// A route with the defaults, no filter and no probe.
pub(super) fn policy() -> Route {
    Route {
        name: "test".into(),
        framing: Framing::WebSocket,
        matches: Match::default(),
        backend: Backend::at("127.0.0.1:1"),
        filters: Vec::new(),
        // Its clients are silent for minutes; the tests of probes ask for them.
        heartbeat: HeartbeatPolicy { probe: None, ..HeartbeatPolicy::default() },
        hold: HoldPolicy::default(),
        messages: MessageLimits::default(),
        slow_client: SlowClient::default(),
    }
}

pub(super) struct World {
    pub(super) session: Session,
    pub(super) counters: Counters,
    pub(super) budget: Budget,
    /// Otherwise nothing can be written to it.
    pub(super) client_reads: bool,
    pub(super) backend_reads: bool,
    pub(super) backend_pongs: bool,
    pub(super) rng: SmallRng,
    pub(super) networks: Networks,
    framing: Framing,
    now: Instant,
    pool: Pool,
    told: Told,
    client: Peer,
    backend: Peer,
}

/// What those heard who keep count of clients.
#[derive(Default)]
struct Told(Mutex<Vec<SessionState>>);

impl StateSink for Told {
    fn on_state(&self, change: &StateChange<'_>) {
        self.0.lock().expect("one thread").push(change.state);
    }
}

impl World {
    pub(super) fn new(route: Route) -> Self {
        Self::asked_for(route, "/", usize::MAX)
    }

    pub(super) fn with_budget(route: Route, bytes_max: usize) -> Self {
        Self::asked_for(route, "/", bytes_max)
    }

    /// A session whose client asked for this target.
    pub(super) fn asked_for(route: Route, target: &str, bytes_max: usize) -> Self {
        Self::made(route, Chain::default(), target, bytes_max, 7)
    }

    /// With its own dice.
    pub(super) fn seeded(route: Route, seed: u64) -> Self {
        Self::made(route, Chain::default(), "/", usize::MAX, seed)
    }

    /// Through these filters.
    pub(super) fn through(route: Route, chain: Chain) -> Self {
        Self::made(route, chain, "/", usize::MAX, 7)
    }

    fn made(route: Route, chain: Chain, target: &str, bytes_max: usize, seed: u64) -> Self {
        let (counters, budget) = (Counters::default(), Budget::new(bytes_max));
        let networks = Networks::default();
        let (mut pool, mut rng) = (Pool::default(), SmallRng::seed_from_u64(seed));
        let told = Told::default();
        let now = Instant::ZERO + Duration::from_secs(1000);
        let peer = "127.0.0.1:5000".parse().expect("an address");
        let framing = route.framing.clone();
        let handshake = Handshake::new(SessionId::from(1), peer, target, std::iter::empty());
        let route = Rc::new(RouteState::new(Arc::new(route), chain, Arc::default()));
        let mut cx = Context {
            now,
            clock: UnixTime::now,
            counters: &counters,
            pool: &mut pool,
            budget: &budget,
            random: &mut rng,
            states: &told,
            networks: &networks,
        };
        let handles = route.chain.handles();
        let session = Session::new(&mut cx, route, handshake, Facts::default(), handles, Duration::ZERO);
        Self {
            session,
            counters,
            budget,
            client_reads: true,
            backend_reads: true,
            backend_pongs: true,
            rng,
            networks,
            now,
            pool,
            told,
            client: Peer::new(&framing, Role::Client),
            backend: Peer::new(&framing, Role::Server),
            framing,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    fn act(&mut self, act: impl FnOnce(&mut Session, &mut Context<'_>)) {
        let mut cx = Context {
            now: self.now,
            clock: UnixTime::now,
            counters: &self.counters,
            pool: &mut self.pool,
            budget: &self.budget,
            random: &mut self.rng,
            states: &self.told,
            networks: &self.networks,
        };
        act(&mut self.session, &mut cx);
    }

    /// Writes all that can be written, and lets both ends answer pings, until nothing moves.
    pub(super) fn settle(&mut self) {
        loop {
            let mut moved = false;
            if self.client_reads && !self.session.client_output().is_empty() {
                self.write_client(usize::MAX);
                moved = true;
            }
            if self.backend_reads && !self.session.upstream_output().is_empty() {
                self.write_upstream(usize::MAX);
                moved = true;
            }
            let pings = std::mem::take(&mut self.backend.pings);
            for ping in pings.into_iter().filter(|_| self.backend_pongs).collect::<Vec<_>>() {
                let mut bytes = Vec::new();
                encode(Role::Server, Opcode::Pong, &ping, &mut bytes);
                self.act(|session, cx| session.handle_upstream_bytes(cx, &mut bytes));
                moved = true;
            }
            if self.session.has_behind() {
                self.act(|session, cx| session.handle_behind(cx));
                moved = true;
            }
            self.act(|session, cx| session.handle_flushed(cx));
            if !moved {
                return;
            }
        }
    }

    pub(super) fn write_client(&mut self, bytes_max: usize) {
        let output = self.session.client_output();
        let bytes = output.len().min(bytes_max);
        self.client.hear(&output[..bytes]);
        self.act(|session, cx| session.handle_client_written(cx, bytes));
    }

    /// Writes, and the backend reads it at once.
    pub(super) fn write_upstream(&mut self, bytes_max: usize) {
        let written = self.take_upstream(bytes_max);
        self.backend.hear(&written);
    }

    /// Writes, and leaves it to the caller whether the backend ever reads it.
    pub(super) fn take_upstream(&mut self, bytes_max: usize) -> Vec<u8> {
        let output = self.session.upstream_output();
        let written = output[..output.len().min(bytes_max)].to_vec();
        self.act(|session, cx| session.handle_upstream_written(cx, written.len()));
        written
    }

    pub(super) fn backend_reads_bytes(&mut self, bytes: &[u8]) {
        self.backend.hear(bytes);
    }

    /// The pongs that the backend owes for what it has read.
    pub(super) fn backend_answers_pings(&mut self) {
        for ping in std::mem::take(&mut self.backend.pings) {
            let mut bytes = Vec::new();
            encode(Role::Server, Opcode::Pong, &ping, &mut bytes);
            self.act(|session, cx| session.handle_upstream_bytes(cx, &mut bytes));
        }
    }

    /// What filters ask, and have not been asked before: what for, and the URL.
    pub(super) fn questions(&mut self) -> Vec<(Errand, String)> {
        let mut questions = Vec::new();
        while let Some((errand, question, _)) = self.session.next_question() {
            questions.push((errand, question.request.url.clone()));
        }
        questions
    }

    pub(super) fn is_answered(&mut self, errand: Errand, answer: &Answer) {
        self.act(|session, cx| session.handle_answer(cx, errand, answer));
        self.settle();
    }

    pub(super) fn client_says(&mut self, text: &str) {
        self.client_says_unwritten(text);
        self.settle();
    }

    pub(super) fn client_says_unwritten(&mut self, text: &str) {
        let framing = self.framing.clone();
        self.client_sends(|bytes| {
            framing.write(Role::Client, MessageKind::Text, text.as_bytes(), bytes).expect("it fits")
        });
    }

    pub(super) fn client_pings(&mut self, payload: &[u8]) {
        self.client_sends(|bytes| encode(Role::Client, Opcode::Ping, payload, bytes));
        self.settle();
    }

    pub(super) fn client_was_pinged(&self) -> bool {
        !self.client.pings.is_empty()
    }

    pub(super) fn client_sends_pong(&mut self, payload: &[u8]) {
        self.client_sends(|bytes| encode(Role::Client, Opcode::Pong, payload, bytes));
        self.settle();
    }

    /// Answers every ping it got.
    pub(super) fn client_pongs_back(&mut self) {
        for ping in std::mem::take(&mut self.client.pings) {
            self.client_sends(|bytes| encode(Role::Client, Opcode::Pong, &ping, bytes));
        }
        self.settle();
    }

    pub(super) fn client_closes(&mut self, code: u16) {
        self.client_sends(|bytes| encode_close(Role::Client, &CloseReason::new(code, ""), bytes));
        self.settle();
    }

    pub(super) fn client_sends_raw(&mut self, raw: &[u8]) {
        self.client_sends(|bytes| bytes.extend_from_slice(raw));
        self.settle();
    }

    pub(super) fn client_sends_unwritten(&mut self, raw: &[u8]) {
        self.client_sends(|bytes| bytes.extend_from_slice(raw));
    }

    fn client_sends(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        self.act(|session, cx| session.handle_client_bytes(cx, &mut bytes));
    }

    pub(super) fn backend_says(&mut self, text: &str) {
        self.backend_says_unwritten(text);
        self.settle();
    }

    pub(super) fn backend_says_unwritten(&mut self, text: &str) {
        let mut bytes = Vec::new();
        self.framing.write(Role::Server, MessageKind::Text, text.as_bytes(), &mut bytes).expect("it fits");
        self.act(|session, cx| session.handle_upstream_bytes(cx, &mut bytes));
    }

    pub(super) fn backend_pings(&mut self, payload: &[u8]) {
        let mut bytes = Vec::new();
        encode(Role::Server, Opcode::Ping, payload, &mut bytes);
        self.backend_sends_raw(&bytes);
    }

    pub(super) fn backend_sends_unwritten(&mut self, raw: &[u8]) {
        self.act(|session, cx| session.handle_upstream_bytes(cx, &mut raw.to_vec()));
    }

    pub(super) fn backend_sends_raw(&mut self, raw: &[u8]) {
        self.backend_sends_unwritten(raw);
        self.settle();
    }

    pub(super) fn backend_closes(&mut self, code: u16, reason: &str) {
        let mut bytes = Vec::new();
        encode_close(Role::Server, &CloseReason::new(code, reason), &mut bytes);
        self.act(|session, cx| session.handle_upstream_bytes(cx, &mut bytes));
        self.settle();
    }

    pub(super) fn kill_backend(&mut self) {
        self.kill_backend_unwritten();
        self.settle();
    }

    /// It closes its connection without a close frame.
    pub(super) fn backend_hangs_up(&mut self) {
        self.act(|session, cx| session.handle_upstream_gone(cx, Ending::Eof));
        self.settle();
    }

    pub(super) fn kill_backend_unwritten(&mut self) {
        self.act(|session, cx| session.handle_upstream_gone(cx, Ending::Broken));
    }

    /// Lets time pass until the session dials, and answers.
    pub(super) fn bring_backend_back(&mut self) {
        self.bring_backend_back_unwritten();
        self.settle();
    }

    pub(super) fn bring_backend_back_unwritten(&mut self) {
        self.wait_for_dial();
        self.backend = Peer::new(&self.framing, Role::Server);
        self.act(|session, cx| {
            session.handle_dialling(cx);
            session.handle_connected(cx, Duration::from_millis(1));
        });
    }

    pub(super) fn fail_dial(&mut self, failure: DialFailure) {
        self.fail_dial_unwritten_as(failure);
        self.settle();
    }

    pub(super) fn fail_dial_unwritten(&mut self) {
        self.fail_dial_unwritten_as(DialFailure::Unavailable);
    }

    fn fail_dial_unwritten_as(&mut self, failure: DialFailure) {
        self.wait_for_dial();
        self.act(|session, cx| {
            session.handle_dialling(cx);
            session.handle_dial_failed(cx, failure);
        });
    }

    pub(super) fn refuse_dials_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end && !self.session.is_closed() {
            if self.session.upstream_wish() == UpstreamWish::Dial {
                self.fail_dial(DialFailure::Unavailable);
            } else {
                let next = self.session.next_deadline().min(end);
                self.pass(next - self.now);
            }
        }
    }

    fn wait_for_dial(&mut self) {
        while self.session.upstream_wish() != UpstreamWish::Dial {
            let next = self.session.next_deadline();
            assert!(next != Instant::NEVER, "the session will never dial");
            self.pass_unsettled(next - self.now);
        }
    }

    /// Time passes, and what is due is done when it is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let next = self.session.next_deadline();
            self.now = next.min(end).max(self.now);
            self.act(|session, cx| session.handle_deadlines(cx));
            self.settle();
            if self.now >= end {
                return;
            }
        }
    }

    /// Time passes, and nobody writes or reads meanwhile.
    pub(super) fn pass_unsettled(&mut self, time: Duration) {
        self.now = self.now + time;
        self.act(|session, cx| session.handle_deadlines(cx));
    }

    pub(super) fn client_heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.client.messages)
    }

    pub(super) fn backend_heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.backend.messages)
    }

    pub(super) fn client_pongs(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.client.pongs)
    }

    pub(super) fn client_closed(&self) -> Option<CloseReason> {
        self.client.closed.clone()
    }

    pub(super) fn states(&self) -> Vec<SessionState> {
        self.told.0.lock().expect("one thread").clone()
    }

    pub(super) fn client_hangs_up(&mut self) {
        self.act(|session, cx| session.handle_client_gone(cx, Ending::Eof));
        self.settle();
    }

    pub(super) fn client_breaks(&mut self) {
        self.act(|session, cx| session.handle_client_gone(cx, Ending::Broken));
        self.settle();
    }

    /// Others of its route dial before it, for so long.
    pub(super) fn is_behind_others_for(&mut self, time: Duration) {
        let line = &self.session.route().line;
        while line.join(self.now) < time {}
    }

    /// Another session found its backend back.
    pub(super) fn others_find_the_backend(&mut self) {
        self.act(|session, cx| session.handle_backend_back(cx, Duration::ZERO));
    }

    /// Its task is dropped.
    pub(super) fn abandon(&mut self) {
        self.act(|session, cx| session.handle_abandoned(cx));
    }

    pub(super) fn shut_down(&mut self) {
        self.act(|session, cx| session.handle_shutdown(cx, CloseReason::new(1001, "going away")));
        self.settle();
    }

    /// A reload: another version of the route, which the session is woken to take up.
    pub(super) fn succeed(&mut self, route: Route, chain: Chain) {
        let last = Rc::clone(self.session.route());
        last.succeed(&Rc::new(RouteState::new(Arc::new(route), chain, Arc::default())));
        self.take_up();
    }

    /// A reload that the session does not see yet.
    pub(super) fn succeed_unseen(&mut self, last: &Rc<RouteState>, route: Route) -> Rc<RouteState> {
        let next = Rc::new(RouteState::new(Arc::new(route), Chain::default(), Arc::default()));
        last.succeed(&next);
        next
    }

    pub(super) fn take_up(&mut self) {
        self.act(|session, cx| drop(session.handle_successor(cx)));
        self.settle();
    }

    pub(super) fn lost(&self, reason: LossReason) -> u64 {
        self.counters.to_backend.lost(reason).value()
    }

    pub(super) fn assert_balanced(&self) {
        assert!(self.counters.to_backend.balances(), "{:?}", self.counters.to_backend);
        assert!(self.counters.to_client.balances(), "{:?}", self.counters.to_client);
    }
}
