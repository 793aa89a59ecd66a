//! A filter replaced by another version while sessions are open in it: when they notice, what is carried over, and what a
//! version that is no good does.

use super::*;
use crate::guest::State;

fn said(filter: &mut dyn Filter, session: &mut Solo) -> String {
    match session.text(filter, "x") {
        Ok(Verdict::Replace(text)) => String::from_utf8(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Until there is nothing left to do; how often it was asked.
fn renew(filter: &mut dyn Filter) -> usize {
    (1..).find(|_| filter.renew(Instant::ZERO) == Renewal::Done).unwrap()
}

fn of_state(snapshot: &'static str, restore: &'static str) -> Guest {
    Guest { state: Some(State { snapshot, restore }), ..Guest::counting('s') }
}

#[test]
fn a_new_version_takes_over_between_two_events_with_what_was_kept() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let (mut one, mut two) = (a_session(), a_session());
    one.connect(&mut *filter).unwrap();
    two.connect(&mut *filter).unwrap();
    assert_eq!(said(&mut *filter, &mut one), "a00000001");
    assert_eq!(said(&mut *filter, &mut one), "a00000002");

    assert_eq!(host.reload(&loaded, &Guest::counting('b').component()), Ok(2));
    assert_eq!(said(&mut *filter, &mut one), "a00000003");
    assert_eq!((loaded.view().generation, loaded.view().workers_behind), (2, 1));

    assert_eq!(filter.renew(Instant::ZERO), Renewal::More);
    assert_eq!(said(&mut *filter, &mut one), "b00000004");
    renew(&mut *filter);
    assert_eq!(said(&mut *filter, &mut two), "b00000001");
    assert_eq!(loaded.view().workers_behind, 0);
    let stats = loaded.stats();
    assert_eq!((stats.states_carried.value(), stats.states_lost.value(), stats.sessions.value()), (2, 0, 2));
    one.close(&mut *filter);
    two.close(&mut *filter);
    assert_eq!(loaded.stats().sessions.value(), 0);
}

/// Asks about each message, and puts its name in the place of those that are answered. Longer ones trap it.
fn asking(name: char) -> Guest {
    Guest {
        items: format!("(data (i32.const 2000) \"{name}\")").leak(),
        on_message: "
            (if (i32.gt_u (local.get $len) (i32.const 1)) (then unreachable))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 0) (i32.const 7)) (i32.const 0)",
        on_message_answer: "
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 0) (i32.const 2))
            (i32.store (i32.const 4) (i32.const 2000)) (i32.store (i32.const 8) (i32.const 1)) (i32.const 0)",
        ..Guest::default()
    }
}

#[test]
fn an_answer_goes_to_whichever_instance_there_is_by_then() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &asking('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let (mut one, mut two) = (a_session(), a_session());
    let answered = |filter: &mut dyn Filter, session: &mut Solo| {
        let answer = Err(CalloutError::Timeout);
        filter.on_message_answer(session.call(), Direction::ToBackend, MessageKind::Text, b"x", &answer)
    };
    one.connect(&mut *filter).unwrap();
    assert!(matches!(one.text(&mut *filter, "x"), Ok(Verdict::CallOut(_))));
    host.reload(&loaded, &asking('b').component()).unwrap();
    renew(&mut *filter);
    assert_eq!(answered(&mut *filter, &mut one), Ok(Verdict::Replace(b"b".to_vec())));

    assert!(matches!(one.text(&mut *filter, "x"), Ok(Verdict::CallOut(_))));
    assert!(two.text(&mut *filter, "too long").is_err(), "it traps");
    assert_eq!(answered(&mut *filter, &mut one), Ok(Verdict::Replace(b"b".to_vec())));
}

#[test]
fn a_session_that_says_nothing_through_many_versions_goes_on_where_it_was() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut quiet: Vec<Solo> = (0..300).map(|_| a_session()).collect();
    for session in &mut quiet {
        session.connect(&mut *filter).unwrap();
        said(&mut *filter, session);
    }
    for name in 'b'..='e' {
        host.reload(&loaded, &Guest::counting(name).component()).unwrap();
        renew(&mut *filter);
        assert_eq!(said(&mut *filter, &mut quiet[0]), format!("{name}{:08}", name as u32 - 'a' as u32 + 1));
    }
    quiet[1].close(&mut *filter);
    for session in &mut quiet[2..] {
        assert_eq!(said(&mut *filter, session), "e00000002");
    }
    assert_eq!(loaded.stats().states_lost.value(), 0);
}

#[test]
fn the_old_instance_is_asked_in_turns_and_then_gone() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut sessions: Vec<Solo> = (0..1000).map(|_| a_session()).collect();
    for session in &mut sessions {
        session.connect(&mut *filter).unwrap();
    }
    let memory = loaded.stats().memory_bytes.value();
    host.reload(&loaded, &Guest::counting('b').component()).unwrap();
    assert!(renew(&mut *filter) > 10);
    assert_eq!(loaded.stats().memory_bytes.value(), memory);
}

