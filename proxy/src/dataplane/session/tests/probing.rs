//! Clients that fall silent, and how long it takes until that is noticed.

use std::sync::Arc;

use super::world::{World, policy};
use super::*;
use crate::dataplane::codec::Framer;
use crate::dataplane::probe::{Adaptive, Fixed, Probe};

const EVERY: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);

fn fixed() -> Route {
    let mut route = policy();
    route.heartbeat.probe = Some(Probe::Fixed(Fixed { every: EVERY, timeout: TIMEOUT }));
    route
}

fn adaptive() -> Adaptive {
    Adaptive {
        min: Duration::from_secs(30),
        max: Duration::from_secs(600),
        detect_within: Duration::from_secs(240),
        ..Adaptive::default()
    }
}

fn learning_route() -> Route {
    let mut route = policy();
    route.heartbeat.probe = Some(Probe::Adaptive(adaptive()));
    route
}

fn learning() -> World {
    World::new(learning_route())
}

impl World {
    fn pass_until_asked(&mut self) {
        while self.counters.probes_sent.value() == 0 {
            let next = self.session.next_deadline();
            self.pass(next - self.now());
        }
    }
}

/// The client has been asked once, at the random time that comes first, and has just spoken.
fn spoken(route: Route) -> World {
    let mut world = World::new(route);
    live(&mut world, EVERY, Duration::from_millis(100));
    assert_eq!(world.counters.probes_answered.value(), 1);
    world.client_says("hello");
    world
}

/// Lets time pass, in which the client answers probes after `delay`.
fn live(world: &mut World, time: Duration, delay: Duration) {
    let end = world.now() + time;
    while world.now() < end && !world.session.is_closed() {
        let next = world.session.next_deadline().min(end);
        world.pass(next - world.now());
        if world.client_was_pinged() {
            world.pass(delay);
            world.client_pongs_back();
        }
    }
}

#[test]
fn a_silent_client_is_probed_and_then_taken_for_dead() {
    let mut world = spoken(fixed());
    world.pass(EVERY - Duration::from_secs(1));
    assert_eq!(world.counters.probes_sent.value(), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.counters.probes_sent.value(), 2);
    world.pass(TIMEOUT);
    assert_eq!((world.counters.clients_dead.value(), world.counters.probes_missed.value()), (1, 1));
    assert!(world.session.is_closed());
}

#[test]
fn a_client_that_answers_its_probe_lives() {
    let mut world = World::new(fixed());
    live(&mut world, 10 * EVERY, Duration::from_millis(200));
    assert!(!world.session.is_closed());
    assert_eq!(world.counters.clients_dead.value(), 0);
    let sent = world.counters.probes_sent.value();
    assert!((9..=11).contains(&sent), "{sent}");
    assert_eq!(world.counters.probes_answered.value(), sent);
}

#[test]
fn a_crowd_is_not_asked_at_once() {
    let mut asked: Vec<_> = (0..100)
        .map(|seed| {
            let mut world = World::seeded(fixed(), seed);
            let begun = world.now();
            world.pass_until_asked();
            let first = (world.now() - begun).as_secs();
            assert!((15..=30).contains(&first), "{first}");
            (first - 15) / 5
        })
        .collect();
    asked.sort_unstable();
    for third in 0..3 {
        let count = asked.iter().filter(|asked| **asked == third).count();
        assert!((15..=55).contains(&count), "{count} of 100 in the third {third}");
    }
}

#[test]
fn nobody_is_asked_while_traffic_proves_life() {
    let mut world = spoken(learning_route());
    for _ in 0..100 {
        world.client_says("still here");
        world.pass(Duration::from_secs(29));
    }
    assert_eq!(world.counters.probes_sent.value(), 1);
}

#[test]
fn any_byte_answers_a_probe() {
    let mut world = spoken(fixed());
    for _ in 0..10 {
        world.pass(EVERY + Duration::from_secs(1));
        world.client_says("busy");
    }
    world.pass(EVERY - Duration::from_secs(1));
    assert!(!world.session.is_closed());
    assert_eq!(world.counters.probes_answered.value(), 11);
}

