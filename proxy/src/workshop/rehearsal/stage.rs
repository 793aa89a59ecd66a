//! A filter and its sessions, in a script's time. Sessions here are what the seam of filters needs of them: a handshake,
//! facts, a handle, and what they wait for. None of them ends but by the script's `close`, or by a refusal.

mod files;
mod reload;
mod timers;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use self::files::Files;
use self::reload::refused;
use super::compare::{self, Got};
use super::lines::Lines;
use super::scripted::Scripted;
use super::{Difference, Theatre};
use crate::dataplane::callout::{self, CalloutError, CalloutPolicy, Response};
use crate::dataplane::chain::{
    Admission, Call, Facts, Filter, FilterFailure, Handle, Interest, Reaction, Renewal, Subscription, Verdict,
};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::message::{CloseReason, Direction, Message};
use crate::dataplane::route::{FilterSource, FilterSpec};
use crate::id::SessionId;
use crate::time::Instant;
use crate::wasm::{Host, LoadedFilter, Surroundings};
use crate::workshop::script::{CalloutOutcome, Connect, Event, Setup, Step};

/// See the module.
pub(super) struct Stage<'t> {
    pub(super) host: &'t Host,
    pub(super) scripted: &'t Scripted,
    pub(super) lines: Lines,
    component: &'t [u8],
    spec: FilterSpec,
    files: Files,
    pub(super) loaded: Arc<LoadedFilter>,
    filter: Box<dyn Filter>,
    pub(super) now: Instant,
    sessions: HashMap<Box<str>, Actor>,
    sessions_made: u128,
    /// Sessions that took in a state, before the step that is played.
    carried_before: u64,
}

/// A session, as the filter's seam needs it.
pub(super) struct Actor {
    route: Box<str>,
    handshake: Handshake,
    pub(super) facts: Facts,
    handle: Handle,
    waits_for: VecDeque<Asked>,
}

/// What a callout is about.
enum Asked {
    Handshake,
    Message(Direction, Message),
    Reaction,
}

/// Whether the filter serves.
pub(super) enum Opening<'t> {
    Serves(Box<Stage<'t>>),
    /// `configure` said no.
    Refused(Box<str>),
}