#[test]
fn without_state_sessions_are_opened_again() {
    let guest = || Guest {
        on_reopen: "(call $set_attribute (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 13))",
        ..Guest::default()
    };
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &guest().component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = a_session();
    session.connect(&mut *filter).unwrap();
    host.reload(&loaded, &guest().component()).unwrap();
    renew(&mut *filter);
    assert_eq!(session.text(&mut *filter, "x"), Ok(Verdict::Continue));
    assert_eq!(session.facts.attribute("hello"), Some("hello, filter"));
}

#[test]
fn a_version_may_want_to_hear_something_else() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    assert_eq!(filter.subscription().to_client, Interest::Ignore);
    host.reload(&loaded, &Guest::default().component()).unwrap();
    assert_eq!(filter.subscription().to_client, Interest::Ignore);
    renew(&mut *filter);
    assert_eq!(filter.subscription().to_client, Interest::Whole);
}

#[test]
fn a_version_that_is_no_good_changes_nothing_but_what_is_told_of_it() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = a_session();
    session.connect(&mut *filter).unwrap();
    let refuses = Guest { configure: "unreachable", ..Guest::default() };
    let bad: [&[u8]; 3] = [b"#!/bin/sh", &Guest::default().module(), &refuses.component()];
    for bad in bad {
        host.reload(&loaded, bad).unwrap_err();
        renew(&mut *filter);
    }
    assert_eq!(said(&mut *filter, &mut session), "a00000001");
    let view = loaded.view();
    assert_eq!((view.generation, view.reloads.accepted, view.reloads.refused), (1, 0, 3));
    assert!(view.reloads.last_error.unwrap().contains("configure: it panicked"));
    host.reload(&loaded, &Guest::counting('b').component()).unwrap();
    assert_eq!(loaded.view().reloads.last_error, None);
}

#[test]
fn a_version_waits_until_workers_have_the_one_before() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    host.reload(&loaded, &Guest::counting('b').component()).unwrap();
    let busy = host.reload(&loaded, &Guest::counting('c').component()).unwrap_err();
    assert_eq!(busy.problem, LoadProblem::Busy { workers: 1 });
    renew(&mut *filter);
    host.reload(&loaded, &Guest::counting('c').component()).unwrap();
}

#[test]
fn a_snapshot_that_fails_costs_state_and_no_session() {
    for snapshot in [
        "unreachable",
        "(loop $l (br $l)) unreachable",
        "
        (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store (i32.const 4) (i32.const 0)) (i32.store (i32.const 8) (i32.const 20000)) (i32.const 0)",
    ] {
        let host = Host::new(None).unwrap();
        let loaded = host.load(&spec(), &of_state(snapshot, FIRST).component()).unwrap();
        let mut filter = loaded.instantiate().unwrap();
        let (mut one, mut two) = (a_session(), a_session());
        one.connect(&mut *filter).unwrap();
        two.connect(&mut *filter).unwrap();
        said(&mut *filter, &mut one);
        host.reload(&loaded, &Guest::counting('b').component()).unwrap();
        renew(&mut *filter);
        assert_eq!(said(&mut *filter, &mut one), "b00000001");
        assert_eq!(said(&mut *filter, &mut two), "b00000001");
        assert_eq!(loaded.stats().states_lost.value(), 2);
    }
}

#[test]
fn a_restore_that_says_no_is_followed_by_a_fresh_start() {
    const REFUSES: &str = "
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
        (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store (i32.const 4) (i32.const 1024)) (i32.store (i32.const 8) (i32.const 5)) (i32.const 0)";
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = a_session();
    session.connect(&mut *filter).unwrap();
    said(&mut *filter, &mut session);
    host.reload(&loaded, &of_state(FIRST, REFUSES).component()).unwrap();
    renew(&mut *filter);
    assert_eq!(said(&mut *filter, &mut session), "s00000001");
    assert_eq!(loaded.stats().states_lost.value(), 1);
    assert_eq!(loaded.stats().failures.value(), 0);
}

#[test]
fn a_restore_that_traps_costs_one_event() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::counting('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = a_session();
    session.connect(&mut *filter).unwrap();
    host.reload(&loaded, &of_state(FIRST, "unreachable").component()).unwrap();
    renew(&mut *filter);
    assert!(session.text(&mut *filter, "x").unwrap_err().cause.starts_with("restore: it panicked"));
    assert_eq!(said(&mut *filter, &mut session), "s00000001");
}

#[test]
fn a_new_version_ends_a_crash_loop() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&spec(), &Guest::answering("unreachable").component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = a_session();
    for _ in 0..10 {
        session.text(&mut *filter, "x").unwrap_err();
    }
    host.reload(&loaded, &Guest::default().component()).unwrap();
    renew(&mut *filter);
    assert_eq!(session.text(&mut *filter, "x"), Ok(Verdict::Continue));
}
