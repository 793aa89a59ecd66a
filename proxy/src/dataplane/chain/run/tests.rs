//! Chains of filters that are plain Rust: the order they are asked in, and what their answers together mean.

use std::time::Duration;

use super::*;
use crate::dataplane::chain::{FailureKind, Renewal, Verdict};
use crate::dataplane::message::MessageKind;
use crate::id::SessionId;

/// What each filter was told, in order.
type Log = Rc<RefCell<Vec<String>>>;

/// Answers everything alike, and notes what it was asked.
struct Scripted {
    name: &'static str,
    log: Log,
    subscription: Subscription,
    verdict: Result<Verdict, FailurePolicy>,
}

impl Scripted {
    fn note(&self, what: &str) {
        self.log.borrow_mut().push(format!("{}: {what}", self.name));
    }

    fn failure(&self, policy: FailurePolicy) -> FilterFailure {
        FilterFailure { filter: self.name.into(), cause: "told to".into(), kind: FailureKind::Trap, policy }
    }
}

impl Filter for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn subscription(&self) -> Subscription {
        self.subscription
    }

    /// Its next version wants to hear everything.
    fn renew(&mut self, _: Instant) -> Renewal {
        self.subscription = ALL;
        Renewal::Done
    }

    fn on_handshake(&mut self, call: Call<'_>) -> Result<Admission, FilterFailure> {
        call.handle.generation = 1;
        self.note("handshake");
        match &self.verdict {
            Ok(Verdict::Close(reason)) => {
                let body = reason.reason.to_string();
                Ok(Admission::Refuse(Refusal { status: 401, headers: Vec::new(), body }))
            }
            Ok(_) => Ok(Admission::Accept),
            Err(policy) => Err(self.failure(*policy)),
        }
    }

    fn on_message(
        &mut self,
        _: Call<'_>,
        _: Direction,
        _: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        self.note(&String::from_utf8_lossy(payload));
        self.verdict.clone().map_err(|policy| self.failure(policy))
    }

    fn on_upstream(&mut self, _: Call<'_>, event: UpstreamEvent) -> Result<Reaction, FilterFailure> {
        self.note(&format!("{event:?}"));
        self.verdict.clone().map(|_| Reaction::None).map_err(|policy| self.failure(policy))
    }

    fn on_heartbeat(&mut self, _: Call<'_>, _: Direction) -> Result<Reaction, FilterFailure> {
        self.note("heartbeat");
        Ok(Reaction::Send(Message::text("seen")))
    }

    fn on_timer(&mut self, _: Call<'_>, timer: u32) -> Result<Reaction, FilterFailure> {
        self.note(&format!("timer {timer}"));
        self.verdict.clone().map(|_| Reaction::None).map_err(|policy| self.failure(policy))
    }

    fn on_close(&mut self, _: Call<'_>, reason: &CloseReason) {
        self.note(&format!("close {}", reason.reason));
    }
}

/// A chain, and a session for it.
struct Bench {
    chain: Chain,
    log: Log,
    handshake: Handshake,
    facts: Facts,
    handles: Box<[Handle]>,
}

const ALL: Subscription = Subscription {
    to_backend: Interest::Whole,
    to_client: Interest::Whole,
    handshake: true,
    upstream: true,
    heartbeat: true,
};

