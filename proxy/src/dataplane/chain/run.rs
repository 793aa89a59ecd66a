//! Runs a route's filters over an event: forward for what goes to the backend, in reverse for what comes from it, and says
//! what their verdicts together mean to the message. How one filter is run is the filter's.

mod pass;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use tracing::debug;

use super::{
    Admission, Call, Entry, Facts, Filter, FilterFailure, Handle, Interest, Parked, Question, Reaction, Refusal,
    Subscription, UpstreamEvent,
};
use crate::dataplane::callout::{ANSWERS_AN_EVENT_MAX, Answer, CalloutError, Request};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::message::{CloseReason, Direction, Message};
use crate::dataplane::route::FailurePolicy;
use crate::dataplane::trace::FilterSpan;
use crate::time::Instant;

pub(super) use pass::Journey;

/// A filter as the chains of one worker share it.
pub type SharedFilter = Rc<RefCell<Box<dyn Filter>>>;

/// One route's filters on one worker, and which of them listen to what: a filter that did not subscribe to an event is not
/// in the event's list and costs it nothing.
#[derive(Default)]
pub struct Chain {
    filters: Vec<SharedFilter>,
    /// Changes between events only.
    listening: RefCell<Listening>,
}

/// The places of the filters that want to hear of each kind of event, in the order in which they are asked.
#[derive(Default)]
struct Listening {
    to_backend: Vec<usize>,
    to_client: Vec<usize>,
    handshake: Vec<usize>,
    upstream: Vec<usize>,
    heartbeat: Vec<usize>,
}

/// The session that an event is about, as the chain needs it.
pub struct Subject<'a> {
    /// The time of the event.
    pub now: Instant,
    /// The name of the session's route.
    pub route: &'a str,
    /// What the client asked for.
    pub handshake: &'a Handshake,
    /// What filters know of it.
    pub facts: &'a mut Facts,
    /// One for each filter of the chain.
    pub handles: &'a mut [Handle],
}

impl Subject<'_> {
    fn call(&mut self, position: usize) -> Call<'_> {
        Call {
            now: self.now,
            route: self.route,
            handshake: self.handshake,
            facts: self.facts,
            handle: &mut self.handles[position],
            position,
        }
    }
}

/// What becomes of a message after all filters.
#[derive(PartialEq, Eq, Debug)]
pub enum Passage<'a> {
    /// It goes on, perhaps changed.
    Forward(Cow<'a, [u8]>, Memory),
    /// It ends here, and its sender is told this.
    Reply(Message),
    /// It ends here.
    Drop,
    /// It was a heartbeat.
    Heartbeat(Option<Message>),
    /// Its session ends.
    Close(CloseReason),
    /// It waits for an answer, which goes to [`Chain::on_message_answer`].
    Asks(Box<Parked>),
}

/// What a filter hears with an event: how many answers that makes, and this one.
#[derive(Clone, Copy)]
struct Hears<'a> {
    answers: u8,
    answer: Option<&'a Answer>,
}

impl Hears<'_> {
    const NOTHING: Self = Self { answers: 0, answer: None };
}

/// Whether a message is to be said again to later upstreams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// It is.
    Remember,
    /// It is not, as far as filters go.
    Forget,
}

/// 1011, as RFC 6455, section 7.4.1, has it for an unexpected condition on our side.
const FILTER_FAILED: u16 = 1011;

impl Chain {
    /// The filters in the order for messages to the backend.
    pub fn new(filters: Vec<SharedFilter>) -> Self {
        Self { listening: RefCell::new(Listening::of(&filters)), filters }
    }

    /// Asks the filters anew what they want to hear: some may have been renewed.
    pub fn ask_anew(&self) {
        self.listening.replace(Listening::of(&self.filters));
    }

    /// Whether any filter decides on who comes in.
    pub fn guards_handshakes(&self) -> bool {
        !self.listening.borrow().handshake.is_empty()
    }

    /// A handle for each filter, for a session that none has heard of.
    pub fn handles(&self) -> Box<[Handle]> {
        vec![Handle::default(); self.filters.len()].into_boxed_slice()
    }

