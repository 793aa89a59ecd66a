//! A session between a client and a backend that are made of bytes, in virtual time.

mod callouts;
mod faults;
mod filters;
mod floods;
mod heartbeats;
mod probing;
mod raw;
mod states;
mod succession;
mod world;

use std::time::Duration;

use self::world::{World, policy};
use super::timers::Timer;
use super::*;
use crate::dataplane::heartbeat::{Answerer, Text};
use crate::dataplane::hold::{Backoff, Unconfirmed};
use crate::dataplane::ledger::LossReason;
use crate::dataplane::message::Message;
use crate::dataplane::route::{Route, SlowClient};

#[test]
fn messages_pass_both_ways() {
    let mut world = World::new(policy());
    world.client_says("hello");
    world.backend_says("hi");
    assert_eq!(world.backend_heard(), ["hello"]);
    assert_eq!(world.client_heard(), ["hi"]);
    world.assert_balanced();
}

#[test]
fn a_session_survives_its_backend() {
    let mut world = World::new(policy());
    world.kill_backend();
    world.client_says("while you were away");
    assert!(world.session.is_holding());
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["while you were away"]);
    assert_eq!(world.client_closed(), None);
    world.assert_balanced();
}

#[test]
fn a_half_written_message_is_sent_again_whole() {
    let mut world = World::new(policy());
    world.client_says_unwritten("cut in two");
    world.write_upstream(5);
    world.kill_backend();
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["cut in two"]);
    assert_eq!(world.lost(LossReason::Unconfirmed), 0);
}

#[test]
fn pings_are_answered_while_held() {
    let mut world = World::new(policy());
    world.kill_backend();
    world.client_pings(b"are you there");
    assert_eq!(world.client_pongs(), [b"are you there".to_vec()]);
}

#[test]
fn a_declared_heartbeat_reaches_no_backend() {
    let mut route = policy();
    route.heartbeat.answer = vec![Answerer::Text(Text::exact("ping", "pong"))];
    let mut world = World::new(route);
    world.client_says("ping");
    assert_eq!(world.client_heard(), ["pong"]);
    assert!(world.backend_heard().is_empty());
    assert_eq!(world.counters.heartbeats_answered.value(), 1);
    assert_eq!(world.counters.to_backend.accepted.value(), 0);
}

#[test]
fn a_deliberate_close_of_the_backend_closes_the_client_with_the_same_code() {
    let mut world = World::new(policy());
    world.backend_says("last words");
    world.backend_closes(4001, "banned");
    assert_eq!(world.client_heard(), ["last words"]);
    assert_eq!(world.client_closed(), Some(CloseReason::new(4001, "banned")));
    world.client_closes(4001);
    assert!(world.session.is_closed());
}

#[test]
fn a_backend_that_restarts_says_so_and_the_session_is_held() {
    for code in [1001, 1011, 1012, 1013] {
        let mut world = World::new(policy());
        world.backend_closes(code, "restarting");
        assert!(world.session.is_holding(), "{code}");
        assert_eq!(world.client_closed(), None);
    }
}

#[test]
fn where_nothing_is_held_a_restart_of_the_backend_closes_the_client_with_the_same_code() {
    let mut route = policy();
    route.hold.time_max = Duration::ZERO;
    let mut world = World::new(route);
    world.backend_closes(1012, "restarting");
    assert_eq!(world.client_closed(), Some(CloseReason::new(1012, "restarting")));
}

#[test]
fn a_close_of_the_client_waits_for_the_backends_last_messages() {
    let mut world = World::new(policy());
    world.client_says("bye");
    world.client_closes(1000);
    assert_eq!(world.client_closed(), None);
    world.backend_says("see you");
    assert_eq!(world.backend_heard(), ["bye"]);
    world.backend_closes(1000, "");
    assert_eq!(world.client_heard(), ["see you"]);
    assert!(world.client_closed().is_some());
    assert!(world.session.is_closed());
    world.assert_balanced();
}

#[test]
fn a_backend_that_does_not_answer_a_close_holds_nobody_up() {
    let mut world = World::new(policy());
    world.client_closes(1000);
    world.pass(CLOSE_TIMEOUT);
    assert_eq!(world.client_closed(), Some(CloseReason::new(1000, "")));
    assert!(world.session.is_closed());
}