impl Bench {
    fn of(filters: &[(&'static str, Subscription, Result<Verdict, FailurePolicy>)]) -> Self {
        let log = Log::default();
        let filters = filters.iter().map(|(name, subscription, verdict)| {
            let filter = Scripted { name, log: log.clone(), subscription: *subscription, verdict: verdict.clone() };
            Rc::new(RefCell::new(Box::new(filter) as Box<dyn Filter>))
        });
        let chain = Chain::new(filters.collect());
        let peer = "127.0.0.1:1".parse().expect("an address");
        Self {
            handles: chain.handles(),
            chain,
            log,
            handshake: Handshake::new(SessionId::from(1), peer, "/", std::iter::empty()),
            facts: Facts::default(),
        }
    }

    fn ask<T>(&mut self, ask: impl FnOnce(&Chain, &mut Subject<'_>) -> T) -> T {
        let mut subject = Subject {
            now: Instant::ZERO,
            route: "test",
            handshake: &self.handshake,
            facts: &mut self.facts,
            handles: &mut self.handles,
        };
        ask(&self.chain, &mut subject)
    }

    fn says(&mut self, direction: Direction, text: &str) -> Passage<'static> {
        match self.ask(|chain, subject| chain.on_message(subject, direction, MessageKind::Text, text.as_bytes())) {
            Passage::Forward(payload, memory) => Passage::Forward(Cow::Owned(payload.into_owned()), memory),
            Passage::Reply(message) => Passage::Reply(message),
            Passage::Drop => Passage::Drop,
            Passage::Heartbeat(answer) => Passage::Heartbeat(answer),
            Passage::Close(reason) => Passage::Close(reason),
            Passage::Asks(parked) => Passage::Asks(parked),
        }
    }

    fn log(&self) -> Vec<String> {
        self.log.borrow_mut().drain(..).collect()
    }
}

fn forwarded(text: &str) -> Passage<'static> {
    Passage::Forward(Cow::Owned(text.as_bytes().to_vec()), Memory::Forget)
}

#[test]
fn filters_are_asked_in_order_towards_the_backend_and_in_reverse_towards_the_client() {
    let mut bench = Bench::of(&[("a", ALL, Ok(Verdict::Continue)), ("b", ALL, Ok(Verdict::Continue))]);
    assert_eq!(bench.says(Direction::ToBackend, "up"), forwarded("up"));
    assert_eq!(bench.log(), ["a: up", "b: up"]);
    assert_eq!(bench.says(Direction::ToClient, "down"), forwarded("down"));
    assert_eq!(bench.log(), ["b: down", "a: down"]);
}

#[test]
fn a_filter_that_did_not_subscribe_is_not_asked() {
    let upwards = Subscription { to_backend: Interest::Size, ..Subscription::default() };
    let mut bench = Bench::of(&[("a", upwards, Ok(Verdict::Drop)), ("b", Subscription::default(), Ok(Verdict::Drop))]);
    assert!(!bench.chain.listens(Direction::ToClient));
    assert_eq!(bench.says(Direction::ToClient, "down"), forwarded("down"));
    assert_eq!(bench.ask(|chain, subject| chain.on_handshake(subject)), Entry::LetIn);
    assert_eq!(bench.log(), Vec::<String>::new());
    assert_eq!(bench.says(Direction::ToBackend, "up"), Passage::Drop);
}

#[test]
fn later_filters_see_the_replacement() {
    let replace = Ok(Verdict::Replace(b"changed".to_vec()));
    let mut bench = Bench::of(&[("a", ALL, replace), ("b", ALL, Ok(Verdict::Continue))]);
    assert_eq!(bench.says(Direction::ToBackend, "up"), forwarded("changed"));
    assert_eq!(bench.log(), ["a: up", "b: changed"]);
}

#[test]
fn the_first_verdict_that_ends_a_message_decides() {
    let close = CloseReason::new(4001, "no");
    for (verdict, passage) in [
        (Verdict::Drop, Passage::Drop),
        (Verdict::Reply(Message::text("hm")), Passage::Reply(Message::text("hm"))),
        (Verdict::Heartbeat(None), Passage::Heartbeat(None)),
        (Verdict::Close(close.clone()), Passage::Close(close)),
    ] {
        let mut bench = Bench::of(&[("a", ALL, Ok(verdict)), ("b", ALL, Ok(Verdict::Continue))]);
        assert_eq!(bench.says(Direction::ToBackend, "up"), passage);
        assert_eq!(bench.log(), ["a: up"]);
    }
}

#[test]
fn a_message_that_is_to_be_remembered_still_passes_the_later_filters() {
    let mut bench = Bench::of(&[("a", ALL, Ok(Verdict::Remember)), ("b", ALL, Ok(Verdict::Continue))]);
    let passage = bench.says(Direction::ToBackend, "login");
    assert_eq!(passage, Passage::Forward(Cow::Borrowed(b"login"), Memory::Remember));
    assert_eq!(bench.log(), ["a: login", "b: login"]);
}

#[test]
fn a_failure_is_answered_as_the_policy_says() {
    let mut bench = Bench::of(&[("a", ALL, Err(FailurePolicy::Allow)), ("b", ALL, Ok(Verdict::Continue))]);
    assert_eq!(bench.says(Direction::ToBackend, "up"), forwarded("up"));
    assert_eq!(bench.ask(|chain, subject| chain.on_handshake(subject)), Entry::LetIn);
    assert_eq!(bench.ask(|chain, subject| chain.on_timer(subject, 0, 1)), Reaction::None);

    let mut bench = Bench::of(&[("a", ALL, Err(FailurePolicy::Deny)), ("b", ALL, Ok(Verdict::Continue))]);
    let failed = CloseReason::new(1011, "filter failed");
    assert_eq!(bench.says(Direction::ToBackend, "up"), Passage::Close(failed.clone()));
    assert!(matches!(
        bench.ask(|chain, subject| chain.on_handshake(subject)),
        Entry::Refused(Refusal { status: 503, .. })
    ));
    assert_eq!(bench.ask(|chain, subject| chain.on_timer(subject, 0, 1)), Reaction::Close(failed));
}

#[test]
fn the_first_refusal_is_the_answer_and_nobody_else_is_asked() {
    let refuse = Ok(Verdict::Close(CloseReason::new(4001, "no token")));
    let mut bench = Bench::of(&[("a", ALL, refuse), ("b", ALL, Ok(Verdict::Continue))]);
    let Entry::Refused(refusal) = bench.ask(|chain, subject| chain.on_handshake(subject)) else {
        panic!("it was let in");
    };
    assert_eq!((refusal.status, &*refusal.body), (401, "no token"));
    assert_eq!(bench.log(), ["a: handshake"]);
}

#[test]
fn only_filters_that_know_the_session_hear_of_its_end() {
    let upwards = Subscription { to_backend: Interest::Size, ..Subscription::default() };
    let mut bench = Bench::of(&[("a", ALL, Ok(Verdict::Continue)), ("b", upwards, Ok(Verdict::Continue))]);
    bench.ask(|chain, subject| chain.on_handshake(subject));
    bench.log();
    bench.ask(|chain, subject| chain.on_close(subject, &CloseReason::new(1000, "bye")));
    assert_eq!(bench.log(), ["a: close bye"]);
}

#[test]
fn every_reaction_is_handed_over() {
    let mut bench = Bench::of(&[("a", ALL, Ok(Verdict::Continue)), ("b", ALL, Err(FailurePolicy::Deny))]);
    let mut reactions = Vec::new();
    bench.ask(|chain, subject| chain.on_heartbeat(subject, Direction::ToBackend, |_, r| reactions.push(r)));
    assert_eq!(reactions, [Reaction::Send(Message::text("seen")), Reaction::Send(Message::text("seen"))]);
    reactions.clear();
    let event = UpstreamEvent::Latency(Duration::from_millis(3));
    bench.ask(|chain, subject| chain.on_upstream(subject, event, |_, r| reactions.push(r)));
    // A failure on what is no message costs nothing.
    assert_eq!(reactions, [Reaction::None, Reaction::None]);
}

#[test]
fn a_filter_that_was_renewed_hears_what_its_new_version_wants() {
    let mut bench = Bench::of(&[("a", Subscription::default(), Ok(Verdict::Continue))]);
    assert!(!bench.chain.guards_handshakes());
    bench.says(Direction::ToBackend, "one");
    bench.chain.filters[0].borrow_mut().renew(Instant::ZERO);
    bench.chain.ask_anew();
    assert!(bench.chain.guards_handshakes() && bench.chain.listens(Direction::ToClient));
    bench.says(Direction::ToBackend, "two");
    assert_eq!(*bench.log.borrow(), ["a: two"]);
}

/// Asks about everything, so many times.
struct Asking {
    log: Log,
    times: u8,
    asked: u8,
}

impl Asking {
    fn asks(&mut self, what: &str) -> Option<Box<Request>> {
        self.log.borrow_mut().push(format!("asking: {what}"));
        let asks = self.asked < self.times;
        self.asked = if asks { self.asked + 1 } else { 0 };
        asks.then(Box::default)
    }
}

impl Filter for Asking {
    fn name(&self) -> &str {
        "asking"
    }

