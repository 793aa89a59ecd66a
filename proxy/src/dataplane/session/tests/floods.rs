//! Ends that ask for too much: answers that nobody takes, messages in more pieces than one turn has room for, and messages that
//! never end.

use super::*;

/// A masked frame whose key is zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

/// As a backend sends it.
fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, u8::try_from(payload.len()).unwrap()];
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn a_client_that_pings_and_takes_no_pong_is_not_read_until_it_does() {
    let mut world = World::new(policy());
    let ping = frame(0x89, &[b'x'; 125]).repeat(100);
    world.client_reads = false;
    let mut sent = 0;
    while world.session.wants_client_bytes() {
        world.client_sends_raw(&ping);
        sent += 100;
        assert!(sent < 1_000, "no end of it");
    }
    let kept = world.session.client_output().len();
    assert!((64 << 10..(64 << 10) + 100 * 127).contains(&kept), "{kept} bytes of pongs");
    world.client_reads = true;
    world.settle();
    assert!(world.session.wants_client_bytes());
    assert_eq!(world.client_pongs().len(), sent);
}

#[test]
fn a_client_that_takes_no_pong_for_too_long_is_closed() {
    let mut world = World::new(policy());
    world.client_reads = false;
    world.client_sends_raw(&frame(0x89, b"x"));
    world.pass(SlowClient::default().stall_timeout);
    assert!(world.session.is_closed());
    assert_eq!(world.budget.used(), 0);
}

#[test]
fn a_large_message_on_its_way_to_a_client_does_not_keep_it_from_being_heard() {
    let mut world = World::new(policy());
    world.client_reads = false;
    world.backend_says(&"x".repeat(100_000));
    assert!(!world.session.wants_upstream_bytes());
    assert!(world.session.wants_client_bytes());
}

#[test]
fn a_backend_that_pings_and_takes_no_pong_is_not_read_until_it_does() {
    let mut world = World::new(policy());
    world.backend_reads = false;
    while world.session.wants_upstream_bytes() {
        world.backend_pings(&[b'x'; 125]);
    }
    assert!(world.session.upstream_output().len() < (64 << 10) + 1_000);
    world.backend_reads = true;
    world.settle();
    assert!(world.session.wants_upstream_bytes());
}

#[test]
fn of_many_small_messages_some_are_heard_at_a_time_and_all_in_order() {
    let mut world = World::new(policy());
    let said: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    let bytes: Vec<u8> = said.iter().flat_map(|text| frame(0x81, text.as_bytes())).collect();
    world.client_sends_unwritten(&bytes);
    assert_eq!(world.counters.to_backend.accepted.value(), 256);
    assert!(world.session.has_behind() && !world.session.wants_client_bytes());
    world.settle();
    assert_eq!(world.backend_heard(), said);
    assert!(!world.session.has_behind() && world.session.wants_client_bytes());
    world.assert_balanced();
}

#[test]
fn what_a_client_said_before_it_broke_is_passed_on_however_small_its_messages() {
    let mut world = World::new(policy());
    world.client_sends_unwritten(&frame(0x81, b"x").repeat(1_000));
    world.client_breaks();
    assert_eq!(world.backend_heard().len(), 1_000);
    world.assert_balanced();
}

#[test]
fn of_what_a_backend_says_some_is_heard_at_a_time_too_and_all_in_order() {
    let mut world = World::new(policy());
    let said: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    world.backend_sends_unwritten(&said.iter().flat_map(|text| unmasked(0x81, text.as_bytes())).collect::<Vec<_>>());
    assert_eq!(world.counters.to_client.accepted.value(), 256);
    assert!(world.session.has_behind() && !world.session.wants_upstream_bytes());
    world.settle();
    assert_eq!(world.client_heard(), said);
    assert!(!world.session.has_behind() && world.session.wants_upstream_bytes());
    world.assert_balanced();
}

#[test]
fn what_a_backend_said_before_it_died_is_passed_on_however_small_its_messages() {
    let mut world = World::new(policy());
    world.backend_sends_unwritten(&unmasked(0x81, b"x").repeat(1_000));
    world.kill_backend();
    assert_eq!(world.client_heard().len(), 1_000);
    assert!(world.session.is_holding());
    world.assert_balanced();
}

#[test]
fn a_backend_that_closes_behind_many_small_messages_is_heard_to_close() {
    let mut world = World::new(policy());
    world.backend_sends_raw(&[unmasked(0x81, b"x").repeat(1_000), unmasked(0x88, &1000_u16.to_be_bytes())].concat());
    assert_eq!(world.client_heard().len(), 1_000);
    assert_eq!(world.client_closed().map(|reason| reason.code), Some(Some(1000)));
    world.assert_balanced();
}

#[test]
fn a_message_that_never_ends_counts_against_the_process_s_bytes() {
    let mut world = World::with_budget(policy(), 300);
    let part = frame(0x01, &[b'x'; 100]);
    world.client_sends_raw(&part);
    assert_eq!(world.budget.used(), 100);
    world.client_sends_raw(&frame(0x80, b""));
    assert_eq!((world.budget.used(), world.backend_heard().len()), (0, 1));

    world.client_sends_raw(&part);
    let more = frame(0x00, &[b'x'; 100]);
    world.client_sends_raw(&more);
    world.client_sends_raw(&more);
    assert_eq!(world.budget.used(), 300);
    world.client_sends_raw(&more);
    assert_eq!(world.client_closed().map(|reason| reason.code), Some(Some(1013)));
    assert_eq!(world.budget.used(), 0);
}

#[test]
fn a_backend_s_message_that_never_ends_counts_too() {
    let mut world = World::with_budget(policy(), 150);
    world.backend_sends_raw(&unmasked(0x01, &[b'x'; 100]));
    assert_eq!(world.budget.used(), 100);
    world.backend_sends_raw(&unmasked(0x00, &[b'x'; 100]));
    assert_eq!(world.client_closed().map(|reason| reason.code), Some(Some(1013)));
    assert_eq!(world.budget.used(), 0);
}

#[test]
fn half_a_message_is_given_up_with_its_connection() {
    let mut world = World::new(policy());
    world.backend_sends_raw(&[0x01, 3, b'a', b'b', b'c']);
    assert_eq!(world.budget.used(), 3);
    world.kill_backend();
    assert_eq!(world.budget.used(), 0);
    world.bring_backend_back();
    world.client_sends_raw(&frame(0x01, b"half"));
    assert_eq!(world.budget.used(), 4);
    world.abandon();
    assert_eq!(world.budget.used(), 0);
}