#[test]
fn a_backend_that_answers_a_close_by_hanging_up_has_read_what_came_before() {
    let mut world = World::new(policy());
    world.client_says("bye");
    world.client_closes(1000);
    world.backend_hangs_up();
    assert_eq!(world.client_closed(), Some(CloseReason::new(1000, "")));
    assert_eq!(world.counters.to_backend.delivered.value(), 1);
    assert!(world.session.is_closed());
    world.assert_balanced();
}

#[test]
fn patience_ends_with_the_configured_code() {
    let mut world = World::new(policy());
    world.kill_backend();
    world.client_says("never to arrive");
    world.refuse_dials_for(Duration::from_secs(61));
    assert_eq!(world.client_closed().and_then(|reason| reason.code), Some(1013));
    assert_eq!(world.lost(LossReason::HoldExpired), 1);
    world.assert_balanced();
}

#[test]
fn a_held_crowd_is_not_closed_at_one_moment() {
    let mut world = World::new(policy());
    let ends: std::collections::HashSet<u64> = (0..20)
        .map(|_| {
            world.kill_backend();
            let held_for = world.session.core.timers.at(Timer::HoldEnds) - world.now();
            assert!(held_for <= Duration::from_secs(60) && held_for >= Duration::from_secs(54), "{held_for:?}");
            world.bring_backend_back();
            held_for.as_millis() as u64
        })
        .collect();
    assert!(ends.len() > 15, "{ends:?}");
}

#[test]
fn attempts_may_be_bounded() {
    let mut route = policy();
    route.hold.redial = Backoff::Fixed { every: Duration::from_secs(1), attempts_max: Some(3) };
    let mut world = World::new(route);
    world.kill_backend();
    world.refuse_dials_for(Duration::from_secs(10));
    assert_eq!(world.counters.dials.value(), 3);
    assert_eq!(world.client_closed().and_then(|reason| reason.code), Some(1013));
}

#[test]
fn more_than_may_be_held_closes_the_session_and_is_counted() {
    let mut route = policy();
    route.hold.bytes_max = 100;
    let mut world = World::new(route);
    world.kill_backend();
    world.client_says(&"x".repeat(60));
    world.client_says(&"y".repeat(60));
    assert_eq!(world.client_closed().and_then(|reason| reason.code), Some(1013));
    assert_eq!(world.lost(LossReason::HoldFull), 2);
    world.assert_balanced();
}

#[test]
fn the_process_wide_budget_bounds_every_session() {
    let mut world = World::with_budget(policy(), 50);
    world.kill_backend();
    world.client_says(&"x".repeat(60));
    assert_eq!(world.lost(LossReason::Budget), 1);
    assert_eq!(world.budget.used(), 0);
}

#[test]
fn what_an_upstream_took_without_proof_is_reported() {
    let mut route = policy();
    route.hold.notice_holding = Some(Message::text("holding, {unconfirmed} in doubt"));
    let mut world = World::new(route);
    world.client_says("read and proved");
    world.pass(Duration::from_secs(2));
    world.client_says("perhaps read");
    world.client_says("perhaps too");
    world.kill_backend();
    assert_eq!(world.client_heard(), ["holding, 2 in doubt"]);
    assert_eq!(world.lost(LossReason::Unconfirmed), 2);
    assert_eq!(world.counters.to_backend.delivered.value(), 1);
    world.assert_balanced();
}

#[test]
fn resending_repeats_what_was_not_proved() {
    let mut route = policy();
    route.hold.unconfirmed = Unconfirmed::Resend;
    let mut world = World::new(route);
    world.client_says("one");
    world.pass(Duration::from_secs(2));
    world.client_says("two");
    world.kill_backend();
    world.client_says("three");
    assert_eq!(world.backend_heard(), ["one", "two"]);
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["two", "three"]);
    assert_eq!(world.lost(LossReason::Unconfirmed), 0);
}

