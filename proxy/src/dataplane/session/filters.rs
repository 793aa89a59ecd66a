//! What a session asks of its filters besides messages, what it does for them, and what it tells of itself.

use std::rc::Rc;

use super::{Context, Core, State};
use crate::dataplane::chain::{Chain, Reaction, Subject, UpstreamEvent};
use crate::dataplane::message::Direction;
use crate::dataplane::state::{EndReason, SessionState, StateChange};

impl Core {
    /// Whether a message concerns anybody but its two ends.
    pub(super) fn has_onlookers(&self, direction: Direction) -> bool {
        self.route.chain.listens(direction) || self.handshake.trace.may_sample_messages()
    }

    pub(super) fn on_heartbeat_answered(&mut self, cx: &mut Context<'_>, direction: Direction) {
        cx.counters.heartbeats_answered.add(1);
        let mut reactions = Vec::new();
        self.ask_chain(cx, |chain, subject| {
            chain.on_heartbeat(subject, direction, |position, reaction| reactions.push((position, reaction)));
        });
        for (position, reaction) in reactions {
            self.react(cx, position, reaction);
        }
    }

    pub(super) fn tell_filters(&mut self, cx: &mut Context<'_>, event: UpstreamEvent) {
        let mut reactions = Vec::new();
        self.ask_chain(cx, |chain, subject| {
            chain.on_upstream(subject, event, |position, reaction| reactions.push((position, reaction)));
        });
        for (position, reaction) in reactions {
            self.react(cx, position, reaction);
        }
    }

    /// What a filter wants done, but for callouts.
    pub(super) fn obey(&mut self, cx: &mut Context<'_>, reaction: Reaction) {
        match reaction {
            Reaction::None | Reaction::CallOut(_) => {}
            Reaction::Send(message) => self.tell_client(cx, &message),
            Reaction::Close(reason) => self.close(cx, reason, EndReason::FilterClosed),
        }
    }

    /// Tells those who keep count of clients.
    pub(super) fn tell_state(&mut self, cx: &Context<'_>, state: SessionState) {
        self.facts.take_renamed();
        let change = StateChange {
            session: self.handshake.session,
            route: &self.route.route,
            peer: self.handshake.peer,
            facts: &self.facts,
            at: cx.now,
            state,
        };
        cx.states.on_state(&change);
    }

    /// A filter may come to know who the client is when the session has long been open.
    pub(super) fn tell_of_new_name(&mut self, cx: &Context<'_>) {
        if self.facts.take_renamed() {
            match self.state {
                State::Bound(_) => self.tell_state(cx, SessionState::Connected),
                State::Holding(_) => self.tell_state(cx, SessionState::Holding),
                State::Closing(_) | State::Closed => {}
            }
        }
    }

    pub(super) fn ask_chain<T>(&mut self, cx: &Context<'_>, ask: impl FnOnce(&Chain, &mut Subject<'_>) -> T) -> T {
        let route = Rc::clone(&self.route);
        let mut subject = Subject {
            now: cx.now,
            route: &route.route.name,
            handshake: &self.handshake,
            facts: &mut self.facts,
            handles: &mut self.handles,
        };
        ask(&route.chain, &mut subject)
    }
}
