//! A filter that grows with each message, replaced before it reaches its limit.

use super::*;

const PAGE: usize = 64 * 1024;

/// Counts what each session says, and takes a page of memory each time.
fn growing() -> Guest {
    let counting = Guest::counting('g');
    let grows = "(local $i i32) (drop (memory.grow (i32.const 1)))";
    Guest { on_message: counting.on_message.replacen("(local $i i32)", grows, 1).leak(), ..counting }
}

fn recycled_at(pages: usize, isolation: Isolation) -> FilterSpec {
    let limits = FilterLimits { memory_bytes_max: 16 * PAGE, recycle_bytes: Some(pages * PAGE), ..spec().limits };
    FilterSpec { limits, isolation, ..spec() }
}

fn count(filter: &mut dyn Filter, session: &mut Solo) -> u32 {
    match session.text(filter, "x") {
        Ok(Verdict::Replace(text)) => std::str::from_utf8(&text[1..]).unwrap().parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn a_thousand_messages_of_ten_sessions(isolation: Isolation) {
    let loaded = Host::new(None).unwrap().load(&recycled_at(8, isolation), &growing().component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut sessions: Vec<Solo> = (0..10).map(|_| a_session()).collect();
    for session in &mut sessions {
        session.connect(&mut *filter).unwrap();
    }
    for said in 1..=100 {
        for session in &mut sessions {
            assert_eq!(count(&mut *filter, session), said);
        }
    }
    for session in &mut sessions {
        session.close(&mut *filter);
    }
    while filter.renew(Instant::ZERO) == Renewal::More {}
    let stats = loaded.stats();
    assert!(stats.recycled.value() >= 100, "{}", stats.recycled.value());
    assert_eq!((stats.failures.value(), stats.states_lost.value(), stats.sessions.value()), (0, 0, 0));
}

#[test]
fn an_instance_that_grows_is_replaced_and_its_sessions_go_on() {
    a_thousand_messages_of_ten_sessions(Isolation::Shared);
}

#[test]
fn so_is_one_that_a_session_has_to_itself() {
    a_thousand_messages_of_ten_sessions(Isolation::Session);
}

#[test]
fn one_that_is_not_to_be_replaced_ends_at_its_limit() {
    let limits = FilterLimits { recycle_bytes: None, ..recycled_at(8, Isolation::Shared).limits };
    let mut filter = load_as(FilterSpec { limits, ..spec() }, &growing()).unwrap();
    let mut session = a_session();
    session.connect(&mut *filter).unwrap();
    // The guest does not look whether it was given the page, so it goes on with what it has.
    assert_eq!((1..=100).map(|_| count(&mut *filter, &mut session)).last(), Some(100));
}

#[test]
fn one_that_begins_beyond_the_mark_is_left_until_it_has_doubled() {
    let mut guest = growing();
    guest.configure = ["(drop (memory.grow (i32.const 4)))", guest.configure].concat().leak();
    let loaded = Host::new(None).unwrap().load(&recycled_at(1, Isolation::Shared), &guest.component()).unwrap();
    let mut filter = loaded.instantiate().unwrap();
    let mut session = a_session();
    session.connect(&mut *filter).unwrap();
    let recycled: Vec<u64> = (1..=20)
        .map(|said| {
            assert_eq!(count(&mut *filter, &mut session), said);
            loaded.stats().recycled.value()
        })
        .collect();
    assert_eq!((recycled[0], recycled[4]), (0, 0));
    assert!((1..=3).contains(&recycled[19]), "{recycled:?}");
}