#[test]
fn a_buffer_full_of_unproved_messages_is_proved_at_once() {
    let mut route = policy();
    route.hold.unconfirmed = Unconfirmed::Resend;
    route.hold.bytes_max = 1000;
    let mut world = World::new(route);
    for _ in 0..50 {
        world.client_says(&"x".repeat(300));
        assert!(world.session.wants_client_bytes());
    }
    assert_eq!(world.backend_heard().len(), 50);
}

#[test]
fn a_backend_that_never_proves_anything_counts_as_stalled_when_it_must() {
    let mut route = policy();
    route.hold.unconfirmed = Unconfirmed::Resend;
    route.hold.bytes_max = 1000;
    let mut world = World::new(route);
    world.backend_pongs = false;
    for _ in 0..5 {
        world.client_says(&"x".repeat(300));
    }
    assert!(!world.session.wants_client_bytes());
    world.pass(Duration::from_secs(31));
    assert!(world.session.is_holding());
}

#[test]
fn first_messages_are_said_again_to_a_new_upstream_but_not_twice() {
    let mut route = policy();
    route.hold.replay.first = 2;
    route.hold.replay.bytes_max = 100;
    route.hold.replay.swallow = 1;
    let mut world = World::new(route);
    world.client_says("login");
    assert_eq!(world.backend_heard(), ["login"]);
    world.kill_backend();
    world.client_says("subscribe");
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["login", "subscribe"]);
    world.backend_says("welcome again");
    world.backend_says("news");
    assert_eq!(world.client_heard(), ["news"]);
    world.kill_backend();
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["login", "subscribe"]);
    world.assert_balanced();
}

#[test]
fn what_was_held_waits_until_a_new_upstream_has_answered_the_replay() {
    let mut route = policy();
    route.hold.replay.first = 1;
    route.hold.replay.swallow = 1;
    let mut world = World::new(route);
    world.client_says("login");
    assert_eq!(world.backend_heard(), ["login"]);
    world.kill_backend();
    world.client_says("held");
    world.bring_backend_back();
    world.client_says("new");
    assert_eq!(world.backend_heard(), ["login"]);
    world.backend_says("welcome again");
    assert_eq!(world.backend_heard(), ["held", "new"]);
    assert!(world.client_heard().is_empty());

    // One that never answers counts as stalled.
    world.kill_backend();
    world.bring_backend_back();
    world.client_says("more");
    world.pass(Duration::from_secs(31));
    assert!(world.session.is_holding());
    world.bring_backend_back();
    world.backend_says("welcome again");
    assert_eq!(world.backend_heard(), ["login", "more"]);
    world.assert_balanced();
}

#[test]
fn a_backend_that_greets_greets_the_client_once() {
    let mut route = policy();
    route.hold.replay.greeting = 1;
    let mut world = World::new(route);
    world.kill_backend();
    world.bring_backend_back();
    world.backend_says("o");
    assert_eq!(world.client_heard(), ["o"], "the first backend went away before it greeted");

    for round in ["one", "two"] {
        world.kill_backend();
        world.client_says(round);
        world.bring_backend_back();
        assert!(world.backend_heard().is_empty(), "what was held waits for the greeting");
        world.backend_says("o");
        assert_eq!(world.backend_heard(), [round]);
        assert!(world.client_heard().is_empty());
        world.backend_says("o");
        assert_eq!(world.client_heard(), ["o"], "only the first is a greeting");
        world.assert_balanced();
    }
}

#[test]
fn a_backend_may_greet_and_answer_the_replay() {
    let mut route = policy();
    route.hold.replay.first = 1;
    route.hold.replay.swallow = 1;
    route.hold.replay.greeting = 1;
    let mut world = World::new(route);
    world.backend_says("hello");
    world.client_says("log in");
    assert_eq!(world.backend_heard(), ["log in"]);
    world.backend_says("logged in");
    assert_eq!(world.client_heard(), ["hello", "logged in"]);
    world.kill_backend();
    world.client_says("held");
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["log in"]);
    world.backend_says("hello");
    assert!(world.backend_heard().is_empty());
    world.backend_says("logged in");
    assert_eq!(world.backend_heard(), ["held"]);
    assert!(world.client_heard().is_empty());
    world.assert_balanced();
}