impl<'t> Stage<'t> {
    /// Configures the filter. The error is why it can be neither served nor refused.
    pub(super) fn open(theatre: &'t Theatre, setup: &Setup, lines: &Lines) -> Result<Opening<'t>, String> {
        theatre.scripted.begin(setup);
        let files = Files::new(&setup.files).map_err(|error| format!("its files cannot be written: {error}"))?;
        let spec = FilterSpec {
            secrets: Default::default(),
            name: theatre.name.clone(),
            source: FilterSource::Shipped(theatre.name.clone()),
            sha256: None,
            config: setup.config.clone(),
            files: files.paths(),
            on_failure: setup.on_failure,
            isolation: setup.isolation,
            limits: setup.limits,
            callouts: CalloutPolicy::default(),
        };
        let loaded = match theatre.host.load(&spec, &theatre.component) {
            Ok(loaded) => loaded,
            Err(error) => return refused(error.problem).map(Opening::Refused),
        };
        let filter = loaded.instantiate().map_err(|error| error.problem.to_string())?;
        Ok(Opening::Serves(Box::new(Self {
            host: &theatre.host,
            scripted: &theatre.scripted,
            lines: lines.clone(),
            component: &theatre.component,
            spec,
            files,
            loaded,
            filter,
            now: theatre.scripted.now(),
            sessions: HashMap::new(),
            sessions_made: 0,
            carried_before: 0,
        })))
    }

    pub(super) fn subscription(&self) -> Subscription {
        self.filter.subscription()
    }

    pub(super) fn hears_close(&self) -> bool {
        self.loaded.hears_close()
    }

    pub(super) fn session(&self, name: &str) -> Option<&Actor> {
        self.sessions.get(name)
    }

    /// Sessions that took in a state during the step.
    pub(super) fn carried(&self) -> u64 {
        self.loaded.stats().states_carried.value() - self.carried_before
    }

    /// The step happens once. What is other than the script has it.
    pub(super) fn step(&mut self, step: &Step) -> Vec<Difference> {
        self.carried_before = self.loaded.stats().states_carried.value();
        self.scripted.take_carried();
        while self.filter.renew(self.now) == Renewal::More {}
        match self.happens(step) {
            Ok(Some(got)) => compare::answer(step.wanted.as_ref(), &got, &step.event).into_iter().collect(),
            Ok(None) => Vec::new(),
            Err(differences) => differences,
        }
    }

    fn happens(&mut self, step: &Step) -> Result<Option<Got>, Vec<Difference>> {
        let name = &*step.session;
        let subscription = self.filter.subscription();
        match &step.event {
            Event::Connect(connect) => {
                self.sessions_made += 1;
                let actor = Actor::new(connect, SessionId::from(self.sessions_made));
                if self.sessions.insert(name.into(), actor).is_some() {
                    return Err(vec![impossible(
                        "the session is open already: close it, or give this one another name",
                    )]);
                }
                if !subscription.handshake {
                    return Ok(Some(Got::Unasked));
                }
                let answer = self.call(name, |filter, call| filter.on_handshake(call))?;
                Ok(Some(self.admitted(name, answer)))
            }
            Event::Message(direction, message) => {
                let interest = match direction {
                    Direction::ToBackend => subscription.to_backend,
                    Direction::ToClient => subscription.to_client,
                };
                if interest == Interest::Ignore {
                    return Ok(Some(Got::Unasked));
                }
                let waits = |asked: &Asked| match asked {
                    Asked::Handshake => true,
                    Asked::Message(waiting, _) => waiting == direction,
                    Asked::Reaction => false,
                };
                if self.sessions.get(name).is_some_and(|actor| actor.waits_for.iter().any(waits)) {
                    return Err(vec![impossible("this message waits for the answer to a callout: 'answer' it first")]);
                }
                let answer = self
                    .call(name, |filter, call| filter.on_message(call, *direction, message.kind, &message.payload))?;
                Ok(Some(self.judged(name, answer, *direction, message)))
            }
            Event::Upstream(event) if subscription.upstream => {
                let answer = self.call(name, |filter, call| filter.on_upstream(call, *event))?;
                Ok(Some(self.reacted(name, answer)))
            }
            Event::Heartbeat(direction) if subscription.heartbeat => {
                let answer = self.call(name, |filter, call| filter.on_heartbeat(call, *direction))?;
                Ok(Some(self.reacted(name, answer)))
            }
            Event::Upstream(_) | Event::Heartbeat(_) => Ok(Some(Got::Unasked)),
            Event::Advance { by, fires } => self.advance(*by, fires.as_deref()).map(|()| None),
            Event::Answer(outcome) => self.answer(name, outcome).map(Some),
            Event::Files(files) => {
                let written = self.files.write(files);
                written.map(|()| None).map_err(|error| vec![impossible(&format!("cannot be written: {error}"))])
            }
            Event::Reload(reload) => self.reload(reload).map(|()| None),
            Event::InstanceLost => {
                let fresh = self.loaded.instantiate().map_err(|error| vec![impossible(&error.to_string())])?;
                self.filter = fresh;
                Ok(None)
            }
            Event::Close(reason) => self.close(name, reason).map(|()| None),
        }
    }

    fn call<R>(
        &mut self,
        session: &str,
        call: impl FnOnce(&mut dyn Filter, Call<'_>) -> R,
    ) -> Result<R, Vec<Difference>> {
        let Some(actor) = self.sessions.get_mut(session) else {
            return Err(vec![impossible(&format!("there is no session '{session}' any more"))]);
        };
        let Actor { route, handshake, facts, handle, .. } = actor;
        let about = Call { now: self.now, route, handshake, facts, handle, position: 0 };
        Ok(call(&mut *self.filter, about))
    }

    fn waits(&mut self, session: &str, asked: Asked) {
        if let Some(actor) = self.sessions.get_mut(session) {
            actor.waits_for.push_back(asked);
        }
    }

    fn admitted(&mut self, session: &str, answer: Result<Admission, FilterFailure>) -> Got {
        match &answer {
            Ok(Admission::CallOut(_)) => self.waits(session, Asked::Handshake),
            Ok(Admission::Refuse(_)) => {
                // The filter hears of its end, and the script nothing.
                let _ = self.close(session, &CloseReason::default());
            }
            Ok(Admission::Accept) | Err(_) => {}
        }
        answer.map_or_else(Got::Failed, Got::Admission)
    }

    fn judged(
        &mut self,
        session: &str,
        answer: Result<Verdict, FilterFailure>,
        direction: Direction,
        message: &Message,
    ) -> Got {
        if let Ok(Verdict::CallOut(_)) = &answer {
            self.waits(session, Asked::Message(direction, message.clone()));
        }
        answer.map_or_else(Got::Failed, Got::Verdict)
    }

    fn reacted(&mut self, session: &str, answer: Result<Reaction, FilterFailure>) -> Got {
        if let Ok(Reaction::CallOut(_)) = &answer {
            self.waits(session, Asked::Reaction);
        }
        answer.map_or_else(Got::Failed, Got::Reaction)
    }

    fn answer(&mut self, session: &str, outcome: &CalloutOutcome) -> Result<Got, Vec<Difference>> {
        let asked = self.sessions.get_mut(session).and_then(|actor| actor.waits_for.pop_front());
        let answer = answer_of(outcome);
        match asked {
            None => Err(vec![impossible("this session waits for no answer: the filter has not called out")]),
            Some(Asked::Handshake) => {
                let admission = self.call(session, |filter, call| filter.on_handshake_answer(call, &answer))?;
                Ok(self.admitted(session, admission))
            }
            Some(Asked::Message(direction, message)) => {
                let verdict = self.call(session, |filter, call| {
                    filter.on_message_answer(call, direction, message.kind, &message.payload, &answer)
                })?;
                Ok(self.judged(session, verdict, direction, &message))
            }
            Some(Asked::Reaction) => {
                let reaction = self.call(session, |filter, call| filter.on_answer(call, &answer))?;
                Ok(self.reacted(session, reaction))
            }
        }
    }

    fn close(&mut self, session: &str, reason: &CloseReason) -> Result<(), Vec<Difference>> {
        self.call(session, |filter, call| {
            if *call.handle != Handle::default() {
                filter.on_close(call, reason);
            }
        })?;
        self.sessions.remove(session);
        Ok(())
    }
}

impl Actor {
    fn new(connect: &Connect, session: SessionId) -> Self {
        let headers: Vec<(HeaderName, HeaderValue)> = connect
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect();
        let headers = headers.iter().map(|(name, value)| (name, value));
        Self {
            route: connect.route.clone(),
            handshake: Handshake::new(session, connect.peer, &connect.target, headers),
            facts: Facts::default(),
            handle: Handle::default(),
            waits_for: VecDeque::new(),
        }
    }
}

fn impossible(why: &str) -> Difference {
    Difference::new("the script", "something that can happen", why)
}

fn answer_of(outcome: &CalloutOutcome) -> callout::Answer {
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
