//! Messages that wait for answers to callouts, what waits behind them, and what does not.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::world::{World, policy};
use crate::dataplane::callout::{Answer, CalloutError, Request, Response};
use crate::dataplane::chain::{
    Call, Chain, FailureKind, Filter, FilterFailure, Interest, Reaction, Subscription, Verdict,
};
use crate::dataplane::ledger::LossReason;
use crate::dataplane::message::{CloseReason, Direction, Message, MessageKind};
use crate::dataplane::route::FailurePolicy;
use crate::dataplane::session::Errand;

/// Asks about what begins with a question mark, and does what the answer says.
struct Curious;

fn ask(url: &str) -> Box<Request> {
    Box::new(Request { url: url.to_owned(), ..Request::default() })
}

impl Filter for Curious {
    fn name(&self) -> &str {
        "curious"
    }

    fn subscription(&self) -> Subscription {
        Subscription {
            to_backend: Interest::Whole,
            to_client: Interest::Whole,
            heartbeat: true,
            ..Subscription::default()
        }
    }

    fn on_message(
        &mut self,
        _: Call<'_>,
        _: Direction,
        _: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        let text = String::from_utf8_lossy(payload);
        Ok(if text.starts_with('?') { Verdict::CallOut(ask(&text)) } else { Verdict::Continue })
    }

    fn on_message_answer(
        &mut self,
        _: Call<'_>,
        _: Direction,
        _: MessageKind,
        payload: &[u8],
        answer: &Answer,
    ) -> Result<Verdict, FilterFailure> {
        let response = match answer {
            Ok(response) => response,
            Err(error) => return Ok(Verdict::Reply(Message::text(format!("{error:?}")))),
        };
        Ok(match &response.body[..] {
            b"again" => Verdict::CallOut(ask(&String::from_utf8_lossy(payload))),
            b"drop" => Verdict::Drop,
            b"close" => Verdict::Close(CloseReason::new(4000, "as told")),
            b"fail" => {
                let (filter, cause) = ("curious".into(), "told to".into());
                return Err(FilterFailure { filter, cause, kind: FailureKind::Trap, policy: FailurePolicy::Deny });
            }
            body => Verdict::Replace([payload, body].concat()),
        })
    }

    fn on_heartbeat(&mut self, _: Call<'_>, _: Direction) -> Result<Reaction, FilterFailure> {
        Ok(Reaction::CallOut(ask("beat")))
    }

    fn on_answer(&mut self, _: Call<'_>, answer: &Answer) -> Result<Reaction, FilterFailure> {
        Ok(match answer {
            Ok(response) if response.body == b"again" => Reaction::CallOut(ask("again")),
            Ok(response) => Reaction::Send(Message::text(String::from_utf8_lossy(&response.body))),
            Err(error) => Reaction::Send(Message::text(format!("{error:?}"))),
        })
    }
}

const UP: Errand = Errand::Message(Direction::ToBackend);
const DOWN: Errand = Errand::Message(Direction::ToClient);

fn curious() -> World {
    World::through(policy(), Chain::new(vec![Rc::new(RefCell::new(Box::new(Curious) as Box<dyn Filter>))]))
}

fn says(body: &str) -> Answer {
    Ok(Response { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() })
}

