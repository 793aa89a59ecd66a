//! A filter and its sessions, in a script's time. Sessions here are what the seam of filters needs of them: a handshake,
//! facts, a handle, and what they wait for. None of them ends but by the script's `close`, or by a refusal.

mod actor;
mod files;
mod reload;
mod timers;

use std::collections::HashMap;
use std::sync::Arc;

pub(super) use self::actor::Actor;
use self::files::Files;
use self::reload::refused;
use super::compare::{self, Got};
use super::lines::Lines;
use super::scripted::Scripted;
use super::{Difference, Theatre};
use crate::dataplane::callout::Origin;
use crate::dataplane::chain::{Call, Filter, Handle, Interest, Renewal, Subscription};
use crate::dataplane::message::{CloseReason, Direction};
use crate::dataplane::route::FilterSpec;
use crate::id::SessionId;
use crate::time::Instant;
use crate::wasm::{Host, LoadedFilter, Surroundings};
use crate::workshop::script::{Event, Setup, Step};

/// See the module.
pub(super) struct Stage<'t> {
    pub(super) host: &'t Host,
    pub(super) scripted: &'t Scripted,
    pub(super) lines: Lines,
    component: &'t [u8],
    spec: FilterSpec,
    /// What callouts may ask; nothing: anything.
    allow: Option<Vec<Origin>>,
    files: Files,
    pub(super) loaded: Arc<LoadedFilter>,
    filter: Box<dyn Filter>,
    pub(super) now: Instant,
    sessions: HashMap<Box<str>, Actor>,
    sessions_made: u128,
    /// Sessions that took in a state, before the step that is played.
    carried_before: u64,
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
            config: setup.config.clone(),
            files: files.paths(),
            on_failure: setup.on_failure,
            isolation: setup.isolation,
            limits: setup.limits,
            ..FilterSpec::shipped(&theatre.name)
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
            allow: setup.allow.clone(),
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
                if self.sessions.get(name).is_some_and(|actor| actor.reads_nothing(*direction)) {
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
        actor.solo.now = self.now;
        Ok(call(&mut *self.filter, actor.solo.call()))
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

fn impossible(why: &str) -> Difference {
    Difference::new("the script", "something that can happen", why)
}