    /// Asks each filter whether the client may come in; the first that refuses decides.
    pub fn on_handshake(&self, subject: &mut Subject<'_>) -> Entry {
        self.ask_guards(subject, None)
    }

    /// Goes on with the filter that has asked, and those after it.
    pub fn on_handshake_answer(&self, subject: &mut Subject<'_>, question: &Question, answer: &Answer) -> Entry {
        let hears = Hears { answers: question.answers + 1, answer: Some(answer) };
        let said = self.ask_guard(subject, question.position, hears);
        said.unwrap_or_else(|| self.ask_guards(subject, Some(question.position)))
    }

    fn ask_guards(&self, subject: &mut Subject<'_>, after: Option<usize>) -> Entry {
        for &position in
            self.listening.borrow().handshake.iter().filter(|&&position| after.is_none_or(|p| position > p))
        {
            if let Some(entry) = self.ask_guard(subject, position, Hears::NOTHING) {
                return entry;
            }
        }
        Entry::LetIn
    }

    /// Nothing if it lets the client in, as far as it goes.
    fn ask_guard(&self, subject: &mut Subject<'_>, position: usize, hears: Hears<'_>) -> Option<Entry> {
        let mut filter = self.filters[position].borrow_mut();
        let span = FilterSpan::of_handshake(&subject.handshake.trace, filter.name(), filter.memory_bytes());
        let mut said = match hears.answer {
            None => filter.on_handshake(subject.call(position)),
            Some(answer) => filter.on_handshake_answer(subject.call(position), answer),
        };
        if hears.answers == ANSWERS_AN_EVENT_MAX && matches!(said, Ok(Admission::CallOut(_))) {
            let busy = busy(&**filter);
            said = filter.on_handshake_answer(subject.call(position), &busy);
            if matches!(said, Ok(Admission::CallOut(_))) {
                said = Err(filter.overasked(subject.call(position)));
            }
        }
        span.admitted(&said);
        match said {
            Ok(Admission::Accept) => None,
            Ok(Admission::Refuse(refusal)) => Some(Entry::Refused(refusal)),
            Ok(Admission::CallOut(request)) => {
                let terms = filter.callouts().cloned();
                Some(Entry::Asks(Box::new(Question { request, terms, position, answers: hears.answers })))
            }
            Err(failure) => match noted(failure) {
                FailurePolicy::Allow => None,
                FailurePolicy::Deny => Some(Entry::Refused(unavailable())),
            },
        }
    }

    /// Whether any filter listens to messages in this direction.
    pub fn listens(&self, direction: Direction) -> bool {
        !self.listening.borrow().to(direction).is_empty()
    }

    /// Tells the filters what became of the upstream, and hands what they want done to `react`.
    pub fn on_upstream(&self, subject: &mut Subject<'_>, event: UpstreamEvent, mut react: impl FnMut(usize, Reaction)) {
        for &position in &self.listening.borrow().upstream {
            let reaction = self.filters[position].borrow_mut().on_upstream(subject.call(position), event);
            // A failure here concerns no message: the filter is as good as new, and nobody else need know.
            let reaction = reaction.unwrap_or_else(|failure| {
                noted(failure);
                Reaction::None
            });
            react(position, reaction);
        }
    }

    /// Tells the filters that a heartbeat was answered at the edge.
    pub fn on_heartbeat(
        &self,
        subject: &mut Subject<'_>,
        direction: Direction,
        mut react: impl FnMut(usize, Reaction),
    ) {
        for &position in &self.listening.borrow().heartbeat {
            let reaction = self.filters[position].borrow_mut().on_heartbeat(subject.call(position), direction);
            let reaction = reaction.unwrap_or_else(|failure| {
                noted(failure);
                Reaction::None
            });
            react(position, reaction);
        }
    }

    /// A filter's timer is due. A filter that fails here might have been about to end the session: its policy decides.
    pub fn on_timer(&self, subject: &mut Subject<'_>, position: usize, timer: u32) -> Reaction {
        let Some(filter) = self.filters.get(position) else { return Reaction::None };
        decided(filter.borrow_mut().on_timer(subject.call(position), timer))
    }

