//! The host of filters, driven through the data path's seam with small components, one for each way to behave.

#[path = "support/guest.rs"]
mod guest;

use std::time::Duration;

use belay::dataplane::chain::{
    Admission, Call, Facts, Filter, FilterFailure, Handle, Interest, Reaction, Subscription, UpstreamEvent, Verdict,
};
use belay::dataplane::handshake::Handshake;
use belay::dataplane::message::{CloseReason, Direction, Message, MessageKind};
use belay::dataplane::route::{FailurePolicy, FilterLimits, FilterSource, FilterSpec};
use belay::id::SessionId;
use belay::time::Instant;
use belay::wasm::{Host, LoadError, LoadProblem};
use guest::{FIRST, Guest, WANT_ALL};
use http::{HeaderName, HeaderValue};

fn spec() -> FilterSpec {
    FilterSpec {
        name: "probe".into(),
        source: FilterSource::File("probe.wasm".into()),
        config: serde_json::json!({ "a": 1 }),
        files: Vec::new(),
        on_failure: FailurePolicy::Deny,
        limits: FilterLimits { deadline: Duration::from_millis(20), ..FilterLimits::default() },
    }
}

fn load(guest: &Guest) -> Box<dyn Filter> {
    load_as(spec(), guest).unwrap()
}

fn load_as(spec: FilterSpec, guest: &Guest) -> Result<Box<dyn Filter>, LoadError> {
    Host::new(None).unwrap().load(&spec, &guest.component())?.instantiate()
}

fn problem(bytes: &[u8]) -> LoadProblem {
    Host::new(None).unwrap().load(&spec(), bytes).unwrap_err().problem
}

/// What the data path keeps of a session.
struct Session {
    handshake: Handshake,
    facts: Facts,
    handle: Handle,
    now: Instant,
}

impl Session {
    fn new() -> Self {
        let headers = [("host", "chat.example"), ("sec-websocket-protocol", "chat.v2, chat.v1"), ("x-user", "ann")];
        let headers: Vec<(HeaderName, HeaderValue)> = headers
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let peer = "192.0.2.7:4711".parse().unwrap();
        let handshake = Handshake::new(SessionId::from(7), peer, "/chat?room=1", headers.iter().map(|(n, v)| (n, v)));
        Self { handshake, facts: Facts::default(), handle: Handle::default(), now: Instant::ZERO }
    }

    fn call(&mut self) -> Call<'_> {
        Call {
            now: self.now,
            route: "chat",
            handshake: &self.handshake,
            facts: &mut self.facts,
            handle: &mut self.handle,
            position: 2,
        }
    }

    fn text(&mut self, filter: &mut dyn Filter, text: &str) -> Result<Verdict, FilterFailure> {
        filter.on_message(self.call(), Direction::ToBackend, MessageKind::Text, text.as_bytes())
    }

    fn connect(&mut self, filter: &mut dyn Filter) -> Result<Admission, FilterFailure> {
        filter.on_handshake(self.call())
    }

    fn close(&mut self, filter: &mut dyn Filter) {
        filter.on_close(self.call(), &CloseReason::new(1000, "bye"));
    }
}

/// The cause of the failure of one message, for a filter that answers like this.
fn cause(on_message: &'static str) -> Box<str> {
    let mut filter = load(&Guest::answering(on_message));
    let failure = Session::new().text(&mut *filter, "x").unwrap_err();
    assert_eq!((&*failure.filter, failure.policy), ("probe", FailurePolicy::Deny));
    failure.cause
}

fn verdict(on_message: &'static str) -> Verdict {
    Session::new().text(&mut *load(&Guest::answering(on_message)), "x").unwrap()
}

/// A verdict with one list or string (here `hello, filter`) behind its case.
const REPLACE: &str = "
    (i32.store8 (i32.const 0) (i32.const 2))
    (i32.store (i32.const 4) (i32.const 1024)) (i32.store (i32.const 8) (i32.const 13)) (i32.const 0)";

