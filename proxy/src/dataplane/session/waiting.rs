//! What of a session waits for answers to callouts: a message of each direction, with what came behind it, and what a filter
//! asks aside. Asking is the driver's; where in the chain a message waits is the chain's.
//!
//! Of a direction whose message waits nothing more is read: what had been read with it is kept as the bytes they are, at most
//! one buffer of the worker's, so whatever comes behind it, a close frame too, stays in order. So is what an end sent in so
//! many small pieces that other sessions are to have their turn before all of it is looked at.

use super::{Context, Core, Session, State};
use crate::dataplane::callout::{ANSWERS_AN_EVENT_MAX, Answer};
use crate::dataplane::chain::{Parked, Question, Reaction};
use crate::dataplane::ledger::{Flow, LossReason};
use crate::dataplane::message::Direction;
use crate::dataplane::trace::TraceContext;

/// See the module. Behind one pointer, which is null for most sessions.
#[derive(Default)]
pub(super) struct Waiting(Option<Box<Lanes>>);

#[derive(Default)]
struct Lanes {
    to_backend: Lane,
    to_client: Lane,
    aside: Option<(Stage, Question)>,
}

#[derive(Default)]
struct Lane {
    parked: Option<(Stage, Box<Parked>)>,
    /// Came after it, and is not looked at before it is gone.
    behind: Behind,
}

/// Bytes as they were read, of which the first so many have been looked at: they go when more than half of them have, so
/// that a byte is moved once on average, and what is kept is never more than twice what is left.
#[derive(Default)]
struct Behind {
    bytes: Vec<u8>,
    seen: usize,
}

impl Behind {
    fn is_empty(&self) -> bool {
        self.bytes.len() == self.seen
    }

    /// The same without all that was looked at but its last `left` bytes.
    fn with_left(mut self, left: usize) -> Self {
        self.seen = self.bytes.len() - left;
        if self.seen > left {
            self = Self { bytes: self.bytes[self.seen..].to_vec(), seen: 0 };
        }
        self
    }
}

/// How far a question has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    ToBeAsked,
    Asked,
}

/// What a callout of a session is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errand {
    /// A message of that direction waits for it.
    Message(Direction),
    /// Nothing does.
    Aside,
}

impl Errand {
    /// A session has at most one of each.
    pub const ALL: [Self; 3] = [Self::Message(Direction::ToBackend), Self::Message(Direction::ToClient), Self::Aside];
}

impl Waiting {
    /// Whether a message of that direction waits.
    pub(super) fn has(&self, direction: Direction) -> bool {
        self.0.as_ref().is_some_and(|lanes| lanes.lane(direction).parked.is_some())
    }

    /// Whether a message of that direction waits, or bytes that were read and not looked at.
    pub(super) fn has_any(&self, direction: Direction) -> bool {
        let is_any = |lane: &Lane| lane.parked.is_some() || !lane.behind.is_empty();
        self.0.as_ref().is_some_and(|lanes| is_any(lanes.lane(direction)))
    }

    /// Whether there is a question of that kind, asked or yet to be.
    pub(super) fn holds(&self, errand: Errand) -> bool {
        match errand {
            Errand::Message(direction) => self.has(direction),
            Errand::Aside => self.0.as_ref().is_some_and(|lanes| lanes.aside.is_some()),
        }
    }

    fn lane(&mut self, direction: Direction) -> &mut Lane {
        self.0.get_or_insert_default().lane_mut(direction)
    }

    /// What came with a message that waits, and behind it.
    pub(super) fn keep(&mut self, direction: Direction, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lane(direction).behind.bytes.extend_from_slice(bytes);
        }
    }

    /// The upstream that said it is gone.
    pub(super) fn forget_behind(&mut self, direction: Direction) {
        if let Some(lanes) = &mut self.0 {
            lanes.lane_mut(direction).behind = Behind::default();
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        let lane_is_free = |lane: &Lane| lane.parked.is_none() && lane.behind.is_empty();
        let is_free =
            |lanes: &Lanes| lane_is_free(&lanes.to_backend) && lane_is_free(&lanes.to_client) && lanes.aside.is_none();
        if self.0.as_deref().is_some_and(is_free) {
            self.0 = None;
        }
    }
}