#[test]
fn a_message_waits_for_its_answer_and_what_came_with_it_stays_behind_it() {
    let mut world = curious();
    world.client_says("one");
    let held = world.counters.to_backend.held.value();
    let frame = |text: &str| {
        let mut bytes = Vec::new();
        let framing = crate::dataplane::codec::Framing::WebSocket;
        framing.write(super::super::Role::Client, MessageKind::Text, text.as_bytes(), &mut bytes).expect("it fits");
        bytes
    };
    world.client_sends_raw(&["?two", "three", "?four", "five"].map(frame).concat());
    assert_eq!(world.backend_heard(), ["one"]);
    assert!(!world.session.wants_client_bytes() && world.session.wants_upstream_bytes());
    assert_eq!(world.questions(), [(UP, "?two".to_owned())]);
    assert_eq!(world.questions(), [], "it is asked once");
    world.assert_balanced();
    assert_eq!(world.counters.to_backend.held.value(), held + 1);

    world.is_answered(UP, &says("!"));
    assert_eq!(world.backend_heard(), ["?two!", "three"]);
    assert_eq!(world.questions(), [(UP, "?four".to_owned())]);
    world.is_answered(UP, &says("drop"));
    assert_eq!(world.backend_heard(), ["five"]);
    assert!(world.session.wants_client_bytes());
    world.assert_balanced();
}

#[test]
fn the_other_direction_heartbeats_and_timers_go_on_meanwhile() {
    let mut world = curious();
    world.client_says("?up");
    world.backend_says("down");
    world.backend_says("?down");
    assert_eq!(world.client_heard(), ["down"]);
    assert_eq!(world.questions(), [(UP, "?up".to_owned()), (DOWN, "?down".to_owned())]);
    assert!(!world.session.wants_client_bytes() && !world.session.wants_upstream_bytes());
    world.is_answered(DOWN, &says(""));
    assert_eq!((world.client_heard(), world.backend_heard()), (vec!["?down".to_owned()], vec![]));
    world.is_answered(UP, &says(""));
    assert_eq!(world.backend_heard(), ["?up"]);
    world.assert_balanced();
}

#[test]
fn a_client_that_we_do_not_listen_to_is_not_silent() {
    let mut route = policy();
    route.heartbeat.expect = Some(Duration::from_secs(3));
    let mut world =
        World::through(route, Chain::new(vec![Rc::new(RefCell::new(Box::new(Curious) as Box<dyn Filter>))]));
    world.client_says("?up");
    world.pass(Duration::from_secs(8));
    assert!(!world.session.is_closed());
    world.is_answered(UP, &says(""));
    world.client_says("I am here");
    world.pass(Duration::from_secs(2));
    assert_eq!(world.backend_heard(), ["?up", "I am here"]);
    world.pass(Duration::from_secs(4));
    assert_eq!(world.counters.clients_silent.value(), 1);
}

#[test]
fn the_filter_is_told_why_there_is_no_answer() {
    let mut world = curious();
    for error in [CalloutError::Timeout, CalloutError::Unreachable, CalloutError::TooLarge, CalloutError::Forbidden] {
        world.client_says("?");
        world.is_answered(UP, &Err(error));
        assert_eq!(world.client_heard(), [format!("{error:?}")]);
    }
    world.assert_balanced();
}

#[test]
fn a_filter_has_four_answers_and_is_busy_then() {
    let mut world = curious();
    world.client_says("?");
    for _ in 0..4 {
        assert_eq!(world.questions().len(), 1);
        world.is_answered(UP, &says("again"));
    }
    assert_eq!(world.questions(), []);
    assert_eq!(world.client_heard(), ["Busy"]);
    world.assert_balanced();
}

#[test]
fn close_frames_stay_behind_messages_that_wait() {
    let mut world = curious();
    world.client_says("?last");
    world.client_closes(1000);
    assert_eq!(world.client_closed(), None);
    world.is_answered(UP, &says(""));
    assert_eq!(world.backend_heard(), ["?last"]);
    world.backend_closes(1000, "");
    assert!(world.session.is_closed());
    world.assert_balanced();

    let mut world = curious();
    world.backend_says("?last");
    world.backend_closes(1000, "bye");
    assert_eq!(world.client_closed(), None);
    world.is_answered(DOWN, &says(""));
    assert_eq!(world.client_heard(), ["?last"]);
    assert_eq!(world.client_closed(), Some(CloseReason::new(1000, "bye")));
    world.assert_balanced();
}