#[test]
fn each_verdict_reaches_the_data_path() {
    assert_eq!(verdict(FIRST), Verdict::Continue);
    assert_eq!(verdict("(i32.store8 (i32.const 0) (i32.const 1)) (i32.const 0)"), Verdict::Remember);
    assert_eq!(verdict(REPLACE), Verdict::Replace(b"hello, filter".to_vec()));
    let reply = "
        (i32.store8 (i32.const 0) (i32.const 3)) (i32.store8 (i32.const 4) (i32.const 0))
        (i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const 5)) (i32.const 0)";
    assert_eq!(verdict(reply), Verdict::Reply(Message::text("hello")));
    assert_eq!(verdict("(i32.store8 (i32.const 0) (i32.const 4)) (i32.const 0)"), Verdict::Drop);
    let heartbeat = "
        (i32.store8 (i32.const 0) (i32.const 5)) (i32.store8 (i32.const 4) (i32.const 0)) (i32.const 0)";
    assert_eq!(verdict(heartbeat), Verdict::Heartbeat(None));
    let close = "
        (i32.store8 (i32.const 0) (i32.const 6)) (i32.store16 (i32.const 4) (i32.const 4001))
        (i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const 5)) (i32.const 0)";
    assert_eq!(verdict(close), Verdict::Close(CloseReason::new(4001, "hello")));
}

#[test]
fn a_filter_hears_what_it_subscribed_to_and_no_more() {
    // Wants the first 3 bytes to the backend, the size alone to the client, no events; answers with what it saw.
    let guest = Guest {
        configure: "
            (i32.store8 (i32.const 4) (i32.const 2)) (i32.store (i32.const 8) (i32.const 3))
            (i32.store8 (i32.const 12) (i32.const 1)) (i32.const 0)",
        on_message: "
            (i32.store8 (i32.const 0) (i32.const 2))
            (i32.store (i32.const 4) (local.get $at)) (i32.store (i32.const 8) (local.get $len)) (i32.const 0)",
        ..Guest::default()
    };
    let mut filter = load(&guest);
    let subscription =
        Subscription { to_backend: Interest::Prefix(3), to_client: Interest::Size, ..Default::default() };
    assert_eq!(filter.subscription(), subscription);
    let mut session = Session::new();
    assert_eq!(session.text(&mut *filter, "abcdef"), Ok(Verdict::Replace(b"abc".to_vec())));
    assert_eq!(session.text(&mut *filter, "a"), Ok(Verdict::Replace(b"a".to_vec())));
    let to_client = filter.on_message(session.call(), Direction::ToClient, MessageKind::Text, b"abcdef");
    assert_eq!(to_client, Ok(Verdict::Replace(Vec::new())));
}

#[test]
fn a_handshake_is_accepted_or_refused() {
    assert_eq!(Session::new().connect(&mut *load(&Guest::default())), Ok(Admission::Accept));
    let refuse = Guest {
        on_handshake: "
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 0) (i32.const 1)) (i32.store16 (i32.const 4) (i32.const 401))
            (i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (i32.const 1))
            (i32.store (i32.const 64) (i32.const 1024)) (i32.store (i32.const 68) (i32.const 5))
            (i32.store (i32.const 72) (i32.const 1024)) (i32.store (i32.const 76) (i32.const 13))
            (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 5)) (i32.const 0)",
        ..Guest::default()
    };
    let Ok(Admission::Refuse(refusal)) = Session::new().connect(&mut *load(&refuse)) else { panic!("not refused") };
    assert_eq!((refusal.status, &*refusal.body), (401, "hello"));
    assert_eq!(refusal.headers, [("hello".into(), "hello, filter".into())]);
}