    fn subscription(&self) -> Subscription {
        ALL
    }

    fn on_handshake(&mut self, _: Call<'_>) -> Result<Admission, FilterFailure> {
        Ok(self.asks("handshake").map_or(Admission::Accept, Admission::CallOut))
    }

    fn on_message(
        &mut self,
        _: Call<'_>,
        _: Direction,
        _: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        let payload = String::from_utf8_lossy(payload);
        Ok(self.asks(&payload).map_or(Verdict::Continue, Verdict::CallOut))
    }
}

/// One that asks so many times between two that do not.
fn between(times: u8) -> Bench {
    let replace = Ok(Verdict::Replace(b"changed".to_vec()));
    let mut bench = Bench::of(&[("a", ALL, replace.clone()), ("c", ALL, replace)]);
    let asking = Asking { log: bench.log.clone(), times, asked: 0 };
    let mut filters = std::mem::take(&mut bench.chain.filters);
    filters.insert(1, Rc::new(RefCell::new(Box::new(asking))));
    bench.chain = Chain::new(filters);
    bench.handles = bench.chain.handles();
    bench
}

const NO_ANSWER: Answer = Err(CalloutError::Timeout);

#[test]
fn a_message_goes_on_behind_the_filter_that_asked_about_it() {
    let mut bench = between(1);
    for (direction, first, last) in [(Direction::ToBackend, "a", "c"), (Direction::ToClient, "c", "a")] {
        let Passage::Asks(parked) = bench.says(direction, "hello") else { panic!("it asks") };
        assert_eq!(bench.log(), [format!("{first}: hello"), "asking: changed".to_owned()]);
        let passage = bench.ask(|chain, subject| chain.on_message_answer(subject, *parked, &NO_ANSWER));
        assert_eq!(passage, forwarded("changed"));
        assert_eq!(bench.log(), ["asking: changed".to_owned(), format!("{last}: changed")]);
    }
}

#[test]
fn a_client_goes_on_behind_the_filter_that_asked_about_it() {
    let mut bench = between(1);
    let Entry::Asks(question) = bench.ask(|chain, subject| chain.on_handshake(subject)) else { panic!("it asks") };
    let entry = bench.ask(|chain, subject| chain.on_handshake_answer(subject, &question, &NO_ANSWER));
    assert_eq!(entry, Entry::LetIn);
    assert_eq!(bench.log(), ["a: handshake", "asking: handshake", "asking: handshake", "c: handshake"]);
}

#[test]
fn who_asks_on_after_being_told_that_it_is_busy_has_failed() {
    let mut bench = between(u8::MAX);
    let mut entry = bench.ask(|chain, subject| chain.on_handshake(subject));
    for _ in 0..ANSWERS_AN_EVENT_MAX {
        let Entry::Asks(question) = entry else { panic!("it asks") };
        entry = bench.ask(|chain, subject| chain.on_handshake_answer(subject, &question, &NO_ANSWER));
    }
    assert!(matches!(entry, Entry::Refused(Refusal { status: 503, .. })), "{entry:?}");

    let mut passage = bench.says(Direction::ToBackend, "hello");
    for _ in 0..ANSWERS_AN_EVENT_MAX {
        let Passage::Asks(parked) = passage else { panic!("it asks") };
        passage = bench.ask(|chain, subject| chain.on_message_answer(subject, *parked, &NO_ANSWER));
    }
    assert_eq!(passage, Passage::Close(CloseReason::new(1011, "filter failed")));
}
