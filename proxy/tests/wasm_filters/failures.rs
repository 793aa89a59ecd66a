//! Filters that fail in every way there is: none hurts another filter or session, and the next call works.

use super::*;

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
    let (mut one, mut two) = (a_session(), a_session());
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
    let mut session = a_session();
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
    let mut session = a_session();
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
    let failure = a_session().text(&mut *load(&guest), "x").unwrap_err();
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
    let failure = a_session().text(&mut *filter, "x").unwrap_err();
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
    let mut session = a_session();
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
fn one_filter_that_fails_costs_another_nothing() {
    let host = Host::new(None).unwrap();
    let good = host.load(&FilterSpec { name: "good".into(), ..spec() }, &Guest::default().component()).unwrap();
    let mut good = good.instantiate().unwrap();
    let mut session = a_session();
    session.text(&mut *good, "x").unwrap();
    let handle = session.handle;
    for bad in ["unreachable", "(loop $l (br $l)) unreachable", "(loop $l (drop (call $now_ms)) (br $l)) unreachable"] {
        let spec = FilterSpec { on_failure: FailurePolicy::Allow, ..spec() };
        let mut bad = host.load(&spec, &Guest::answering(bad).component()).unwrap().instantiate().unwrap();
        assert_eq!(a_session().text(&mut *bad, "x").unwrap_err().policy, FailurePolicy::Allow);
        assert_eq!(session.text(&mut *good, "x"), Ok(Verdict::Continue));
    }
    assert_eq!(session.handle, handle);
}
