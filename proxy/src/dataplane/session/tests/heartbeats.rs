//! Sessions whose protocol has heartbeats with intervals.

use std::time::Duration;

use super::world::{World, policy};
use crate::dataplane::heartbeat::Protocol;

const OPEN: &str = r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

fn engine_io() -> World {
    let mut route = policy();
    route.heartbeat.protocol = Some(Protocol::EngineIo);
    let mut world = World::asked_for(route, "/socket.io/?EIO=4&transport=websocket", usize::MAX);
    world.backend_says(OPEN);
    assert_eq!(world.client_heard(), [OPEN]);
    world
}

#[test]
fn thousands_of_intervals_pass_and_no_heartbeat_crosses() {
    let mut world = engine_io();
    for round in 1..=5_000 {
        world.pass(Duration::from_secs(25));
        assert_eq!(world.client_heard(), ["2"], "round {round}");
        world.client_says("3");
        world.backend_says("2");
        assert_eq!(world.backend_heard(), ["3"], "round {round}");
        assert!(world.client_heard().is_empty(), "round {round}");
    }
    assert_eq!(world.counters.to_backend.accepted.value(), 0);
    assert_eq!(world.counters.heartbeats_answered.value(), 5_000);
    assert_eq!(world.counters.upstream_pings_answered.value(), 5_000);
    world.assert_balanced();
}

#[test]
fn heartbeats_go_on_while_the_backend_is_away() {
    let mut world = engine_io();
    world.pass(Duration::from_secs(24));
    world.backend_says("2");
    world.kill_backend();
    world.refuse_dials_for(Duration::from_secs(15));
    assert_eq!(world.client_heard(), ["2"]);
    world.client_says("3");
    world.bring_backend_back();
    world.backend_says("2");
    assert_eq!(world.backend_heard(), ["3"]);
    assert!(!world.session.is_closed());
}

#[test]
fn a_client_whose_heartbeats_stop_is_closed_and_its_backend_sees_it() {
    let mut world = engine_io();
    world.pass(Duration::from_secs(45));
    assert!(world.session.is_closed());
    assert_eq!(world.counters.clients_dead.value(), 1);
}

#[test]
fn a_backend_whose_heartbeats_stop_is_dialled_again() {
    let mut world = engine_io();
    world.pass(Duration::from_secs(25));
    world.client_says("3");
    world.pass(Duration::from_secs(20));
    assert!(world.session.is_holding());
    world.bring_backend_back();
    world.client_says("42[\"hello\"]");
    assert_eq!(world.backend_heard(), ["42[\"hello\"]"]);
}

fn stomp() -> World {
    let mut route = policy();
    route.heartbeat.protocol = Some(Protocol::Stomp);
    route.hold.replay.first = 1;
    route.hold.replay.swallow = 1;
    let mut world = World::new(route);
    world.client_says("CONNECT\naccept-version:1.2\nheart-beat:8000,8000\n\n\0");
    assert_eq!(world.backend_heard().len(), 1);
    world.backend_says("CONNECTED\nversion:1.2\nheart-beat:8000,0\n\n\0");
    // What the broker does not want of its clients, we do.
    assert_eq!(world.client_heard(), ["CONNECTED\nversion:1.2\nheart-beat:8000,8000\n\n\0"]);
    world
}

#[test]
fn stomp_brokers_and_clients_hear_our_line_ends_alone() {
    let mut world = stomp();
    for round in 1..=5_000 {
        world.pass(Duration::from_secs(6));
        assert_eq!(world.client_heard(), ["\n"], "round {round}");
        world.client_says("\n");
        world.backend_says("\n");
        assert!(world.client_heard().is_empty(), "round {round}");
    }
    assert!(world.backend_heard().is_empty());
    assert_eq!((world.counters.to_backend.accepted.value(), world.counters.to_client.accepted.value()), (1, 1));
    world.assert_balanced();
}

#[test]
fn a_stomp_client_outlives_its_broker_unless_that_has_erred() {
    let mut world = stomp();
    world.kill_backend();
    world.client_says("SEND\n\nheld\0");
    world.bring_backend_back();
    assert_eq!(world.backend_heard().len(), 1, "the replay, and what was held waits for its answer");
    world.backend_says("CONNECTED\nversion:1.2\nheart-beat:8000,8000\n\n\0");
    assert_eq!(world.backend_heard(), ["SEND\n\nheld\0"]);
    assert!(world.client_heard().is_empty());

    world.backend_says("ERROR\nmessage:no\n\n\0");
    world.kill_backend();
    assert_eq!(world.client_heard(), ["ERROR\nmessage:no\n\n\0"]);
    assert_eq!(world.client_closed().and_then(|reason| reason.code), Some(1000));
    assert!(!world.session.is_holding());
    world.assert_balanced();
}

#[test]
fn whoever_is_in_the_middle_of_a_message_or_not_read_is_not_dead() {
    let mut world = stomp();
    // A frame of 120 bytes, of which so many come.
    world.client_sends_raw(&[0x81, 0x80 | 120, 0, 0, 0, 0]);
    for _ in 0..30 {
        world.pass(Duration::from_secs(4));
        world.client_sends_raw(b"xxxx");
        world.backend_says("\n");
    }
    assert_eq!(world.counters.clients_dead.value(), 0);

    world.backend_reads = false;
    world.pass(Duration::from_secs(7));
    world.client_says_unwritten(&"x".repeat(70_000));
    assert!(!world.session.wants_client_bytes());
    for _ in 0..5 {
        world.pass(Duration::from_secs(4));
        world.backend_says_unwritten("\n");
    }
    assert_eq!(world.counters.clients_dead.value(), 0);
}
