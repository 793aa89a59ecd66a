//! What is told of a session's life.

use std::time::Duration;

use super::world::{World, policy};
use super::*;
use crate::dataplane::probe::{Fixed, Probe};
use crate::dataplane::state::{EndReason, Ended};

impl World {
    fn ended(&self) -> Option<EndReason> {
        let states = self.states();
        let ends = states.iter().filter(|state| matches!(state, SessionState::Disconnected(_))).count();
        assert!(ends <= 1, "{states:?}");
        match states.last() {
            Some(SessionState::Disconnected(Ended { reason, .. })) => Some(*reason),
            _ => None,
        }
    }
}

#[test]
fn a_life_is_told_in_its_order() {
    let mut world = World::new(policy());
    world.client_says("hello");
    world.kill_backend();
    world.bring_backend_back();
    world.client_says("again");
    world.client_closes(1000);
    world.backend_closes(1000, "");
    let ended = Ended { reason: EndReason::ClientClosed, messages: 2, dials: 2 };
    assert_eq!(
        world.states(),
        [SessionState::Connected, SessionState::Holding, SessionState::Connected, SessionState::Disconnected(ended)]
    );
}

#[test]
fn every_end_has_its_reason() {
    type Act = fn(&mut World);
    let cases: [(Act, EndReason); 7] = [
        (|world| world.client_hangs_up(), EndReason::ClientGone),
        (|world| world.client_sends_raw(&[0xff, 0xff, 0, 0, 0, 0]), EndReason::ClientMisbehaved),
        (|world| world.backend_closes(4001, "banned"), EndReason::BackendClosed),
        (
            |world| {
                world.kill_backend();
                world.fail_dial(DialFailure::Refused(403));
            },
            EndReason::BackendRefused,
        ),
        (
            |world| {
                world.kill_backend();
                world.refuse_dials_for(Duration::from_secs(61));
            },
            EndReason::HoldExpired,
        ),
        (
            |world| {
                world.kill_backend();
                world.client_says(&"x".repeat(80 * 1024));
            },
            EndReason::HoldFull,
        ),
        (|world| world.shut_down(), EndReason::Drained),
    ];
    for (act, reason) in cases {
        let mut world = World::new(policy());
        act(&mut world);
        world.pass(Duration::from_secs(10));
        assert_eq!(world.ended(), Some(reason));
    }
}

#[test]
fn a_dead_client_is_told_apart_from_one_that_left() {
    let mut route = policy();
    route.heartbeat.probe = Some(Probe::Fixed(Fixed::default()));
    let mut world = World::new(route);
    world.pass(Duration::from_secs(45));
    assert_eq!(world.ended(), Some(EndReason::ClientDead));
}

#[test]
fn a_session_that_is_told_to_go_drains_first() {
    let mut world = World::new(policy());
    world.shut_down();
    assert_eq!(world.states(), [SessionState::Connected, SessionState::Draining]);
    world.client_closes(1001);
    world.backend_closes(1001, "");
    assert_eq!(world.ended(), Some(EndReason::Drained));
}

#[test]
fn a_name_that_comes_late_is_told_once() {
    let mut world = World::new(policy());
    let facts = world.session.core.facts.inner_mut();
    facts.attributes.set("user", "alice");
    // As the host does when a filter sets an attribute.
    facts.renamed = true;
    world.client_says("I am alice");
    world.client_says("and still am");
    assert_eq!(world.states(), [SessionState::Connected, SessionState::Connected]);
}
