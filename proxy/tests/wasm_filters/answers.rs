//! What a filter may answer and ask for, and what it may not.

use super::*;

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
    let mut session = a_session();
    assert_eq!(session.text(&mut *filter, "abcdef"), Ok(Verdict::Replace(b"abc".to_vec())));
    assert_eq!(session.text(&mut *filter, "a"), Ok(Verdict::Replace(b"a".to_vec())));
    let to_client = filter.on_message(session.call(), Direction::ToClient, MessageKind::Text, b"abcdef");
    assert_eq!(to_client, Ok(Verdict::Replace(Vec::new())));
}

#[test]
fn a_handshake_is_accepted_or_refused() {
    assert_eq!(a_session().connect(&mut *load(&Guest::default())), Ok(Admission::Accept));
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
    let Ok(Admission::Refuse(refusal)) = a_session().connect(&mut *load(&refuse)) else { panic!("not refused") };
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
    assert!(a_session().connect(&mut *load(&refusal)).unwrap_err().cause.contains("status 200"));
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
    let (mut one, mut two) = (a_session(), a_session());
    assert_eq!(two.text(&mut *filter, "x"), Ok(Verdict::Continue));
    assert!(one.text(&mut *filter, "xx").is_err());
    let handle = two.handle;
    assert_eq!(two.text(&mut *filter, "x"), Ok(Verdict::Drop), "the instance and its memory went on");
    assert_eq!(two.handle, handle);
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
    let (mut one, mut two) = (a_session(), a_session());
    one.text(&mut *filter, "x").unwrap();
    assert_eq!(one.facts.attribute("hello"), Some("hello, filter"));
    let headers: Vec<_> = one.facts.inner().unwrap().upstream_headers.iter().collect();
    assert_eq!(headers, [("hello", "hello, filter")]);
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