#[test]
fn an_adaptive_probe_asks_twice_within_its_time() {
    let mut world = learning();
    live(&mut world, Duration::from_secs(300), Duration::from_millis(100));
    let (sent, last) = (world.counters.probes_sent.value(), world.now());
    world.client_says("my last words");
    world.pass(adaptive().detect_within);
    assert!(world.session.is_closed());
    assert_eq!(world.counters.probes_sent.value() - sent, 2);
    assert_eq!(world.counters.probes_missed.value(), 2);
    assert_eq!(world.counters.clients_dead.value(), 1);
    assert!(world.now() - last <= adaptive().detect_within);
}

#[test]
fn a_client_that_answers_late_is_given_more_time() {
    let mut world = learning();
    live(&mut world, Duration::from_secs(3_600), Duration::from_millis(2_500));
    assert!(!world.session.is_closed());
    let missed = world.counters.probes_missed.value();
    live(&mut world, Duration::from_secs(3_600), Duration::from_millis(2_500));
    assert_eq!(world.counters.probes_missed.value(), missed, "asked twice after it was known to be slow");
}

#[test]
fn probes_become_rare_where_the_network_allows_it() {
    let mut world = learning();
    live(&mut world, Duration::from_secs(2 * 3_600), Duration::from_millis(100));
    let before = world.counters.probes_sent.value();
    live(&mut world, Duration::from_secs(3_600), Duration::from_millis(100));
    let hourly = world.counters.probes_sent.value() - before;
    assert!(hourly <= 3_600 / 225, "{hourly} probes an hour, and 240 s to find the dead");
    assert_eq!(world.counters.clients_dead.value(), 0);
}

#[test]
fn a_process_that_stood_still_does_not_blame_its_clients() {
    let mut world = spoken(fixed());
    world.pass(EVERY + Duration::from_secs(1));
    world.pass_unsettled(Duration::from_secs(3_600));
    world.settle();
    assert!(!world.session.is_closed());
    world.client_pongs_back();
    world.pass(EVERY - Duration::from_secs(1));
    assert!(!world.session.is_closed());
}

#[test]
fn a_client_that_should_speak_and_does_not_is_dead() {
    let mut route = policy();
    route.heartbeat.expect = Some(Duration::from_secs(90));
    let mut world = World::new(route);
    for _ in 0..5 {
        world.pass(Duration::from_secs(89));
        world.client_says("my own heartbeat");
    }
    world.pass(Duration::from_secs(91));
    assert!(world.session.is_closed());
    assert_eq!((world.counters.clients_silent.value(), world.counters.probes_sent.value()), (1, 0));
}

#[test]
fn a_stranger_to_our_numbers_proves_life_and_teaches_nothing() {
    let mut world = spoken(fixed());
    for _ in 0..20 {
        world.pass(EVERY + Duration::from_secs(1));
        world.client_sends_pong(b"belay-ok\xff\xff\xff\xff\xff\xff\xff\xff");
        world.client_sends_pong(b"belay-ok");
        world.client_sends_pong(b"belay-ok and more than a number");
    }
    assert!(!world.session.is_closed());
    assert_eq!(world.counters.clients_dead.value(), 0);
}

#[test]
fn where_there_are_no_pings_a_message_asks() {
    let mut route = fixed();
    route.framing = Framing::Raw(Arc::new(Framer::Lines));
    let mut world = World::new(route.clone());
    world.pass(2 * EVERY);
    assert_eq!(world.counters.probes_sent.value(), 0);
    route.heartbeat.probe_message = Some("ARE YOU THERE".into());
    let mut world = World::new(route);
    (world.client_reads, world.backend_reads) = (false, false);
    world.pass_until_asked();
    assert_eq!(world.session.client_output(), b"ARE YOU THERE\n");
    world.client_sends_raw(b"YES\n");
    assert!(!world.session.is_closed());
    world.pass(EVERY + TIMEOUT);
    assert_eq!((world.counters.probes_answered.value(), world.counters.clients_dead.value()), (1, 1));
}