#[test]
fn answers_that_may_not_stand_on_the_wire_are_failures() {
    let text = "
        (i32.store8 (i32.const 0) (i32.const 2))
        (i32.store (i32.const 4) (i32.const 1056)) (i32.store (i32.const 8) (i32.const 3)) (i32.const 0)";
    assert!(cause(text).contains("not UTF-8"));
    let code = "
        (i32.store8 (i32.const 0) (i32.const 6)) (i32.store16 (i32.const 4) (i32.const 1006)) (i32.const 0)";
    assert!(cause(code).contains("code 1006"));
    let long = "
        (memory.fill (i32.const 2048) (i32.const 97) (i32.const 124))
        (i32.store8 (i32.const 0) (i32.const 6)) (i32.store16 (i32.const 4) (i32.const 1000))
        (i32.store (i32.const 8) (i32.const 2048)) (i32.store (i32.const 12) (i32.const 124)) (i32.const 0)";
    assert!(cause(long).contains("124 bytes"));
    let header = "(call $set_upstream_header (i32.const 1024) (i32.const 13) (i32.const 1024) (i32.const 5))";
    assert!(cause(Box::leak(format!("{header} {FIRST}").into())).contains("no header named"));

    let refusal = Guest {
        on_handshake: "
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 0) (i32.const 1)) (i32.store16 (i32.const 4) (i32.const 200)) (i32.const 0)",
        ..Guest::default()
    };
    assert!(Session::new().connect(&mut *load(&refusal)).unwrap_err().cause.contains("status 200"));
}

#[test]
fn an_answer_that_is_not_allowed_costs_no_other_session_anything() {
    // Answers with code 1006 when the message is longer than a byte, otherwise with what it counted in its own memory.
    let guest = Guest {
        items: "(global $calls (mut i32) (i32.const 0))",
        on_message: "
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (if (i32.gt_u (local.get $len) (i32.const 1)) (then
              (i32.store8 (i32.const 0) (i32.const 6)) (i32.store16 (i32.const 4) (i32.const 1006))))
            (if (i32.gt_u (global.get $calls) (i32.const 2)) (then (i32.store8 (i32.const 0) (i32.const 4))))
            (i32.const 0)",
        ..Guest::default()
    };
    let mut filter = load(&guest);
    let (mut one, mut two) = (Session::new(), Session::new());
    assert_eq!(two.text(&mut *filter, "x"), Ok(Verdict::Continue));
    assert!(one.text(&mut *filter, "xx").is_err());
    let handle = two.handle;
    assert_eq!(two.text(&mut *filter, "x"), Ok(Verdict::Drop), "the instance and its memory went on");
    assert_eq!(two.handle, handle);
}

const NTH: &str = "
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (i32.eq (global.get $calls) (i32.const 3)) (then unreachable))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";

#[test]
fn after_a_trap_sessions_are_opened_again_in_a_new_instance() {
    // `on-reopen` counts up 'hello' in the store's own table, by the attribute API of the session.
    let guest = Guest {
        items: "(global $calls (mut i32) (i32.const 0))",
        on_reopen: "(call $set_attribute (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 13))",
        on_message: NTH,
        ..Guest::default()
    };
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &guest.component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let (mut one, mut two) = (Session::new(), Session::new());
    one.connect(&mut *filter).unwrap();
    two.connect(&mut *filter).unwrap();
    one.text(&mut *filter, "x").unwrap();
    one.text(&mut *filter, "x").unwrap();
    let failure = one.text(&mut *filter, "x").unwrap_err();
    assert!(failure.cause.starts_with("on-message: it panicked or aborted"), "{failure}");
    assert!(failure.cause.contains("on-message"), "{failure}");

    assert_eq!(two.facts.attribute("hello"), None);
    assert_eq!(two.text(&mut *filter, "x"), Ok(Verdict::Continue));
    assert_eq!(two.facts.attribute("hello"), Some("hello, filter"));
    assert_eq!(one.text(&mut *filter, "x"), Ok(Verdict::Continue));
    assert_ne!(one.handle.slot, two.handle.slot);

    let stats = loaded.stats();
    assert_eq!((stats.traps.value(), stats.restarts.value(), stats.failures.value()), (1, 1, 1));
    assert_eq!(stats.sessions.value(), 2);
    one.close(&mut *filter);
    two.close(&mut *filter);
    assert_eq!(loaded.stats().sessions.value(), 0);
}

