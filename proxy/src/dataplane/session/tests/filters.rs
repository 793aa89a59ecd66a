//! What verdicts of filters mean to a session, in both directions.

use std::cell::RefCell;
use std::rc::Rc;

use super::world::{World, policy};
use crate::dataplane::chain::{Call, Chain, Filter, FilterFailure, Interest, Subscription, Verdict};
use crate::dataplane::message::{Direction, Message, MessageKind};

/// Does what a message says; passes on what says nothing.
struct Obedient;

impl Filter for Obedient {
    fn name(&self) -> &str {
        "obedient"
    }

    fn subscription(&self) -> Subscription {
        Subscription { to_backend: Interest::Whole, to_client: Interest::Whole, ..Subscription::default() }
    }

    fn on_message(
        &mut self,
        _: Call<'_>,
        _: Direction,
        _: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        Ok(match payload {
            b"reply" => Verdict::Reply(Message::text("replied")),
            b"beat" => Verdict::Heartbeat(Some(Message::text("beaten"))),
            b"quiet" => Verdict::Heartbeat(None),
            _ => Verdict::Continue,
        })
    }
}

fn obeyed() -> World {
    World::through(policy(), Chain::new(vec![Rc::new(RefCell::new(Box::new(Obedient) as Box<dyn Filter>))]))
}

#[test]
fn a_filter_answers_either_side_and_the_other_hears_nothing() {
    let mut world = obeyed();
    world.client_says("reply");
    assert_eq!((world.client_heard(), world.backend_heard()), (vec!["replied".to_owned()], vec![]));
    world.backend_says("reply");
    assert_eq!((world.client_heard(), world.backend_heard()), (vec![], vec!["replied".to_owned()]));
    assert_eq!(world.counters.heartbeats_answered.value(), 0);
    world.assert_balanced();
}

#[test]
fn a_filter_tells_what_is_a_heartbeat_of_either_side() {
    let mut world = obeyed();
    world.client_says("beat");
    world.client_says("quiet");
    assert_eq!((world.client_heard(), world.backend_heard()), (vec!["beaten".to_owned()], vec![]));
    assert_eq!(world.counters.heartbeats_answered.value(), 2);
    world.backend_says("beat");
    world.backend_says("quiet");
    assert_eq!((world.client_heard(), world.backend_heard()), (vec![], vec!["beaten".to_owned()]));
    assert_eq!(world.counters.upstream_pings_answered.value(), 1);
    world.assert_balanced();
}

#[test]
fn a_filters_heartbeats_go_on_while_the_backend_is_away() {
    let mut world = obeyed();
    world.kill_backend();
    world.client_says("beat");
    assert_eq!(world.client_heard(), ["beaten"]);
    world.bring_backend_back();
    assert!(world.backend_heard().is_empty());
}
