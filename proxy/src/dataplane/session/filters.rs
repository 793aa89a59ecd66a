//! What a session asks of its filters besides messages, and what it does for them.

use std::rc::Rc;

use super::{Context, Core};
use crate::dataplane::chain::{Chain, Reaction, Subject, UpstreamEvent};
use crate::dataplane::ledger::LossReason;
use crate::dataplane::message::Direction;

impl Core {
    /// Whether a message concerns anybody but its two ends.
    pub(super) fn has_onlookers(&self, direction: Direction) -> bool {
        self.route.chain.listens(direction) || self.handshake.trace.may_sample_messages()
    }

    pub(super) fn on_heartbeat_answered(&mut self, cx: &mut Context<'_>, direction: Direction) {
        cx.counters.heartbeats_answered.add(1);
        let mut reactions = Vec::new();
        self.ask_chain(cx, |chain, subject| {
            chain.on_heartbeat(subject, direction, |reaction| reactions.push(reaction));
        });
        for reaction in reactions {
            self.react(cx, reaction);
        }
    }

    pub(super) fn tell_filters(&mut self, cx: &mut Context<'_>, event: UpstreamEvent) {
        let mut reactions = Vec::new();
        self.ask_chain(cx, |chain, subject| {
            chain.on_upstream(subject, event, |reaction| reactions.push(reaction));
        });
        for reaction in reactions {
            self.react(cx, reaction);
        }
    }

    pub(super) fn react(&mut self, cx: &mut Context<'_>, reaction: Reaction) {
        match reaction {
            Reaction::None => {}
            Reaction::Send(message) => self.tell_client(cx, &message),
            Reaction::Close(reason) => self.close(cx, reason, LossReason::FilterClosed),
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