#[test]
fn a_session_that_ends_after_a_trap_leaves_nothing_behind() {
    let guest = Guest { items: "(global $calls (mut i32) (i32.const 2))", on_message: NTH, ..Guest::default() };
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &guest.component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = Session::new();
    session.connect(&mut *filter).unwrap();
    session.text(&mut *filter, "x").unwrap_err();
    session.close(&mut *filter);
    assert_eq!(session.handle, Handle::default());
    assert_eq!(loaded.stats().sessions.value(), 0);
    drop(filter);
    assert_eq!(loaded.stats().memory_bytes.value(), 0);
}

#[test]
fn a_crash_loop_is_throttled_and_ends_by_itself() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::answering("unreachable").component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = Session::new();
    for _ in 0..100 {
        session.text(&mut *filter, "x").unwrap_err();
    }
    let stats = loaded.stats();
    assert_eq!((stats.traps.value(), stats.throttled.value(), stats.failures.value()), (6, 94, 100));
    session.now = Instant::ZERO + Duration::from_secs(20);
    assert!(session.text(&mut *filter, "x").unwrap_err().cause.contains("panicked"));
    assert_eq!(loaded.stats().traps.value(), 7);
}

#[test]
fn an_endless_loop_is_stopped_at_its_deadline() {
    assert!(cause("(loop $l (br $l)) unreachable").contains("still running after 20 ms"));
}

#[test]
fn endless_recursion_is_stopped() {
    let guest = Guest {
        items: "(func $down (param i64) (result i64) (i64.add (i64.const 1) (call $down (local.get 0))))",
        on_message: "(drop (call $down (i64.const 1))) (i32.const 0)",
        ..Guest::default()
    };
    let failure = Session::new().text(&mut *load(&guest), "x").unwrap_err();
    assert!(failure.cause.contains("nest too deep") && failure.cause.contains("down < down"), "{failure}");
}

#[test]
fn memory_is_bounded_and_comes_back() {
    let guest = Guest {
        on_message: "(loop $l (drop (call $alloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1000000))) (br $l)) unreachable",
        ..Guest::default()
    };
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &guest.component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    assert_eq!(loaded.stats().memory_bytes.value(), 65_536);
    let failure = Session::new().text(&mut *filter, "x").unwrap_err();
    assert!(failure.cause.contains("refused more than 16 MiB"), "{failure}");
    assert_eq!(loaded.stats().memory_bytes.value(), 0);
}

#[test]
fn a_flood_of_host_calls_is_stopped() {
    assert!(cause("(loop $l (drop (call $now_ms)) (br $l)) unreachable").contains("more than 1000 times"));
}

#[test]
fn a_flood_of_log_lines_is_thinned() {
    let guest = Guest::answering(
        "(local $n i32)
        (loop $l
          (call $log (i32.const 0) (i32.const 1024) (i32.const 5))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $n) (i32.const 200))))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
    );
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &guest.component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = Session::new();
    session.now = Instant::now();
    assert_eq!(session.text(&mut *filter, "x"), Ok(Verdict::Continue));
    assert_eq!(loaded.stats().log_lines_thinned.value(), 150);
}

#[test]
fn a_result_outside_memory_is_a_failure() {
    assert!(cause("(i32.const -16)").contains("out of bounds"));
    let replace = "
        (i32.store8 (i32.const 0) (i32.const 2))
        (i32.store (i32.const 4) (i32.const 1024)) (i32.store (i32.const 8) (i32.const -1)) (i32.const 0)";
    assert!(cause(replace).contains("out of bounds"));
    assert!(cause("(i32.store8 (i32.const 0) (i32.const 77)) (i32.const 0)").contains("discriminant"));
}

