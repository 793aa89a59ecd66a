//! How a session ends: both close handshakes (RFC 6455, section 7), what is still on its way before them, and the time
//! both sides have for it.

use super::holding::Client;
use super::timers::Timer;
use super::{CLOSE_TIMEOUT, Context, Core, Ending, HALF_CLOSED_TIMEOUT, State, UpstreamWish};
use crate::dataplane::codec::{Control, ProtocolError};
use crate::dataplane::handshake::about;
use crate::dataplane::message::{CloseReason, Direction};
use crate::dataplane::state::{EndReason, Ended, SessionState};

/// The end has begun.
pub(super) struct Closing {
    /// What ends it, and loses the messages that do not make it.
    pub(super) reason: EndReason,
    pub(super) client: ClientEnd,
    pub(super) upstream: UpstreamEnd,
}

/// How far the client's connection is on its way to its end.
pub(super) enum ClientEnd {
    /// It sent a close frame; ours waits for the upstream's, so that the backend's last messages come before it.
    Waiting(CloseReason),
    /// Our close frame is on its way; its own has not come.
    Asked,
    /// Its close frame has come, ours is on its way.
    Answering,
    /// Nothing more is to be done.
    Gone,
}

/// How far the upstream connection is on its way to its end.
pub(super) enum UpstreamEnd {
    /// Our close frame is on its way; its own has not come.
    Asked,
    /// What it sends is not wanted any more; what it is sent is still on its way, then the connection goes: after an answer
    /// to its close frame, or without one if the client went without one.
    Draining,
    /// Nothing more is to be done.
    Gone,
}

impl Closing {
    pub(super) fn upstream_wish(&self) -> UpstreamWish {
        match self.upstream {
            UpstreamEnd::Asked | UpstreamEnd::Draining => UpstreamWish::Keep,
            UpstreamEnd::Gone => UpstreamWish::Drop,
        }
    }

    pub(super) fn client_is_done(&self) -> bool {
        matches!(self.client, ClientEnd::Gone)
    }

    /// Whether a message can still be put before our close frame to the client.
    pub(super) fn client_still_reads(&self) -> bool {
        matches!(self.client, ClientEnd::Waiting(_))
    }
}

impl Core {
    /// Whether what the client sends is still looked at.
    pub(super) fn hears_client(&self) -> bool {
        match &self.state {
            State::Bound(_) | State::Holding(_) => true,
            State::Closing(closing) => matches!(closing.client, ClientEnd::Asked),
            State::Closed => false,
        }
    }

    /// Whether what the upstream sends is still looked at.
    pub(super) fn hears_upstream(&self) -> bool {
        match &self.state {
            State::Bound(_) => true,
            State::Closing(closing) => matches!(closing.upstream, UpstreamEnd::Asked),
            State::Holding(_) | State::Closed => false,
        }
    }

    pub(super) fn on_client_close(&mut self, cx: &mut Context<'_>, reason: CloseReason) {
        let waits = !self.route.route.framing.has_controls() && self.written() < self.sent;
        match &mut self.state {
            // Bound => Closing
            State::Bound(_) => {
                self.signal_upstream(cx, Control::Close(&reason));
                let client = ClientEnd::Waiting(reason);
                self.begin_closing(cx, EndReason::ClientClosed, client, UpstreamEnd::Asked);
            }
            // Holding => Holding: on raw TCP it only speaks no more.
            State::Holding(holding) if waits => holding.client = Client::HasSaidAll,
            // Holding => Closing
            State::Holding(_) => {
                self.stop_holding(cx, EndReason::ClientClosed);
                self.signal_client(cx, Control::Close(&reason));
                self.begin_closing(cx, EndReason::ClientClosed, ClientEnd::Answering, UpstreamEnd::Gone);
            }
            // Closing => Closing
            State::Closing(closing) => closing.client = ClientEnd::Answering,
            State::Closed => {}
        }
    }

    /// The upstream is to end, or has, and the backend means it, though its connection cannot say so.
    // Bound => Closing
    pub(super) fn end_with_upstream(&mut self, cx: &mut Context<'_>) {
        self.signal_client(cx, Control::Close(&CloseReason::new(1000, "the backend has ended the session")));
        self.begin_closing(cx, EndReason::BackendClosed, ClientEnd::Asked, UpstreamEnd::Draining);
    }