impl Lanes {
    fn lane(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::ToBackend => &self.to_backend,
            Direction::ToClient => &self.to_client,
        }
    }

    fn lane_mut(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::ToBackend => &mut self.to_backend,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

impl Session {
    /// A question to be asked, which is under way from then on, and the span that it belongs under.
    pub fn next_question(&mut self) -> Option<(Errand, &Question, &TraceContext)> {
        let trace = &self.core.handshake.trace;
        let lanes = self.core.waiting.0.as_mut()?;
        for (direction, lane) in
            [(Direction::ToBackend, &mut lanes.to_backend), (Direction::ToClient, &mut lanes.to_client)]
        {
            if let Some((stage @ Stage::ToBeAsked, parked)) = &mut lane.parked {
                *stage = Stage::Asked;
                return Some((Errand::Message(direction), parked.question(), parked.trace().unwrap_or(trace)));
            }
        }
        match &mut lanes.aside {
            Some((stage @ Stage::ToBeAsked, question)) => {
                *stage = Stage::Asked;
                Some((Errand::Aside, question, trace))
            }
            _ => None,
        }
    }

    /// Whether the answer to what is under way for this is still of use.
    pub fn awaits(&self, errand: Errand) -> bool {
        let Some(lanes) = &self.core.waiting.0 else { return false };
        match errand {
            Errand::Message(direction) => lanes.lane(direction).parked.is_some(),
            Errand::Aside => lanes.aside.is_some(),
        }
    }

    /// What was asked is answered: the message goes on, and after it what came behind it.
    pub fn handle_answer(&mut self, cx: &mut Context<'_>, errand: Errand, answer: &Answer) {
        match errand {
            Errand::Message(direction) => self.core.on_message_answer(cx, direction, answer),
            Errand::Aside => self.core.on_aside_answer(cx, answer),
        }
        self.handle_behind(cx);
    }

    /// Looks at what came behind messages that wait no more. Harmless if there is nothing.
    pub fn handle_behind(&mut self, cx: &mut Context<'_>) {
        for direction in [Direction::ToBackend, Direction::ToClient] {
            let Some(lanes) = &mut self.core.waiting.0 else { return };
            let lane = lanes.lane_mut(direction);
            if lane.parked.is_none() && !lane.behind.is_empty() {
                let mut behind = std::mem::take(&mut lane.behind);
                let unseen = &mut behind.bytes[behind.seen..];
                let left = match direction {
                    Direction::ToBackend => self.hear_client(cx, unseen),
                    Direction::ToClient => self.hear_upstream(cx, unseen),
                };
                if left > 0 {
                    self.core.waiting.lane(direction).behind = behind.with_left(left);
                }
            }
        }
        self.core.waiting.tidy();
    }

    /// Whether anything waits for an answer, or is left of what did: without it there is nothing to ask, nor to look at.
    pub fn has_errands(&self) -> bool {
        self.core.waiting.0.is_some()
    }

    /// Whether [`Session::handle_behind`] has something to look at.
    pub fn has_behind(&self) -> bool {
        let is_ready = |lane: &Lane| lane.parked.is_none() && !lane.behind.is_empty();
        self.core.waiting.0.as_ref().is_some_and(|lanes| is_ready(&lanes.to_backend) || is_ready(&lanes.to_client))
    }
}

impl Core {
    /// A filter asks about a message, which has been accepted.
    pub(super) fn park(&mut self, cx: &Context<'_>, direction: Direction, parked: Box<Parked>) {
        flow(cx, direction).held.add(1);
        self.waiting.lane(direction).parked = Some((Stage::ToBeAsked, parked));
    }

    fn unpark(&mut self, cx: &Context<'_>, direction: Direction) -> Option<Box<Parked>> {
        let (_, parked) = self.waiting.0.as_mut()?.lane_mut(direction).parked.take()?;
        flow(cx, direction).held.sub(1);
        Some(parked)
    }

    fn on_message_answer(&mut self, cx: &mut Context<'_>, direction: Direction, answer: &Answer) {
        let Some(parked) = self.unpark(cx, direction) else { return };
        let kind = parked.kind();
        let passage = self.ask_chain(cx, |chain, subject| chain.on_message_answer(subject, *parked, answer));
        match direction {
            Direction::ToBackend => self.on_client_passage(cx, kind, passage),
            Direction::ToClient => self.on_upstream_passage(cx, kind, passage),
        }
    }

    /// The session ends before a message of that direction is decided about.
    pub(super) fn lose_parked(&mut self, cx: &Context<'_>, direction: Direction, reason: LossReason) {
        if self.unpark(cx, direction).is_some() {
            flow(cx, direction).lost(reason).add(1);
        }
    }

    /// Nobody wants to know any more.
    pub(super) fn forget_aside(&mut self) {
        if let Some(lanes) = &mut self.waiting.0 {
            lanes.aside = None;
        }
    }

    pub(super) fn react(&mut self, cx: &mut Context<'_>, position: usize, reaction: Reaction) {
        self.react_after(cx, position, reaction, 0);
    }

    /// A filter asks something and lets everything go on. It has had so many answers to this event.
    fn on_aside_answer(&mut self, cx: &mut Context<'_>, answer: &Answer) {
        let aside = self.waiting.0.as_mut().and_then(|lanes| lanes.aside.take());
        let Some((_, question)) = aside else { return };
        let position = question.position();
        let reaction = self.ask_chain(cx, |chain, subject| chain.on_answer(subject, position, answer));
        self.react_after(cx, position, reaction, question.answers() + 1);
    }

    fn react_after(&mut self, cx: &mut Context<'_>, position: usize, reaction: Reaction, answers: u8) {
        let Reaction::CallOut(request) = reaction else { return self.obey(cx, reaction) };
        if !matches!(self.state, State::Bound(_) | State::Holding(_)) {
            return;
        }
        let is_busy = answers >= ANSWERS_AN_EVENT_MAX || self.waiting.0.as_ref().is_some_and(|l| l.aside.is_some());
        if !is_busy {
            let question = self.route.chain.question(position, request, answers);
            self.waiting.0.get_or_insert_default().aside = Some((Stage::ToBeAsked, question));
            return;
        }
        let reaction = self.ask_chain(cx, |chain, subject| chain.on_busy(subject, position));
        self.obey(cx, reaction);
    }
}

fn flow<'c>(cx: &Context<'c>, direction: Direction) -> &'c Flow {
    match direction {
        Direction::ToBackend => &cx.counters.to_backend,
        Direction::ToClient => &cx.counters.to_client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_stays_in_order_and_is_at_least_half_of_what_is_kept() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let mut behind = Behind { bytes: all.clone(), seen: 0 };
        for left in (1..all.len()).rev() {
            behind = behind.with_left(left);
            assert_eq!(behind.bytes[behind.seen..], all[all.len() - left..]);
            assert!(behind.bytes.len() <= 2 * left, "{} bytes are kept for {left}", behind.bytes.len());
        }
    }
}