#[test]
fn attributes_headers_and_timers_are_the_sessions_own() {
    let guest = Guest {
        on_message: "
            (call $set_attribute (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 13))
            (call $set_upstream_header (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 13))
            (call $set_timer (i32.const 9) (i64.const 250))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        on_timer: "
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const 4) (i32.const 1))
            (i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const 5)) (i32.const 0)",
        ..Guest::default()
    };
    let mut filter = load(&guest);
    let (mut one, mut two) = (Session::new(), Session::new());
    one.text(&mut *filter, "x").unwrap();
    assert_eq!(one.facts.attribute("hello"), Some("hello, filter"));
    assert_eq!(one.facts.inner().unwrap().upstream_headers, [("hello".into(), "hello, filter".into())]);
    let timer = one.facts.next_timer().unwrap();
    assert_eq!((timer.position, timer.timer, timer.at), (2, 9, Instant::ZERO + Duration::from_millis(250)));
    assert!(two.facts.inner().is_none());
    let sent = Reaction::Send(Message { kind: MessageKind::Binary, payload: b"hello".to_vec() });
    assert_eq!(filter.on_timer(two.call(), 9), Ok(sent));
    assert_eq!(filter.on_upstream(two.call(), UpstreamEvent::Lost), Ok(Reaction::None));
    assert_eq!(filter.on_heartbeat(two.call(), Direction::ToBackend), Ok(Reaction::None));
}

#[test]
fn a_filter_has_so_many_attributes_and_timers_and_no_more() {
    let attributes = "
        (local $n i32)
        (loop $l
          (i32.store8 (i32.const 2048) (i32.add (local.get $n) (i32.const 32)))
          (call $set_attribute (i32.const 2048) (i32.const 1) (i32.const 1024) (i32.const 5))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $n) (i32.const 65))))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
    assert!(cause(attributes).contains("at most 64 attributes"));
    let long = "
        (memory.fill (i32.const 2048) (i32.const 97) (i32.const 257))
        (call $set_attribute (i32.const 2048) (i32.const 257) (i32.const 1024) (i32.const 5))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
    assert!(cause(long).contains("has at most 256 bytes"));
    let timers = "
        (local $n i32)
        (loop $l
          (call $set_timer (local.get $n) (i64.const 1))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $n) (i32.const 9))))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
    assert!(cause(timers).contains("at most 8 timers"));
}

/// Defines a limiter of 2 tokens in `configure`, takes one for each message, drops what finds none.
fn limited() -> Guest {
    Guest {
        items: "(global $limiter (mut i32) (i32.const -1))",
        configure: "
            (call $define_limiter (i32.const 1024) (i32.const 5) (i32.const 1) (i64.const 1000) (i32.const 2) (i32.const 512))
            (if (i32.load8_u (i32.const 512)) (then unreachable))
            (global.set $limiter (i32.load (i32.const 516)))
            (i32.store8 (i32.const 0) (i32.const 0)) (i32.store8 (i32.const 4) (i32.const 3))
            (i32.store8 (i32.const 12) (i32.const 0)) (i32.store8 (i32.const 20) (i32.const 0)) (i32.const 0)",
        on_message: "
            (call $take (global.get $limiter) (local.get $at) (local.get $len) (i32.const 1) (i32.const 512))
            (i32.store8 (i32.const 0) (i32.mul (i32.load8_u (i32.const 512)) (i32.const 4))) (i32.const 0)",
        ..Guest::default()
    }
}

#[test]
fn a_limiter_is_shared_by_the_instances_of_a_filter_and_outlives_them() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &limited().component()).unwrap();
    let (mut here, mut there) = (loaded.instantiate().unwrap(), loaded.instantiate().unwrap());
    let mut session = Session::new();
    session.now = Instant::now();
    assert_eq!(session.text(&mut *here, "ann"), Ok(Verdict::Continue));
    assert_eq!(session.text(&mut *there, "ann"), Ok(Verdict::Continue));
    assert_eq!(session.text(&mut *here, "ann"), Ok(Verdict::Drop));
    assert_eq!(session.text(&mut *here, "bob"), Ok(Verdict::Continue));
    let mut later = host.load(&spec(), &limited().component()).unwrap().instantiate().unwrap();
    assert_eq!(session.text(&mut *later, "ann"), Ok(Verdict::Drop), "a reload of the filter keeps the buckets");
    session.now = session.now + Duration::from_secs(1);
    assert_eq!(session.text(&mut *there, "ann"), Ok(Verdict::Continue));
}

