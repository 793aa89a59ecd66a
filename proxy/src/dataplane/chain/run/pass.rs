//! A message on its way through the chain: from its first filter, or from the one that has been answered, to what becomes of it.

use std::borrow::Cow;

use super::super::{FilterFailure, Parked, Question, Subject, Verdict};
use super::{Chain, FILTER_FAILED, Hears, Memory, Passage, busy, noted};
use crate::dataplane::callout::{ANSWERS_AN_EVENT_MAX, Answer};
use crate::dataplane::message::{CloseReason, Direction, MessageKind};
use crate::dataplane::route::FailurePolicy;
use crate::dataplane::trace::{MessageFacts, MessageSpan};

/// What is known of a message on its way through the chain.
#[derive(Debug)]
pub(in crate::dataplane::chain) struct Journey {
    pub(in crate::dataplane::chain) direction: Direction,
    pub(in crate::dataplane::chain) kind: MessageKind,
    /// As it came.
    bytes: usize,
    memory: Memory,
    pub(in crate::dataplane::chain) span: Option<MessageSpan>,
}

impl Journey {
    fn facts<'a>(&self, subject: &Subject<'a>) -> MessageFacts<'a> {
        let (direction, kind, bytes) = (self.direction, self.kind, self.bytes);
        MessageFacts { handshake: subject.handshake, route: subject.route, direction, kind, bytes }
    }
}

impl Chain {
    /// Runs a message through the filters that listen to its direction. Traced if it is one of those that are.
    pub fn on_message<'a>(
        &self,
        subject: &mut Subject<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &'a [u8],
    ) -> Passage<'a> {
        let mut journey = Journey { direction, kind, bytes: payload.len(), memory: Memory::Forget, span: None };
        journey.span = MessageSpan::sampled(&journey.facts(subject));
        self.pass(subject, journey, Cow::Borrowed(payload), None)
    }

    /// Goes on with the filter that has asked about the message, and those after it.
    pub fn on_message_answer(&self, subject: &mut Subject<'_>, parked: Parked, answer: &Answer) -> Passage<'static> {
        let Parked { question, journey, payload } = parked;
        let hears = Hears { answers: question.answers + 1, answer: Some(answer) };
        self.pass(subject, journey, Cow::Owned(payload), Some((question.position, hears)))
    }

    fn pass<'a>(
        &self,
        subject: &mut Subject<'_>,
        mut journey: Journey,
        mut payload: Cow<'a, [u8]>,
        resumed: Option<(usize, Hears<'_>)>,
    ) -> Passage<'a> {
        let listening = self.listening.borrow();
        let later = listening.to(journey.direction).iter().filter(|&&position| match (&resumed, journey.direction) {
            (None, _) => true,
            (Some((at, _)), Direction::ToBackend) => position > *at,
            (Some((at, _)), Direction::ToClient) => position < *at,
        });
        let first = resumed.iter().copied();
        let mut passage = None;
        for (position, hears) in first.chain(later.map(|&position| (position, Hears::NOTHING))) {
            passage = Some(match self.show(subject, &journey, position, &payload, hears) {
                Ok(Verdict::Continue) => continue,
                Ok(Verdict::Remember) => {
                    journey.memory = Memory::Remember;
                    continue;
                }
                Ok(Verdict::Replace(replacement)) => {
                    payload = Cow::Owned(replacement);
                    continue;
                }
                Ok(Verdict::Reply(message)) => Passage::Reply(message),
                Ok(Verdict::Drop) => Passage::Drop,
                Ok(Verdict::Heartbeat(answer)) => Passage::Heartbeat(answer),
                Ok(Verdict::Close(reason)) => Passage::Close(reason),
                Ok(Verdict::CallOut(request)) => {
                    let terms = self.filters[position].borrow().callouts().cloned();
                    let question = Question { request, terms, position, answers: hears.answers };
                    return Passage::Asks(Box::new(Parked { question, journey, payload: payload.into_owned() }));
                }
                Err(failure) => match noted(failure) {
                    FailurePolicy::Allow => continue,
                    FailurePolicy::Deny => Passage::Close(CloseReason::new(FILTER_FAILED, "filter failed")),
                },
            });
            break;
        }
        let passage = passage.unwrap_or(Passage::Forward(payload, journey.memory));
        if let Some(span) = journey.span {
            span.finish(&passage);
        }
        passage
    }

    fn show(
        &self,
        subject: &mut Subject<'_>,
        journey: &Journey,
        position: usize,
        payload: &[u8],
        hears: Hears<'_>,
    ) -> Result<Verdict, FilterFailure> {
        let (direction, kind) = (journey.direction, journey.kind);
        let mut filter = self.filters[position].borrow_mut();
        let called = journey.span.as_ref().map(|message| message.filter(filter.name(), filter.memory_bytes()));
        let mut said = match hears.answer {
            None => filter.on_message(subject.call(position), direction, kind, payload),
            Some(answer) => filter.on_message_answer(subject.call(position), direction, kind, payload, answer),
        };
        if hears.answers == ANSWERS_AN_EVENT_MAX && matches!(said, Ok(Verdict::CallOut(_))) {
            let busy = busy(&**filter);
            said = filter.on_message_answer(subject.call(position), direction, kind, payload, &busy);
            if matches!(said, Ok(Verdict::CallOut(_))) {
                said = Err(filter.overasked(subject.call(position)));
            }
        }
        match (called, &said) {
            (Some(called), _) => called.answered(&said),
            (None, Ok(Verdict::Close(_)) | Err(_)) => {
                MessageSpan::refused(&journey.facts(subject), filter.name(), filter.memory_bytes(), &said);
            }
            (None, Ok(_)) => {}
        }
        said
    }
}
