//! Runs a filter: its configuration, the table of what it keeps of sessions, and each event. Knows nothing of components:
//! `wasm` calls it in the proxy, `testing` in unit tests.

use crate::{
    Admission, Answer, CloseReason, Direction, Filter, Handshake, Incoming, Reaction, Refusal, Stateful, Subscription,
    UpstreamEvent, Verdict, configured,
};

/// A filter and its sessions.
pub struct Runner<F: Filter> {
    filter: Option<F>,
    /// By the session's number, which the host keeps dense.
    sessions: Vec<Option<F::Session>>,
}

/// What can be said to any filter.
pub trait Events {
    /// Called once, before all else.
    fn configure(&mut self, config: &str) -> configured::Result<Subscription>;
    /// See [`Filter::on_handshake`].
    fn on_handshake(&mut self, session: u32, handshake: Handshake) -> Result<Admission, Refusal>;
    /// See [`Filter::on_handshake_answer`].
    fn on_handshake_answer(&mut self, session: u32, handshake: Handshake, answer: Answer)
    -> Result<Admission, Refusal>;
    /// See [`Filter::on_reopen`].
    fn on_reopen(&mut self, session: u32, handshake: Handshake);
    /// See [`Filter::on_message`].
    fn on_message(&mut self, session: u32, message: Incoming) -> Verdict;
    /// See [`Filter::on_message_answer`].
    fn on_message_answer(&mut self, session: u32, message: Incoming, answer: Answer) -> Verdict;
    /// See [`Filter::on_upstream`].
    fn on_upstream(&mut self, session: u32, event: UpstreamEvent) -> Reaction;
    /// See [`Filter::on_heartbeat`].
    fn on_heartbeat(&mut self, session: u32, direction: Direction) -> Reaction;
    /// See [`Filter::on_timer`].
    fn on_timer(&mut self, session: u32, timer: u32) -> Reaction;
    /// See [`Filter::on_answer`].
    fn on_answer(&mut self, session: u32, answer: Answer) -> Reaction;
    /// See [`Filter::on_close`].
    fn on_close(&mut self, session: u32, reason: CloseReason);
}

/// What can be said to a filter whose state is carried over.
pub trait Carried {
    /// See [`Stateful::snapshot`]. None of a session that it does not know.
    fn snapshot(&mut self, session: u32) -> Option<Vec<u8>>;
    /// See [`Stateful::restore`].
    fn restore(&mut self, session: u32, handshake: Handshake, state: &[u8]) -> Result<(), String>;
}

/// Fails to compile if it is not. Keeps `export!` honest where there is no component to make.
pub const fn is_filter<F: Filter>() {}

/// The same.
pub const fn is_stateful<F: Stateful>() {}

impl<F: Filter> Runner<F> {
    /// Without a filter until configured.
    pub const fn new() -> Self {
        Self { filter: None, sessions: Vec::new() }
    }

    /// Where a session stands. All that have no state share one place, so that nothing needs to tell when they end.
    const fn place(session: u32) -> usize {
        if size_of::<F::Session>() == 0 { 0 } else { session as usize }
    }

    fn start(&mut self, session: u32) {
        let place = Self::place(session);
        if let Some(slot) = self.sessions.get_mut(place) {
            *slot = None;
        }
    }

    /// The filter and what it keeps of a session. None before `configure`, which the host does not let happen.
    fn find(&mut self, session: u32) -> Option<(&mut F, &mut F::Session)> {
        let place = Self::place(session);
        if place >= self.sessions.len() {
            self.sessions.resize_with(place + 1, || None);
        }
        let session = self.sessions.get_mut(place)?.get_or_insert_default();
        Some((self.filter.as_mut()?, session))
    }
}

impl<F: Filter> Default for Runner<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Stateful> Carried for Runner<F> {
    fn snapshot(&mut self, session: u32) -> Option<Vec<u8>> {
        let session = self.sessions.get(Self::place(session))?.as_ref()?;
        self.filter.as_ref()?.snapshot(session)
    }

    fn restore(&mut self, session: u32, handshake: Handshake, state: &[u8]) -> Result<(), String> {
        self.start(session);
        let Some((filter, found)) = self.find(session) else { return Err("not configured".to_owned()) };
        let restored = filter.restore(found, handshake, state);
        if restored.is_err() {
            self.start(session);
        }
        restored
    }
}

impl<F: Filter> Events for Runner<F> {
    fn configure(&mut self, config: &str) -> configured::Result<Subscription> {
        let filter = F::configure(configured::read(config)?)?;
        let subscription = filter.subscription();
        self.filter = Some(filter);
        // Without `on_close` the slots of sessions that are over would stay full.
        Ok(if size_of::<F::Session>() == 0 { subscription } else { subscription.close() })
    }

    fn on_handshake(&mut self, session: u32, handshake: Handshake) -> Result<Admission, Refusal> {
        self.start(session);
        match self.find(session) {
            Some((filter, state)) => filter.on_handshake(state, handshake),
            None => Err(Refusal::new(503, "")),
        }
    }

    fn on_handshake_answer(
        &mut self,
        session: u32,
        handshake: Handshake,
        answer: Answer,
    ) -> Result<Admission, Refusal> {
        match self.find(session) {
            Some((filter, state)) => filter.on_handshake_answer(state, handshake, answer),
            None => Err(Refusal::new(503, "")),
        }
    }

    fn on_reopen(&mut self, session: u32, handshake: Handshake) {
        self.start(session);
        if let Some((filter, state)) = self.find(session) {
            filter.on_reopen(state, handshake);
        }
    }

    fn on_message(&mut self, session: u32, message: Incoming) -> Verdict {
        match self.find(session) {
            Some((filter, state)) => filter.on_message(state, message),
            None => Verdict::close(1011, ""),
        }
    }

    fn on_message_answer(&mut self, session: u32, message: Incoming, answer: Answer) -> Verdict {
        match self.find(session) {
            Some((filter, state)) => filter.on_message_answer(state, message, answer),
            None => Verdict::close(1011, ""),
        }
    }

    fn on_upstream(&mut self, session: u32, event: UpstreamEvent) -> Reaction {
        self.find(session).map_or(Reaction::None, |(filter, state)| filter.on_upstream(state, event))
    }

    fn on_heartbeat(&mut self, session: u32, direction: Direction) -> Reaction {
        self.find(session).map_or(Reaction::None, |(filter, state)| filter.on_heartbeat(state, direction))
    }

    fn on_timer(&mut self, session: u32, timer: u32) -> Reaction {
        self.find(session).map_or(Reaction::None, |(filter, state)| filter.on_timer(state, timer))
    }

    fn on_answer(&mut self, session: u32, answer: Answer) -> Reaction {
        self.find(session).map_or(Reaction::None, |(filter, state)| filter.on_answer(state, answer))
    }

    fn on_close(&mut self, session: u32, reason: CloseReason) {
        let state = self.sessions.get_mut(Self::place(session)).and_then(Option::take);
        if let Some(filter) = &mut self.filter {
            filter.on_close(state.unwrap_or_default(), reason);
        }
    }
}