    pub(super) fn on_upstream_close(&mut self, cx: &mut Context<'_>, reason: CloseReason) {
        // 1005 stands for a close frame without a code (RFC 6455, section 7.1.5).
        let code = reason.code.unwrap_or(1005);
        let hold = &self.route.route.hold;
        match &mut self.state {
            State::Bound(_) if hold.is_on() && hold.codes.contains(&code) => self.on_upstream_lost(cx, Some(reason)),
            // Bound => Closing: the backend means it.
            State::Bound(_) => {
                self.signal_upstream(cx, Control::Close(&reason));
                self.signal_client(cx, Control::Close(&reason));
                self.begin_closing(cx, EndReason::BackendClosed, ClientEnd::Asked, UpstreamEnd::Draining);
            }
            // Closing => Closing: the backend's answer. It has read all that came before our close frame.
            State::Closing(closing) => {
                closing.upstream = UpstreamEnd::Gone;
                if let ClientEnd::Waiting(_) = closing.client {
                    closing.client = ClientEnd::Answering;
                    self.signal_client(cx, Control::Close(&reason));
                }
                self.settle_delivered(cx, self.written());
            }
            State::Holding(_) | State::Closed => {}
        }
    }

    /// The client's connection ended without a close handshake, or after it, or is as good as ended.
    pub(super) fn on_client_gone(&mut self, cx: &mut Context<'_>, why: EndReason) {
        match &mut self.state {
            // Bound => Closing: what it said before is still passed on; the backend sees the connection end the same way.
            State::Bound(_) => {
                self.begin_closing(cx, why, ClientEnd::Gone, UpstreamEnd::Draining);
            }
            // Holding => Closing
            State::Holding(_) => {
                self.stop_holding(cx, why);
                self.begin_closing(cx, why, ClientEnd::Gone, UpstreamEnd::Gone);
            }
            // Closing => (Closing | Closed)
            State::Closing(closing) => closing.client = ClientEnd::Gone,
            State::Closed => return,
        }
        self.settle_closing(cx);
    }

    /// Ends the session on our own account: the client is told why, the backend that the client is going.
    // (Bound | Holding) => Closing
    pub(super) fn close(&mut self, cx: &mut Context<'_>, reason: CloseReason, why: EndReason) {
        let (client, upstream) = match &self.state {
            State::Bound(_) => {
                let going = CloseReason::new(1001, "the session was ended by the proxy");
                self.signal_upstream(cx, Control::Close(&going));
                (ClientEnd::Asked, UpstreamEnd::Asked)
            }
            State::Holding(holding) => {
                let client = match holding.client {
                    Client::Speaks => ClientEnd::Asked,
                    Client::HasSaidAll => ClientEnd::Answering,
                };
                self.stop_holding(cx, why);
                (client, UpstreamEnd::Gone)
            }
            State::Closing(_) | State::Closed => return,
        };
        about!(debug, self.handshake, code = reason.code, reason = %reason.reason, "closing the session");
        self.signal_client(cx, Control::Close(&reason));
        self.begin_closing(cx, why, client, upstream);
    }

    pub(super) fn on_client_misbehaved(&mut self, cx: &mut Context<'_>, error: &ProtocolError) {
        about!(debug, self.handshake, %error, "the client broke the protocol or a limit");
        cx.counters.clients_misbehaved.add(1);
        self.close(cx, error.close_reason(), EndReason::ClientMisbehaved);
        // It will not be listened to any more, so its close frame will not be seen either.
        if let State::Closing(closing) = &mut self.state {
            closing.client = ClientEnd::Answering;
        }
    }

    /// Another connection would meet the same backend: trying again would not help.
    pub(super) fn on_upstream_misbehaved(&mut self, cx: &mut Context<'_>, error: &ProtocolError) {
        about!(warn, self.handshake, route = %self.route.route.name, %error,
            "the backend broke the protocol or a limit");
        match &mut self.state {
            State::Bound(_) => {
                let reason = error.close_reason();
                self.signal_upstream(cx, Control::Close(&reason));
                let told = match reason.code {
                    // Too big is too big for the client too.
                    Some(1009) => reason,
                    _ => CloseReason::new(1011, "the backend broke the protocol"),
                };
                self.signal_client(cx, Control::Close(&told));
                self.begin_closing(cx, EndReason::BackendMisbehaved, ClientEnd::Asked, UpstreamEnd::Draining);
            }
            _ => self.on_upstream_gone(cx, Ending::Broken),
        }
    }

