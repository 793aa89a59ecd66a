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