#[test]
fn the_backends_last_message_may_wait_while_the_client_closes() {
    let mut world = curious();
    world.backend_says("?last");
    world.client_closes(1000);
    world.backend_closes(1000, "");
    world.is_answered(DOWN, &says(""));
    assert_eq!(world.client_heard(), ["?last"]);
    assert!(world.client_closed().is_some());
    world.assert_balanced();
}

#[test]
fn a_message_that_waits_is_lost_when_its_session_ends() {
    let mut world = curious();
    world.client_says("?up");
    world.backend_says("?down");
    world.questions();
    world.assert_balanced();
    world.shut_down();
    assert!(!world.session.awaits(UP) && !world.session.awaits(DOWN));
    assert_eq!(world.lost(LossReason::Drained), 1);
    assert_eq!(world.counters.to_client.lost(LossReason::Drained).value(), 1);
    world.assert_balanced();
    // An answer that comes after all is for nobody.
    world.is_answered(UP, &says(""));
    assert!(world.backend_heard().is_empty());
    world.client_closes(1001);
    world.backend_closes(1001, "");
    assert!(world.session.is_closed());
    world.assert_balanced();
}

#[test]
fn a_message_waits_through_the_loss_of_the_upstream() {
    let mut world = curious();
    world.client_says("?up");
    world.backend_says("?down");
    world.kill_backend();
    world.assert_balanced();
    world.is_answered(UP, &says(""));
    world.is_answered(DOWN, &says(""));
    assert_eq!(world.client_heard(), ["?down"]);
    assert_eq!(world.counters.to_backend.held.value(), 1);
    world.bring_backend_back();
    assert_eq!(world.backend_heard(), ["?up"]);
    world.assert_balanced();
}

#[test]
fn what_the_answer_ends_is_ended() {
    let mut world = curious();
    world.client_says("?");
    world.is_answered(UP, &says("close"));
    assert_eq!(world.client_closed(), Some(CloseReason::new(4000, "as told")));
    world.assert_balanced();

    let mut world = curious();
    world.client_says("?");
    world.is_answered(UP, &says("fail"));
    assert_eq!(world.client_closed().and_then(|reason| reason.code), Some(1011));
    world.assert_balanced();
}

#[test]
fn what_is_asked_aside_holds_nothing_up_and_is_one_at_a_time() {
    let mut world = curious();
    world.client_pings(b"1");
    world.client_says("goes on");
    assert_eq!(world.backend_heard(), ["goes on"]);
    assert_eq!(world.questions(), [(Errand::Aside, "beat".to_owned())]);
    world.client_pings(b"2");
    assert_eq!((world.questions(), world.client_heard()), (vec![], vec!["Busy".to_owned()]));
    world.is_answered(Errand::Aside, &says("done"));
    assert_eq!(world.client_heard(), ["done"]);
    assert!(!world.session.awaits(Errand::Aside));
}

#[test]
fn who_asks_aside_on_and_on_is_told_that_it_is_enough() {
    let mut world = curious();
    world.client_pings(b"1");
    for _ in 0..4 {
        assert_eq!(world.questions().len(), 1);
        world.is_answered(Errand::Aside, &says("again"));
    }
    assert_eq!((world.questions(), world.client_heard()), (vec![], vec!["Busy".to_owned()]));
}

#[test]
fn a_message_that_waits_goes_through_the_rest_of_its_chain_before_another_is_taken_up() {
    let mut world = curious();
    world.client_says("?one");
    assert_eq!(world.questions(), [(UP, "?one".to_owned())]);
    world.succeed(policy(), Chain::default());
    assert!(world.session.successor().is_none(), "not in the midst of it");
    world.is_answered(UP, &says("!"));
    assert!(world.session.successor().is_some());
    world.take_up();
    world.client_says("?two");
    assert_eq!(world.backend_heard(), ["?one!", "?two"]);
    assert_eq!(world.questions(), []);
    world.assert_balanced();
}
