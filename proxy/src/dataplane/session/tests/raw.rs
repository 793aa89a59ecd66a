//! Sessions on raw TCP, where there is no close but the end of a stream, no ping and no proof.

use std::sync::Arc;

use super::*;
use crate::dataplane::codec::Framer;
use crate::dataplane::state::EndReason;

/// Lines, as the configuration makes such a route.
fn lines() -> Route {
    let mut route = policy();
    route.framing = Framing::Raw(Arc::new(Framer::Lines));
    route.hold.confirm_after = Duration::ZERO;
    route
}

#[test]
fn messages_pass_both_ways_and_are_delivered_when_written() {
    let mut world = World::new(lines());
    world.client_says("hello");
    world.backend_says("hi");
    assert_eq!(world.backend_heard(), ["hello"]);
    assert_eq!(world.client_heard(), ["hi"]);
    assert_eq!(world.counters.to_backend.delivered.value(), 1);
    assert_eq!(world.session.next_deadline(), Instant::NEVER, "nobody is asked for anything");
    world.assert_balanced();
}

#[test]
fn the_end_of_a_backends_stream_is_a_loss_and_the_client_is_held() {
    let mut world = World::new(lines());
    world.backend_says("last words");
    world.backend_hangs_up();
    world.client_says("while you were away");
    assert!(world.session.is_holding());
    assert!(!world.session.client_stream_ends());
    world.bring_backend_back();
    assert_eq!(world.client_heard(), ["last words"]);
    assert_eq!(world.backend_heard(), ["while you were away"]);
    assert_eq!(world.lost(LossReason::Unconfirmed), 0);
    world.assert_balanced();
}

#[test]
fn a_line_that_was_cut_by_a_crash_is_sent_again_whole() {
    let mut world = World::new(lines());
    world.client_says_unwritten("cut in two");
    world.write_upstream(5);
    world.kill_backend();
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["cut in two"]);
}

#[test]
fn a_client_that_ends_its_stream_still_reads_for_as_long_as_its_backend_speaks() {
    let mut world = World::new(lines());
    world.client_says_unwritten("the last question");
    world.client_hangs_up();
    assert_eq!(world.backend_heard(), ["the last question"]);
    assert!(world.session.upstream_stream_ends() && !world.session.client_stream_ends());
    assert!(!world.session.wants_client_bytes(), "its end would be read for ever");
    for answer in ["one", "two", "three"] {
        world.pass(HALF_CLOSED_TIMEOUT - Duration::from_secs(1));
        world.backend_says(answer);
    }
    world.backend_hangs_up();
    assert_eq!(world.client_heard(), ["one", "two", "three"]);
    assert!(world.session.is_closed());
    world.assert_balanced();
}

#[test]
fn a_backend_that_says_nothing_more_ends_a_half_closed_session_in_the_end() {
    let mut world = World::new(lines());
    world.client_hangs_up();
    world.pass(HALF_CLOSED_TIMEOUT);
    assert!(world.session.is_closed());
}

#[test]
fn what_a_client_said_before_its_end_waits_for_a_backend() {
    let mut world = World::new(lines());
    world.kill_backend();
    world.client_says("and so");
    world.client_hangs_up();
    assert!(world.session.is_holding() && !world.session.wants_client_bytes());
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["and so"]);
    assert!(world.session.upstream_stream_ends());
    world.backend_says("indeed");
    world.backend_hangs_up();
    assert_eq!(world.client_heard(), ["indeed"]);
    assert!(world.session.is_closed());
    assert_eq!(world.counters.to_backend.delivered.value(), 1);
    world.assert_balanced();
}

#[test]
fn a_client_that_said_all_is_not_waited_for_when_patience_ends() {
    let mut world = World::new(lines());
    world.kill_backend();
    world.client_says("and so");
    world.client_hangs_up();
    world.refuse_dials_for(Duration::from_secs(61));
    assert!(world.session.is_closed());
    assert_eq!(world.lost(LossReason::HoldExpired), 1);
    world.assert_balanced();
}

#[test]
fn a_client_that_leaves_with_nothing_on_its_way_holds_nobody_up() {
    let mut world = World::new(lines());
    world.kill_backend();
    world.client_hangs_up();
    assert!(world.session.is_closed());
}

