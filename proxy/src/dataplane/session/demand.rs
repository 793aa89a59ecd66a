//! What a session asks of its driver: bytes to write and bytes to read, ends of streams, an upstream, and to be woken.

use std::rc::Rc;

use super::holding::Redial;
use super::{Session, State, UpstreamWish};
use crate::dataplane::chain::Facts;
use crate::dataplane::codec::{Role, encode_close};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::trace::TraceContext;
use crate::dataplane::worker::RouteState;
use crate::time::Instant;

impl Session {
    /// What the client is to be written next.
    pub fn client_output(&self) -> &[u8] {
        if self.client_is_done() { &[] } else { self.core.to_client.unwritten() }
    }

    /// What the upstream is to be written next.
    pub fn upstream_output(&self) -> &[u8] {
        match &self.core.state {
            State::Bound(bound) => bound.writable(self.core.to_upstream.unwritten()),
            State::Closing(closing) if closing.upstream_wish() == UpstreamWish::Keep => {
                self.core.to_upstream.unwritten()
            }
            State::Holding(_) | State::Closing(_) | State::Closed => &[],
        }
    }

    /// Whether bytes of the client are wanted now. Not while the upstream does not take what is there already.
    pub fn wants_client_bytes(&self) -> bool {
        self.core.wants_client_bytes()
    }

    /// Whether bytes of the upstream are wanted now. Not while the client does not take what is there already.
    pub fn wants_upstream_bytes(&self) -> bool {
        self.core.wants_upstream_bytes()
    }

    /// Whether the client is to see the end of our stream once [`Session::client_output`] is written: on raw TCP that is
    /// the close frame. Stays so until the session is closed.
    pub fn client_stream_ends(&self) -> bool {
        match &self.core.state {
            State::Closing(closing) => !self.core.route.route.framing.has_controls() && !closing.client_still_reads(),
            State::Bound(_) | State::Holding(_) | State::Closed => false,
        }
    }

    /// The same of the upstream, and [`Session::upstream_output`].
    pub fn upstream_stream_ends(&self) -> bool {
        !self.core.route.route.framing.has_controls() && matches!(self.core.state, State::Closing(_))
    }

    /// What is to become of the upstream connection.
    pub fn upstream_wish(&self) -> UpstreamWish {
        match &self.core.state {
            State::Bound(_) => UpstreamWish::Keep,
            State::Holding(holding) => holding.wish(),
            State::Closing(closing) => closing.upstream_wish(),
            State::Closed => UpstreamWish::Drop,
        }
    }

    /// A last frame for an upstream connection that is about to be dropped, if it can be written at once.
    pub fn take_upstream_farewell(&mut self) -> Option<Vec<u8>> {
        let State::Holding(holding) = &mut self.core.state else { return None };
        let reason = holding.farewell.take()?;
        let mut frame = Vec::new();
        encode_close(Role::Client, &reason, &mut frame);
        Some(frame)
    }

    /// Whether the client's connection is of no more use.
    pub fn client_is_done(&self) -> bool {
        match &self.core.state {
            State::Bound(_) | State::Holding(_) => false,
            State::Closing(closing) => closing.client_is_done(),
            State::Closed => true,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_closed(&self) -> bool {
        matches!(self.core.state, State::Closed)
    }

    /// Whether it wants to hear when others find its backend back. Not if its own last upstream fell as soon as it stood: of a
    /// backend that takes connections and closes them, a whole crowd would hear each time.
    pub fn awaits_backend(&self) -> bool {
        matches!(&self.core.state, State::Holding(holding) if matches!(holding.redial, Redial::Waiting | Redial::InLine))
    }

    /// Whether messages go to the other end as they come, and none waits for an answer.
    pub fn only_passes_messages(&self) -> bool {
        matches!(self.core.state, State::Bound(_)) && !self.has_errands()
    }

    /// Whether it waits for an upstream.
    pub fn is_holding(&self) -> bool {
        matches!(self.core.state, State::Holding(_))
    }

    /// What the backend is to be told of the session when it is dialled.
    pub fn dial_facts(&self) -> (&Handshake, &Facts, u32) {
        (&self.core.handshake, &self.core.facts, self.core.dials + 1)
    }

    /// The span that a connect is to hang under.
    pub fn dial_trace(&self) -> TraceContext {
        match &self.core.state {
            State::Holding(holding) => holding.span.context(&self.core.handshake.trace),
            State::Bound(_) | State::Closing(_) | State::Closed => self.core.handshake.trace,
        }
    }

    /// Its route.
    pub fn route(&self) -> &Rc<RouteState> {
        &self.core.route
    }

    /// When [`Session::handle_deadlines`] has something to do.
    pub fn next_deadline(&self) -> Instant {
        let filters = self.core.facts.next_timer().map_or(Instant::NEVER, |timer| timer.at);
        self.core.timers.next().min(filters)
    }
}