    pub(super) fn on_close_timeout(&mut self, cx: &mut Context<'_>) {
        let State::Closing(closing) = &mut self.state else { return };
        match std::mem::replace(&mut closing.client, ClientEnd::Answering) {
            // The backend does not answer: the client has waited long enough.
            ClientEnd::Waiting(reason) => {
                closing.upstream = UpstreamEnd::Gone;
                let loss = closing.reason.loss();
                self.lose_parked(cx, Direction::ToClient, loss);
                self.signal_client(cx, Control::Close(&reason));
                self.timers.set(Timer::CloseEnds, cx.now + CLOSE_TIMEOUT);
            }
            _ => {
                let why = closing.reason;
                self.end(cx, why);
            }
        }
    }

    fn begin_closing(&mut self, cx: &mut Context<'_>, reason: EndReason, client: ClientEnd, upstream: UpstreamEnd) {
        for timer in [Timer::Probe, Timer::Heartbeat] {
            self.timers.clear(timer);
        }
        self.timers.set(Timer::CloseEnds, cx.now + CLOSE_TIMEOUT);
        self.lose_parked(cx, Direction::ToBackend, reason.loss());
        if !matches!(client, ClientEnd::Waiting(_)) {
            self.lose_parked(cx, Direction::ToClient, reason.loss());
        }
        self.forget_aside();
        self.state = State::Closing(Closing { reason, client, upstream });
        self.wait_for_last_words(cx);
    }

    /// On raw TCP a client that has closed its half reads on for as long as its backend speaks on.
    pub(super) fn wait_for_last_words(&mut self, cx: &Context<'_>) {
        let State::Closing(closing) = &self.state else { return };
        if closing.client_still_reads() && !self.route.route.framing.has_controls() {
            self.timers.set(Timer::CloseEnds, cx.now + HALF_CLOSED_TIMEOUT);
        }
    }

    /// Sees what is complete by now.
    // Closing => (Closing | Closed)
    pub(super) fn settle_closing(&mut self, cx: &mut Context<'_>) {
        let State::Closing(closing) = &mut self.state else { return };
        if let (UpstreamEnd::Draining, []) = (&closing.upstream, self.to_upstream.unwritten()) {
            closing.upstream = UpstreamEnd::Gone;
        }
        if let (ClientEnd::Waiting(reason), UpstreamEnd::Gone, false) =
            (&mut closing.client, &closing.upstream, self.waiting.has(Direction::ToClient))
        {
            let reason = std::mem::take(reason);
            closing.client = ClientEnd::Answering;
            self.signal_client(cx, Control::Close(&reason));
        }
        let State::Closing(closing) = &mut self.state else { return };
        if let (ClientEnd::Answering, []) = (&closing.client, self.to_client.unwritten()) {
            closing.client = ClientEnd::Gone;
        }
        if let (ClientEnd::Gone, UpstreamEnd::Gone) = (&closing.client, &closing.upstream) {
            let why = closing.reason;
            self.end(cx, why);
        }
    }

    /// Balances the books, tells the filters and those who keep count of clients, and is done.
    // any => Closed
    pub(super) fn end(&mut self, cx: &mut Context<'_>, why: EndReason) {
        if let State::Closed = self.state {
            return;
        }
        if let State::Holding(_) = self.state {
            self.stop_holding(cx, why);
        }
        let loss = why.loss();
        // What an upstream took that stood until the end has arrived, as far as anyone can tell.
        self.settle_delivered(cx, self.written());
        self.settle_lost(cx, self.sent, loss);
        for direction in [Direction::ToBackend, Direction::ToClient] {
            self.lose_parked(cx, direction, loss);
        }
        self.waiting = Default::default();
        let undelivered = self.to_client.unwritten_messages();
        let flow = &cx.counters.to_client;
        flow.held.sub(undelivered);
        flow.lost(loss).add(undelivered);
        self.to_client.clear(cx.pool, cx.budget, &cx.counters.to_client.held_bytes);
        self.to_upstream.clear(cx.pool, cx.budget, &cx.counters.to_backend.held_bytes);
        self.timers = Default::default();
        self.state = State::Closed;
        cx.counters.sessions_closed.add(1);
        let reason = CloseReason { code: None, reason: loss.label().into() };
        self.ask_chain(cx, |chain, subject| chain.on_close(subject, &reason));
        // One that is due by now would open the session anew in its filter, which nobody would tell of the end again.
        self.facts.forget_timers();
        about!(debug, self.handshake, because = why.label(), "the session is over");
        let ended = Ended { reason: why, messages: self.sent, dials: self.dials };
        self.tell_state(cx, SessionState::Disconnected(ended));
    }
}
