//! What waits in a chain while a filter asks: a client or a message, with its place and what was made of it so far.

use std::sync::Arc;

use super::Refusal;
use super::run::Journey;
use crate::dataplane::callout::{Request, Terms};
use crate::dataplane::message::MessageKind;
use crate::dataplane::trace::TraceContext;

/// What the filters together say to a client that asks to be let in.
#[derive(PartialEq, Eq, Debug)]
pub enum Entry {
    /// It is let in.
    LetIn,
    /// It is not.
    Refused(Refusal),
    /// A filter asks first. The answer goes to [`Chain::on_handshake_answer`](super::Chain::on_handshake_answer).
    Asks(Box<Question>),
}

/// What a filter asks.
#[derive(Debug)]
pub struct Question {
    /// The filter's request.
    pub request: Box<Request>,
    /// The filter's terms.
    pub terms: Option<Arc<Terms>>,
    /// The filter's place in the chain.
    pub(super) position: usize,
    /// How often it has been answered in this event.
    pub(super) answers: u8,
}

/// A message that waits in the chain for its filter's answer.
#[derive(Debug)]
pub struct Parked {
    pub(super) question: Question,
    pub(super) journey: Journey,
    pub(super) payload: Vec<u8>,
}

impl Question {
    /// The filter's place in the chain.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How often it has been answered in this event.
    pub fn answers(&self) -> u8 {
        self.answers
    }
}

impl Parked {
    /// What its filter asks.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Text or binary.
    pub fn kind(&self) -> MessageKind {
        self.journey.kind
    }

    /// Under which the callout is traced, if the message is: otherwise under its session.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.journey.span.as_ref().map(|span| span.context())
    }
}

/// No two questions are the same one.
impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Question {}

/// No two messages are the same one.
impl PartialEq for Parked {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Parked {}
