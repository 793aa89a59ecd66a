//! A filter and its sessions, in a script's time. Sessions here are what the seam of filters needs of them: a handshake,
//! facts, a handle, and what they wait for. None of them ends but by the script's `close`, or by a refusal.

mod files;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use self::files::Files;
use super::compare::{self, Got};
use super::lines::Lines;
use super::scripted::Scripted;
use super::{Difference, Theatre, say};
use crate::dataplane::callout::{self, CalloutError, CalloutPolicy, Response};
use crate::dataplane::chain::{
    Admission, Call, Facts, Filter, FilterFailure, FilterTimer, Handle, Interest, Reaction, Renewal, Subscription,
    Verdict,
};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::message::{CloseReason, Direction, Message};
use crate::dataplane::route::{FilterSource, FilterSpec};
use crate::id::SessionId;
use crate::time::Instant;
use crate::wasm::{Host, LoadProblem, LoadedFilter, Surroundings};
use crate::workshop::script::{CalloutOutcome, Connect, Event, Fire, Reload, Setup, Step};

/// Timers that may fire in one step: one that sets itself anew at once would never end.
const FIRES_MAX: usize = 100_000;

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
                let answer = self.call(name, |filter, call, _| filter.on_handshake(call))?;
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
                let answer = self.call(name, |filter, call, _| {
                    filter.on_message(call, *direction, message.kind, &message.payload)
                })?;
                Ok(Some(self.judged(name, answer, *direction, message)))
            }
            Event::Upstream(event) if subscription.upstream => {
                let answer = self.call(name, |filter, call, _| filter.on_upstream(call, *event))?;
                Ok(Some(self.reacted(name, answer)))
            }
            Event::Heartbeat(direction) if subscription.heartbeat => {
                let answer = self.call(name, |filter, call, _| filter.on_heartbeat(call, *direction))?;
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
        call: impl FnOnce(&mut dyn Filter, Call<'_>, &mut VecDeque<Asked>) -> R,
    ) -> Result<R, Vec<Difference>> {
        let Some(actor) = self.sessions.get_mut(session) else {
            return Err(vec![impossible(&format!("there is no session '{session}' any more"))]);
        };
        let Actor { route, handshake, facts, handle, waits_for } = actor;
        let about = Call { now: self.now, route, handshake, facts, handle, position: 0 };
        Ok(call(&mut *self.filter, about, waits_for))
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
                let admission = self.call(session, |filter, call, _| filter.on_handshake_answer(call, &answer))?;
                Ok(self.admitted(session, admission))
            }
            Some(Asked::Message(direction, message)) => {
                let verdict = self.call(session, |filter, call, _| {
                    filter.on_message_answer(call, direction, message.kind, &message.payload, &answer)
                })?;
                Ok(self.judged(session, verdict, direction, &message))
            }
            Some(Asked::Reaction) => {
                let reaction = self.call(session, |filter, call, _| filter.on_answer(call, &answer))?;
                Ok(self.reacted(session, reaction))
            }
        }
    }

    fn close(&mut self, session: &str, reason: &CloseReason) -> Result<(), Vec<Difference>> {
        self.call(session, |filter, call, _| {
            if *call.handle != Handle::default() {
                filter.on_close(call, reason);
            }
        })?;
        self.sessions.remove(session);
        Ok(())
    }

    /// Timers are called in the order of their times, those of one time in the order of their sessions' names.
    fn advance(&mut self, by: Duration, wanted: Option<&[Fire]>) -> Result<(), Vec<Difference>> {
        let (began, until) = (self.now, self.now + by);
        let mut wanted_in_turn = wanted.map(<[Fire]>::iter);
        for _ in 0..FIRES_MAX {
            let Some((session, due)) = self.next_timer(until) else {
                self.set_now(until);
                let left = wanted_in_turn.and_then(|mut wanted| wanted.next());
                return left.map_or(Ok(()), |fire| {
                    Err(vec![Difference::new("the timers", say::fire(fire), "no further timer is due")])
                });
            };
            self.set_now(due.at.max(self.now));
            let answer = self.call(&session, |filter, call, _| filter.on_timer(call, due.timer))?;
            let got = self.reacted(&session, answer);
            let fire = wanted_in_turn.as_mut().map(Iterator::next);
            let after = self.now.since(began);
            let difference = match fire {
                None => compare::answer(None, &got, &Event::Advance { by, fires: None }),
                Some(None) => Some(Difference::new("the timers", "no further timer is due", "")),
                Some(Some(fire)) => compare::fire(fire, &session, due.timer, after, &got),
            };
            if let Some(mut difference) = difference {
                let what = format!("timer {} of '{session}' after {}: ", due.timer, say::duration(after));
                difference.got = what + &compare::in_words(&got);
                return Err(vec![difference]);
            }
        }
        Err(vec![impossible(&format!("more than {FIRES_MAX} timers became due"))])
    }

    /// The first that is due by then; its session knows it no more.
    fn next_timer(&mut self, until: Instant) -> Option<(Box<str>, FilterTimer)> {
        let due = self.sessions.iter().filter_map(|(name, actor)| Some((actor.facts.next_timer()?, name)));
        let due = due.filter(|(timer, _)| timer.at <= until);
        let (timer, session) = due.min_by_key(|(timer, name)| (timer.at, (*name).clone()))?;
        let session = session.clone();
        let actor = self.sessions.get_mut(&session)?;
        actor.facts.inner_mut().timers.retain(|known| *known != timer);
        Some((session, timer))
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.scripted.set_now(now);
    }

    fn reload(&mut self, reload: &Reload) -> Result<(), Vec<Difference>> {
        let mut states = HashMap::new();
        for (session, state) in &reload.states {
            let Some(actor) = self.sessions.get(session) else {
                return Err(vec![impossible(&format!("there is no session '{session}' whose state it could be"))]);
            };
            states.insert(actor.handshake.session, state.clone());
        }
        let other = match &reload.wasm {
            Some(path) => Some(std::fs::read(path).map_err(|error| vec![impossible(&error.to_string())])?),
            None => None,
        };
        let component = other.as_deref().unwrap_or(self.component);
        let mut spec = self.spec.clone();
        if let Some(config) = &reload.config {
            spec.config = config.clone();
        }
        let outcome = self.host.reload(&self.loaded, component);
        match (outcome, &reload.refused) {
            (Ok(_), None) => {
                self.spec = spec;
                self.scripted.replace_states(states);
                Ok(())
            }
            (Ok(_), Some(wanted)) => {
                let refused = format!("refused: {}", say::text(wanted));
                Err(vec![Difference::new("the new version", refused, "it serves")])
            }
            (Err(error), None) => {
                Err(vec![Difference::new("the new version", "it serves", format!("refused: {}", error.problem))])
            }
            (Err(error), Some(wanted)) => {
                let cause = refused(error.problem).unwrap_or_else(Into::into);
                compare::text("why it is refused", wanted, &cause).map_or(Ok(()), |difference| Err(vec![difference]))
            }
        }
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

/// What `configure` said, or why it was not even asked.
fn refused(problem: LoadProblem) -> Result<Box<str>, String> {
    match problem {
        LoadProblem::Config(cause) => Ok(cause),
        problem => Err(problem.to_string()),
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