#[test]
fn a_filter_counts_for_the_metrics() {
    let on_message = "
        (call $count (i32.const 1024) (i32.const 5) (i64.const 3))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::answering(on_message).component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    for _ in 0..2 {
        Session::new().text(&mut *filter, "x").unwrap();
    }
    let counts = host.services().counts();
    assert_eq!((&*counts[0].filter, &*counts[0].name, counts[0].value), ("probe", "hello", 6));
}

#[test]
fn a_file_is_read_again_when_it_changes() {
    // Replaces each message with the file named 'hello', or drops it when there is none.
    let guest = Guest::answering(
        "(call $read_file (i32.const 1024) (i32.const 5) (i32.const 512))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
        (if (i32.load8_u (i32.const 512))
          (then (i32.store8 (i32.const 0) (i32.const 2))
            (i32.store (i32.const 4) (i32.load (i32.const 516))) (i32.store (i32.const 8) (i32.load (i32.const 520))))
          (else (i32.store8 (i32.const 0) (i32.const 4))))
        (i32.const 0)",
    );
    // As Kubernetes mounts a ConfigMap: the file is a link through a folder that is a link, and that is what changes.
    let dir = std::env::temp_dir().join(format!("belay-files-{:x}", rand::random::<u64>()));
    for (version, text) in [("v1", "one"), ("v2", "two")] {
        std::fs::create_dir_all(dir.join(version)).unwrap();
        std::fs::write(dir.join(version).join("keys"), text).unwrap();
    }
    let link = |to: &str, name: &str| {
        let part = dir.join("part");
        std::os::unix::fs::symlink(to, &part).unwrap();
        std::fs::rename(part, dir.join(name)).unwrap();
    };
    link("v1", "data");
    link("data/keys", "keys");

    let files = vec![("hello".into(), dir.join("keys"))];
    let mut filter = load_as(FilterSpec { files, ..spec() }, &guest).unwrap();
    let mut session = Session::new();
    let mut says = |s: u64| {
        session.now = Instant::ZERO + Duration::from_secs(s);
        session.text(&mut *filter, "x").unwrap()
    };
    assert_eq!(says(1), Verdict::Replace(b"one".to_vec()));
    link("v2", "data");
    assert_eq!(says(1), Verdict::Replace(b"one".to_vec()), "looked at once a second at most");
    assert_eq!(says(2), Verdict::Replace(b"two".to_vec()));
    std::fs::write(dir.join("v2/keys"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    assert_eq!(says(3), Verdict::Drop, "too long to be read");
    std::fs::remove_file(dir.join("keys")).unwrap();
    assert_eq!(says(4), Verdict::Drop);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn one_filter_that_fails_costs_another_nothing() {
    let host = Host::new(None).unwrap();
    let good = host.load(&FilterSpec { name: "good".into(), ..spec() }, &Guest::default().component()).unwrap();
    let mut good = good.instantiate().unwrap();
    let mut session = Session::new();
    session.text(&mut *good, "x").unwrap();
    let handle = session.handle;
    for bad in ["unreachable", "(loop $l (br $l)) unreachable", "(loop $l (drop (call $now_ms)) (br $l)) unreachable"] {
        let spec = FilterSpec { on_failure: FailurePolicy::Allow, ..spec() };
        let mut bad = host.load(&spec, &Guest::answering(bad).component()).unwrap().instantiate().unwrap();
        assert_eq!(Session::new().text(&mut *bad, "x").unwrap_err().policy, FailurePolicy::Allow);
        assert_eq!(session.text(&mut *good, "x"), Ok(Verdict::Continue));
    }
    assert_eq!(session.handle, handle);
}

#[test]
fn what_is_no_component_is_named() {
    assert!(matches!(problem(b"#!/bin/sh\n"), LoadProblem::NotWasm { .. }));
    assert!(matches!(problem(b""), LoadProblem::NotWasm { .. }));
    assert_eq!(problem(&Guest::default().module()), LoadProblem::CoreModule);
    let mut cut = Guest::default().component();
    cut.truncate(cut.len() / 2);
    assert!(matches!(problem(&cut), LoadProblem::Invalid(_)));
}

#[test]
fn a_component_of_another_world_or_version_is_named() {
    let other = wat::parse_str(
        r#"(component (component $c) (instance $i (instantiate $c)) (export "wasi:cli/run@0.2.0" (instance $i)))"#,
    );
    let LoadProblem::OtherWorld { exports } = problem(&other.unwrap()) else { panic!("not another world") };
    assert_eq!(&*exports, "wasi:cli/run@0.2.0");
    let newer = Guest { wit_change: Some(("filter@0.1.0", "filter@0.2.0")), ..Guest::default() };
    let LoadProblem::OtherVersion { theirs } = problem(&newer.component()) else { panic!("not another version") };
    assert_eq!(&*theirs, "0.2.0");
    let changed = Guest {
        wit_change: Some((
            "on-close: func(session: session, reason: close-reason)",
            "on-close: func(session: session, code: u16, x: u32, y: u32)",
        )),
        ..Guest::default()
    };
    assert!(matches!(problem(&changed.component()), LoadProblem::Mismatch(_)));
}

#[test]
fn imports_that_are_not_offered_are_listed() {
    let with_wasi = wat::parse_str(
        r#"(component
            (import "wasi:clocks/wall-clock@0.2.0" (instance))
            (component $c) (instance $i (instantiate $c)) (export "belay:filter/filter@0.1.0" (instance $i)))"#,
    );
    let problem = problem(&with_wasi.unwrap());
    let text = problem.to_string();
    assert!(text.contains("wasi:clocks/wall-clock@0.2.0") && text.contains("wasm32-unknown-unknown"), "{text}");
}

#[test]
fn a_config_that_is_not_accepted_is_found_before_serving() {
    let refuses = Guest {
        configure: "
            (i32.store8 (i32.const 0) (i32.const 1))
            (i32.store (i32.const 4) (i32.const 1024)) (i32.store (i32.const 8) (i32.const 13)) (i32.const 0)",
        ..Guest::default()
    };
    let error = load_as(spec(), &refuses).err().unwrap();
    assert_eq!(error.to_string(), "filter probe: it does not accept its config: hello, filter");

    for (configure, says) in [
        ("unreachable", "panicked"),
        ("(loop $l (br $l)) unreachable", "still running after 1000 ms"),
        (
            "(loop $l (drop (call $alloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1000000))) (br $l)) unreachable",
            "refused more than 16 MiB",
        ),
    ] {
        let problem = load_as(spec(), &Guest { configure, ..Guest::default() }).err().unwrap().problem;
        let LoadProblem::Failed(cause) = problem else { panic!("{problem}") };
        assert!(cause.starts_with("configure: ") && cause.contains(says), "{cause}");
    }
}

#[test]
fn a_filter_larger_than_its_memory_limit_is_refused() {
    let limits = FilterLimits { memory_bytes_max: 32 * 1024, ..FilterLimits::default() };
    let problem = load_as(FilterSpec { limits, ..spec() }, &Guest::default()).err().unwrap().problem;
    assert!(problem.to_string().contains("refused more than 32 KiB"), "{problem}");
}

#[test]
fn compiled_filters_are_cached_and_damage_is_repaired() {
    let dir = std::env::temp_dir().join(format!("belay-cache-{:x}", rand::random::<u64>()));
    let component = Guest { configure: WANT_ALL, ..Guest::default() }.component();
    let load = || Host::new(Some(&dir)).unwrap().load(&spec(), &component).unwrap();
    load();
    let entries: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1);
    let written = std::fs::read(&entries[0]).unwrap();
    load();
    let mut damaged = written.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&entries[0], &damaged).unwrap();
    load();
    assert_ne!(std::fs::read(&entries[0]).unwrap(), damaged, "it was compiled again");
    std::fs::write(&entries[0], b"short").unwrap();
    load();

    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::remove_file(&entries[0]).unwrap();
    load();
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "a folder that others can write to is not used");
    std::fs::remove_dir_all(dir).unwrap();
}
