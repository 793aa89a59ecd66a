//! Filters with an instance for each session: what one session does to its own, no other sees; and there are only so many.

use super::*;

/// Counts what a session says; traps on `t`.
fn guest(name: char) -> Guest {
    let counting = Guest::counting(name);
    // Locals are declared first.
    let (locals, rest) = counting.on_message.trim().split_once('\n').unwrap();
    let trap = "(if (i32.eq (i32.load8_u (local.get $at)) (i32.const 116)) (then unreachable))";
    Guest { on_message: format!("{locals}\n{trap}\n{rest}").leak(), ..counting }
}

fn isolated(instances_max: usize) -> FilterSpec {
    let limits = FilterLimits { instances_max, ..spec().limits };
    FilterSpec { isolation: Isolation::Session, limits, ..spec() }
}

fn said(filter: &mut dyn Filter, session: &mut Solo) -> String {
    match session.text(filter, "x") {
        Ok(Verdict::Replace(text)) => String::from_utf8(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trap_of_one_sessions_instance_touches_no_other_session() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&isolated(10), &guest('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let (mut one, mut two) = (a_session(), a_session());
    one.connect(&mut *filter).unwrap();
    two.connect(&mut *filter).unwrap();
    assert_eq!((&*said(&mut *filter, &mut one), &*said(&mut *filter, &mut two)), ("a00000001", "a00000001"));
    for _ in 0..20 {
        one.text(&mut *filter, "trap").unwrap_err();
    }
    assert_eq!(said(&mut *filter, &mut two), "a00000002");
    let stats = loaded.stats();
    assert!(stats.throttled.value() > 0, "one session's crash loop is throttled");
    one.now = Instant::ZERO + Duration::from_secs(20);
    assert_eq!(said(&mut *filter, &mut one), "a00000001");
    assert_eq!(said(&mut *filter, &mut two), "a00000003");
}

#[test]
fn beyond_the_limit_the_failure_policy_answers_until_a_session_is_over() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&isolated(2), &guest('a').component()).unwrap();
    // The limit holds over all workers.
    let (mut filter, mut other) = (loaded.instantiate().unwrap(), loaded.instantiate().unwrap());
    let (mut one, mut two, mut three) = (a_session(), a_session(), a_session());
    one.connect(&mut *filter).unwrap();
    two.connect(&mut *other).unwrap();
    let failure = three.connect(&mut *filter).unwrap_err();
    assert!(failure.cause.contains("limits.instances"), "{failure}");
    assert_eq!(failure.policy, FailurePolicy::Deny);
    three.close(&mut *filter);
    one.close(&mut *filter);
    three.connect(&mut *filter).unwrap();
    assert_eq!(said(&mut *other, &mut two), "a00000001");
    let stats = loaded.stats();
    assert_eq!((stats.instances_refused.value(), stats.sessions.value()), (1, 2));
    drop((filter, other));
    assert_eq!((loaded.stats().sessions.value(), loaded.stats().memory_bytes.value()), (0, 0));
}

#[test]
fn a_new_version_reaches_each_session_at_its_next_event_with_what_was_kept() {
    let host = Host::new(None).unwrap();
    let loaded = host.load(&isolated(10), &guest('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let (mut one, mut two) = (a_session(), a_session());
    one.connect(&mut *filter).unwrap();
    two.connect(&mut *filter).unwrap();
    said(&mut *filter, &mut one);
    host.reload(&loaded, &guest('b').component()).unwrap();
    while filter.renew(Instant::ZERO) == Renewal::More {}
    assert_eq!(loaded.view().workers_behind, 0);
    assert_eq!(said(&mut *filter, &mut one), "b00000002");
    assert_eq!(said(&mut *filter, &mut two), "b00000001");
    assert_eq!(loaded.stats().states_carried.value(), 2);
    assert_eq!(loaded.stats().sessions.value(), 2);
}

#[test]
fn an_instance_takes_no_more_maps_than_is_reckoned_with() {
    const INSTANCES: usize = 200;
    let maps = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let host = Host::new(None).unwrap();
    let loaded = host.load(&isolated(INSTANCES), &guest('a').component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let before = maps();
    let mut sessions: Vec<Solo> = (0..INSTANCES).map(|_| a_session()).collect();
    for session in &mut sessions {
        session.connect(&mut *filter).unwrap();
    }
    let each = (maps() - before) as f64 / INSTANCES as f64;
    assert!(each <= belay::wasm::MAPS_AN_INSTANCE as f64, "{each}");
    eprintln!("{each} maps an instance");
}