#[test]
fn notices_say_when_holding_begins_and_ends() {
    let mut route = policy();
    route.hold.notice_holding = Some(Message::text("holding"));
    route.hold.notice_bound = Some(Message::text("back"));
    let mut world = World::new(route);
    world.kill_backend();
    assert_eq!(world.client_heard(), ["holding"]);
    world.bring_backend_back();
    assert_eq!(world.client_heard(), ["back"]);
}

#[test]
fn a_refusal_of_the_backend_on_return_ends_the_session() {
    let mut world = World::new(policy());
    world.kill_backend();
    world.fail_dial(DialFailure::Refused(401));
    assert_eq!(world.client_closed().and_then(|reason| reason.code), Some(1008));
}

#[test]
fn a_slow_client_stops_its_own_backend_and_is_closed_in_the_end() {
    let mut route = policy();
    route.slow_client.bytes_max = 1000;
    let mut world = World::new(route);
    world.client_reads = false;
    for _ in 0..20 {
        world.backend_says(&"x".repeat(100));
    }
    assert!(!world.session.wants_upstream_bytes());
    world.pass(Duration::from_secs(61));
    assert!(world.session.is_closed());
    assert_eq!(world.counters.to_client.lost(LossReason::SlowClient).value(), 20);
    world.assert_balanced();
}

#[test]
fn a_slow_backend_stops_its_own_client_and_is_replaced_in_the_end() {
    let mut route = policy();
    route.hold.bytes_max = 1000;
    let mut world = World::new(route);
    world.backend_reads = false;
    for _ in 0..20 {
        world.client_says(&"x".repeat(100));
    }
    assert!(!world.session.wants_client_bytes());
    world.pass(Duration::from_secs(31));
    assert!(world.session.is_holding());
}

#[test]
fn a_client_that_breaks_the_protocol_is_closed_and_the_backend_told() {
    let mut world = World::new(policy());
    world.client_sends_raw(&[0xff, 0xff, 0, 0, 0, 0]);
    assert_eq!(world.client_closed().and_then(|reason| reason.code), Some(1002));
    assert_eq!(world.counters.clients_misbehaved.value(), 1);
}

#[test]
fn a_flapping_backend_is_dialled_ever_more_slowly() {
    let mut route = policy();
    route.hold.redial =
        Backoff::Exponential { from: Duration::from_millis(100), to: Duration::from_secs(5), attempts_max: None };
    let mut world = World::new(route);
    for _ in 0..10 {
        world.kill_backend();
        world.fail_dial(DialFailure::Unavailable);
        world.bring_backend_back();
    }
    assert!(world.session.core.failures >= 10);
    world.pass(Duration::from_secs(2));
    world.kill_backend();
    assert_eq!(world.session.core.failures, 0);
}

#[test]
fn an_idle_session_is_small() {
    // Two decoders, the deadlines, the client's request and what points to the rest. What a session adds to this when idle
    // is measured by the benchmark.
    assert!(size_of::<Session>() <= 512, "{} bytes", size_of::<Session>());
}

#[test]
fn in_a_crowd_a_session_dials_when_its_turn_comes() {
    let mut world = World::new(policy());
    let before = Duration::from_secs(3);
    world.kill_backend();
    world.is_behind_others_for(before);
    let lost = world.now();
    world.fail_dial(DialFailure::Unavailable);
    assert!(world.now() - lost >= before);
}

#[test]
fn of_a_crowd_that_is_called_nobody_waits_for_its_turn() {
    let mut world = World::new(policy());
    world.kill_backend();
    world.is_behind_others_for(Duration::from_secs(3));
    world.pass(Duration::from_millis(200));
    assert!(world.session.awaits_backend());
    world.others_find_the_backend();
    world.pass(Duration::ZERO);
    assert_eq!(world.session.upstream_wish(), UpstreamWish::Dial);
    // The line was the crowd's, and is over with it.
    world.bring_backend_back();
    world.kill_backend();
    let lost = world.now();
    world.fail_dial(DialFailure::Unavailable);
    assert!(world.now() - lost < Duration::from_secs(1));
}
