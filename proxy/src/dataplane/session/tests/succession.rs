//! A route's successor, taken up by a session that is open.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::dataplane::chain::{
    Call, Chain, Filter, FilterFailure, FilterTimer, Reaction, SharedFilter, Subscription, Verdict,
};
use crate::dataplane::chain::{Handle, Interest};
use crate::dataplane::codec::{Opcode, encode};
use crate::dataplane::message::{CloseReason, Direction, MessageKind};
use crate::dataplane::probe::{Fixed, Probe};
use crate::dataplane::route::Backend;

/// Puts its name, and how many messages of the session it has seen, behind each message.
struct Stamp {
    name: &'static str,
    seen: u32,
    log: Rc<RefCell<Vec<String>>>,
}

impl Filter for Stamp {
    fn name(&self) -> &str {
        self.name
    }

    fn subscription(&self) -> Subscription {
        Subscription { to_backend: Interest::Whole, ..Subscription::default() }
    }

    fn on_message(
        &mut self,
        call: Call<'_>,
        _: Direction,
        _: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        // What a filter keeps of a session hangs on the handle.
        call.handle.generation = 1;
        call.handle.slot += 1;
        self.seen += 1;
        if payload == b"timer" {
            let at = call.now + Duration::from_secs(1);
            call.facts.inner_mut().timers.push(FilterTimer { position: call.position, timer: 7, at });
        }
        Ok(Verdict::Replace(format!("{}{}{}", String::from_utf8_lossy(payload), self.name, call.handle.slot).into()))
    }

    fn on_timer(&mut self, _: Call<'_>, timer: u32) -> Result<Reaction, FilterFailure> {
        self.log.borrow_mut().push(format!("{} timer {timer}", self.name));
        Ok(Reaction::None)
    }

    fn on_close(&mut self, call: Call<'_>, reason: &CloseReason) {
        *call.handle = Handle::default();
        self.log.borrow_mut().push(format!("{} closed: {}", self.name, reason.reason));
    }
}

fn stamp(name: &'static str, log: &Rc<RefCell<Vec<String>>>) -> SharedFilter {
    Rc::new(RefCell::new(Box::new(Stamp { name, seen: 0, log: Rc::clone(log) })))
}

#[test]
fn each_message_meets_the_old_chain_or_the_new_and_state_moves_with_its_filter() {
    let log = Rc::default();
    let [a, b, c] = ["a", "b", "c"].map(|name| stamp(name, &log));
    let mut world = World::through(policy(), Chain::new(vec![a.clone(), b.clone()]));
    world.client_says("one");
    world.succeed(policy(), Chain::new(vec![c.clone(), b.clone(), a.clone()]));
    world.client_says("two");
    assert_eq!(world.backend_heard(), ["onea1b1", "twoc1b2a2"]);
    assert!(log.borrow().is_empty());
    world.succeed(policy(), Chain::new(vec![c]));
    world.client_says("three");
    assert_eq!(world.backend_heard(), ["threec2"]);
    assert_eq!(*log.borrow(), ["b closed: off the route", "a closed: off the route"]);
    world.assert_balanced();
}

#[test]
fn a_message_that_is_half_there_meets_the_new_chain_when_it_is_whole() {
    let log = Rc::default();
    let [a, b] = ["a", "b"].map(|name| stamp(name, &log));
    let mut world = World::through(policy(), Chain::new(vec![a]));
    let mut frame = Vec::new();
    encode(Role::Client, Opcode::Text, b"half", &mut frame);
    let rest = frame.split_off(8);
    world.client_sends_raw(&frame);
    world.succeed(policy(), Chain::new(vec![b]));
    world.client_sends_raw(&rest);
    assert_eq!(world.backend_heard(), ["halfb1"]);
}

#[test]
fn timers_move_with_their_filter_and_go_with_it() {
    let log = Rc::default();
    let [a, b] = ["a", "b"].map(|name| stamp(name, &log));
    let mut world = World::through(policy(), Chain::new(vec![a.clone(), b.clone()]));
    world.client_says("timer");
    // "timer" is what a sees, "timera1" what b sees: the timer is a's.
    world.succeed(policy(), Chain::new(vec![b.clone(), a.clone()]));
    world.pass(Duration::from_secs(1));
    assert_eq!(log.borrow_mut().split_off(0), ["a timer 7"]);
    world.succeed(policy(), Chain::new(vec![a.clone(), b.clone()]));
    world.client_says("timer");
    world.succeed(policy(), Chain::new(vec![b]));
    world.pass(Duration::from_secs(2));
    assert_eq!(*log.borrow(), ["a closed: off the route"]);
}

#[test]
fn a_timer_that_is_due_when_its_session_has_ended_wakes_nobody() {
    let log = Rc::default();
    let mut world = World::through(policy(), Chain::new(vec![stamp("a", &log)]));
    world.client_says("timer");
    world.client_breaks();
    world.pass(Duration::from_secs(2));
    let [closed] = &log.borrow()[..] else { panic!("{log:?}") };
    assert!(closed.starts_with("a closed: "), "{closed}");
}

#[test]
fn a_held_session_dials_a_backend_that_has_moved_within_a_second() {
    let slow = Backoff::Fixed { every: Duration::from_secs(50), attempts_max: None };
    let route = |authority: &str| {
        let mut route = policy();
        route.hold.redial = slow.clone();
        route.backend = Backend::at(authority);
        route
    };
    let mut world = World::new(route("127.0.0.1:1"));
    world.pass(Duration::from_secs(5));
    world.kill_backend();
    world.fail_dial(DialFailure::Unavailable);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.session.upstream_wish(), UpstreamWish::Drop);
    world.succeed(route("127.0.0.1:2"), Chain::default());
    world.pass_unsettled(Duration::from_secs(1));
    assert_eq!(world.session.upstream_wish(), UpstreamWish::Dial);
    assert_eq!(&*world.session.route().route.backend.authority, "127.0.0.1:2");
}

#[test]
fn probing_begins_and_ends_with_what_the_route_says() {
    let mut world = World::new(policy());
    world.pass(Duration::from_secs(100));
    assert_eq!(world.counters.probes_sent.value(), 0);
    let mut asks = policy();
    let fixed = Fixed { every: Duration::from_secs(10), timeout: Duration::from_secs(5) };
    asks.heartbeat.probe = Some(Probe::Fixed(fixed));
    world.succeed(asks, Chain::default());
    for _ in 0..20 {
        world.pass(Duration::from_secs(1));
        world.client_pongs_back();
    }
    let asked = world.counters.probes_sent.value();
    assert!(asked >= 1);
    world.succeed(policy(), Chain::default());
    world.pass(Duration::from_secs(100));
    assert_eq!(world.counters.probes_sent.value(), asked);
    assert!(!world.session.is_closed());
}

#[test]
fn a_session_that_skipped_a_version_takes_up_the_last() {
    let mut world = World::new(policy());
    let limited = |bytes| {
        let mut route = policy();
        route.messages.message_bytes_max = bytes;
        route
    };
    let first = Rc::clone(world.session.route());
    let second = world.succeed_unseen(&first, limited(5));
    world.succeed_unseen(&second, limited(6));
    world.take_up();
    assert_eq!(world.session.route().route.messages.message_bytes_max, 6);
    assert!(world.session.successor().is_none());
}
