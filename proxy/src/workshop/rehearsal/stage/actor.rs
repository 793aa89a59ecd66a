//! A session of the stage: what the filter answers about it, and what it then waits for.

use std::collections::VecDeque;

use http::{HeaderName, HeaderValue};

use super::{Difference, Got, Stage, impossible};
use crate::dataplane::callout::{Answer, CalloutError, Origin, Request, Response};
use crate::dataplane::chain::{Admission, FilterFailure, Reaction, Verdict};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::message::{CloseReason, Direction, Message};
use crate::id::SessionId;
use crate::workshop::script::{CalloutOutcome, Connect};
use crate::workshop::solo::Solo;

/// See the module.
pub(in crate::workshop::rehearsal) struct Actor {
    pub(in crate::workshop::rehearsal) solo: Solo,
    /// In the order in which it was asked.
    waits_for: VecDeque<Asked>,
}

/// A callout that has no answer.
struct Asked {
    about: About,
    url: String,
}

/// What a callout is about.
enum About {
    Handshake,
    Message(Direction, Message),
    Reaction,
}

impl Actor {
    pub(super) fn new(connect: &Connect, session: SessionId) -> Self {
        let headers: Vec<(HeaderName, HeaderValue)> = connect
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect();
        let headers = headers.iter().map(|(name, value)| (name, value));
        let handshake = Handshake::new(session, connect.peer, &connect.target, headers);
        let solo = Solo { route: connect.route.clone(), ..Solo::from(handshake) };
        Self { solo, waits_for: VecDeque::new() }
    }

    /// Whether the proxy would not even read a message of this direction now.
    pub(super) fn reads_nothing(&self, direction: Direction) -> bool {
        self.waits_for.iter().any(|asked| match &asked.about {
            About::Handshake => true,
            About::Message(waiting, _) => *waiting == direction,
            About::Reaction => false,
        })
    }
}

impl Stage<'_> {
    fn waits(&mut self, session: &str, about: About, request: &Request) {
        if let Some(actor) = self.sessions.get_mut(session) {
            actor.waits_for.push_back(Asked { about, url: request.url.clone() });
        }
    }

    pub(super) fn admitted(&mut self, session: &str, answer: Result<Admission, FilterFailure>) -> Got {
        match &answer {
            Ok(Admission::CallOut(request)) => self.waits(session, About::Handshake, request),
            Ok(Admission::Refuse(_)) => {
                // The filter hears of its end, and the script nothing.
                let _ = self.close(session, &CloseReason::default());
            }
            Ok(Admission::Accept) | Err(_) => {}
        }
        answer.map_or_else(Got::Failed, Got::Admission)
    }

    pub(super) fn judged(
        &mut self,
        session: &str,
        answer: Result<Verdict, FilterFailure>,
        direction: Direction,
        message: &Message,
    ) -> Got {
        if let Ok(Verdict::CallOut(request)) = &answer {
            self.waits(session, About::Message(direction, message.clone()), request);
        }
        answer.map_or_else(Got::Failed, Got::Verdict)
    }

    pub(super) fn reacted(&mut self, session: &str, answer: Result<Reaction, FilterFailure>) -> Got {
        if let Ok(Reaction::CallOut(request)) = &answer {
            self.waits(session, About::Reaction, request);
        }
        answer.map_or_else(Got::Failed, Got::Reaction)
    }

    /// The service that was asked first answers.
    pub(super) fn answer(&mut self, session: &str, outcome: &CalloutOutcome) -> Result<Got, Vec<Difference>> {
        let asked = self.sessions.get_mut(session).and_then(|actor| actor.waits_for.pop_front());
        let Some(Asked { about, url }) = asked else {
            return Err(vec![impossible("this session waits for no answer: the filter has not called out")]);
        };
        let answer = answer_of(outcome);
        if answer != Err(CalloutError::Forbidden) && !self.may_ask(&url) {
            let why =
                format!("{url} is asked, which 'callouts.allow' does not list: the answer is {{ error: forbidden }}");
            return Err(vec![impossible(&why)]);
        }
        match about {
            About::Handshake => {
                let admission = self.call(session, |filter, call| filter.on_handshake_answer(call, &answer))?;
                Ok(self.admitted(session, admission))
            }
            About::Message(direction, message) => {
                let verdict = self.call(session, |filter, call| {
                    filter.on_message_answer(call, direction, message.kind, &message.payload, &answer)
                })?;
                Ok(self.judged(session, verdict, direction, &message))
            }
            About::Reaction => {
                let reaction = self.call(session, |filter, call| filter.on_answer(call, &answer))?;
                Ok(self.reacted(session, reaction))
            }
        }
    }

    /// Whether the proxy would make the callout.
    fn may_ask(&self, url: &str) -> bool {
        let origin = || url.parse().ok().and_then(|url| Origin::of(&url).ok());
        self.allow.as_ref().is_none_or(|allow| origin().is_some_and(|origin| allow.contains(&origin)))
    }
}

fn answer_of(outcome: &CalloutOutcome) -> Answer {
    match outcome {
        CalloutOutcome::Response { status, headers, body } => {
            Ok(Response { status: *status, headers: headers.clone(), body: body.clone() })
        }
        CalloutOutcome::Forbidden => Err(CalloutError::Forbidden),
        CalloutOutcome::Busy => Err(CalloutError::Busy),
        CalloutOutcome::Timeout => Err(CalloutError::Timeout),
        CalloutOutcome::Unreachable => Err(CalloutError::Unreachable),
        CalloutOutcome::TooLarge => Err(CalloutError::TooLarge),
    }
}