#[test]
fn a_client_whose_connection_breaks_is_gone() {
    let mut world = World::new(lines());
    world.client_breaks();
    assert!(world.session.is_closed());
    let Some(SessionState::Disconnected(ended)) = world.states().pop() else { panic!("{:?}", world.states()) };
    assert_eq!(ended.reason, EndReason::ClientGone);
}

#[test]
fn a_client_is_closed_by_the_end_of_its_stream_after_what_it_is_due() {
    let mut world = World::new(lines());
    world.client_reads = false;
    world.backend_says("something");
    world.shut_down();
    assert!(world.session.client_stream_ends());
    world.client_reads = true;
    world.settle();
    assert_eq!(world.client_heard(), ["something"]);
    assert!(!world.session.is_closed(), "its own end is waited for");
    world.client_hangs_up();
    world.backend_hangs_up();
    assert!(world.session.is_closed());
}

#[test]
fn a_client_that_does_not_go_is_not_waited_for_long() {
    let mut world = World::new(lines());
    world.shut_down();
    world.pass(CLOSE_TIMEOUT);
    assert!(world.session.is_closed());
}

#[test]
fn where_nothing_is_held_the_end_of_the_backend_is_the_clients_too() {
    let mut route = lines();
    route.hold.time_max = Duration::ZERO;
    let mut world = World::new(route);
    world.backend_says_unwritten("last words");
    world.backend_hangs_up();
    assert_eq!(world.client_heard(), ["last words"]);
    assert!(world.session.client_stream_ends());
    world.client_hangs_up();
    assert!(world.session.is_closed());
}

#[test]
fn a_heartbeat_is_answered_while_held_also_with_a_carriage_return() {
    let mut route = lines();
    route.heartbeat.answer = vec![Answerer::Text(Text::exact("PING", "PONG"))];
    let mut world = World::new(route);
    world.client_says("PING");
    world.kill_backend();
    world.client_says("PING\r");
    assert_eq!(world.client_heard(), ["PONG", "PONG\r"]);
    assert!(world.backend_heard().is_empty());
}

#[test]
fn a_stream_that_cannot_be_cut_costs_its_session_alone() {
    let mut route = lines();
    route.messages.message_bytes_max = 10;
    let mut world = World::new(route);
    world.client_says("within");
    world.client_sends_raw(b"more than is allowed");
    assert_eq!(world.counters.clients_misbehaved.value(), 1);
    assert!(world.session.upstream_stream_ends());
    world.backend_hangs_up();
    assert!(world.session.is_closed());
    assert_eq!(world.backend_heard(), ["within"]);
}

#[test]
fn half_a_message_before_the_end_is_no_message() {
    let mut world = World::new(lines());
    world.client_sends_raw(b"whole\nDELETE all that is o");
    world.client_hangs_up();
    assert_eq!(world.backend_heard(), ["whole"]);
    assert_eq!(world.counters.clients_misbehaved.value(), 1);
}

#[test]
fn a_notice_that_does_not_fit_closes_and_corrupts_nothing() {
    let mut route = lines();
    route.hold.notice_holding = Some(Message::text("two\nlines"));
    let mut world = World::new(route);
    world.kill_backend();
    assert_eq!(world.client_heard(), [""; 0]);
    assert!(world.session.client_stream_ends());
}

#[test]
fn a_backend_that_accepts_and_closes_is_dialled_ever_more_slowly() {
    let mut world = World::new(lines());
    let mut dials = 0;
    let end = world.now() + Duration::from_secs(50);
    world.backend_hangs_up();
    while world.now() < end {
        world.bring_backend_back_unwritten();
        world.backend_hangs_up();
        // That others reach it for a moment means nothing.
        world.others_find_the_backend();
        dials += 1;
    }
    assert!(dials < 60, "{dials} dials in 50 s");
}

#[test]
fn a_slow_backend_stops_its_own_client() {
    let mut route = lines();
    route.hold.bytes_max = 10;
    let mut world = World::new(route);
    world.backend_reads = false;
    world.client_says("more than ten bytes");
    assert!(!world.session.wants_client_bytes());
    world.backend_reads = true;
    world.settle();
    assert!(world.session.wants_client_bytes());
}