    /// What a filter's reaction asked is answered. The same holds as for a timer.
    pub fn on_answer(&self, subject: &mut Subject<'_>, position: usize, answer: &Answer) -> Reaction {
        let Some(filter) = self.filters.get(position) else { return Reaction::None };
        decided(filter.borrow_mut().on_answer(subject.call(position), answer))
    }

    /// What a filter's reaction asks is too much: it is told so. The same holds again.
    pub fn on_busy(&self, subject: &mut Subject<'_>, position: usize) -> Reaction {
        let Some(filter) = self.filters.get(position) else { return Reaction::None };
        let mut filter = filter.borrow_mut();
        let busy = busy(&**filter);
        decided(match filter.on_answer(subject.call(position), &busy) {
            Ok(Reaction::CallOut(_)) => Err(filter.overasked(subject.call(position))),
            said => said,
        })
    }

    /// What a filter's reaction asks.
    pub fn question(&self, position: usize, request: Box<Request>, answers: u8) -> Question {
        let terms = self.filters.get(position).and_then(|filter| filter.borrow().callouts().cloned());
        Question { request, terms, position, answers }
    }

    /// Where each filter stands in another chain; nothing for those that do not.
    pub fn places_in(&self, other: &Self) -> Vec<Option<usize>> {
        let mut free: Vec<bool> = vec![true; other.filters.len()];
        let mut place = |filter: &SharedFilter| {
            let place = (0..free.len()).find(|&place| free[place] && Rc::ptr_eq(filter, &other.filters[place]))?;
            free[place] = false;
            Some(place)
        };
        self.filters.iter().map(&mut place).collect()
    }

    /// The session goes on without the filter of this place.
    pub fn leave(&self, subject: &mut Subject<'_>, position: usize, reason: &CloseReason) {
        if subject.handles[position] != Handle::default() {
            self.filters[position].borrow_mut().on_close(subject.call(position), reason);
        }
    }

    /// The session is over.
    pub fn on_close(&self, subject: &mut Subject<'_>, reason: &CloseReason) {
        for position in 0..self.filters.len() {
            self.leave(subject, position, reason);
        }
    }
}

impl Listening {
    fn of(filters: &[SharedFilter]) -> Self {
        let subscriptions: Vec<_> = filters.iter().map(|filter| filter.borrow().subscription()).collect();
        let wanting = |wants: fn(&Subscription) -> bool| -> Vec<usize> {
            (0..subscriptions.len()).filter(|&position| wants(&subscriptions[position])).collect()
        };
        let mut to_client = wanting(|s| s.to_client != Interest::Ignore);
        to_client.reverse();
        Self {
            to_backend: wanting(|s| s.to_backend != Interest::Ignore),
            to_client,
            handshake: wanting(|s| s.handshake),
            upstream: wanting(|s| s.upstream),
            heartbeat: wanting(|s| s.heartbeat),
        }
    }

    fn to(&self, direction: Direction) -> &[usize] {
        match direction {
            Direction::ToBackend => &self.to_backend,
            Direction::ToClient => &self.to_client,
        }
    }
}

/// The answer to a callout that is not made, as others were made for the event or are under way.
fn busy(filter: &dyn Filter) -> Answer {
    let answer = Err(CalloutError::Busy);
    if let Some(terms) = filter.callouts() {
        terms.counts.count(&answer);
    }
    answer
}

fn decided(reaction: Result<Reaction, FilterFailure>) -> Reaction {
    reaction.unwrap_or_else(|failure| match noted(failure) {
        FailurePolicy::Allow => Reaction::None,
        FailurePolicy::Deny => Reaction::Close(CloseReason::new(FILTER_FAILED, "filter failed")),
    })
}

fn noted(failure: FilterFailure) -> FailurePolicy {
    // Whoever runs the filter complains aloud, and not for every event.
    debug!(filter = %failure.filter, cause = %failure.cause, "a filter failed on an event");
    failure.policy
}

fn unavailable() -> Refusal {
    Refusal { status: 503, headers: Vec::new(), body: "a filter of this route is not available\n".to_owned() }
}

#[cfg(test)]
mod tests;
