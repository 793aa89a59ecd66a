//! Holding on: the upstream is lost, messages are kept, and the backend is dialled again until it answers or the route's
//! patience ends.

use std::time::Duration;

use rand::Rng;

use super::closing::{ClientEnd, Closing, UpstreamEnd};
use super::timers::Timer;
use super::{Bound, Context, Core, DialFailure, Ending, Proof, STABLE_AFTER, State, UpstreamWish};
use crate::dataplane::chain::UpstreamEvent;
use crate::dataplane::handshake::about;
use crate::dataplane::hold::Unconfirmed;
use crate::dataplane::ledger::LossReason;
use crate::dataplane::message::{CloseReason, Message, MessageKind};
use crate::dataplane::state::{EndReason, SessionState};
use crate::dataplane::trace::{HoldEnd, HoldOutcome, HoldSpan};
use crate::time::Instant;

/// The upstream is away.
pub(super) struct Holding {
    pub(super) since: Instant,
    pub(super) redial: Redial,
    pub(super) span: HoldSpan,
    /// Of [`Core::dials`], those before.
    dials_before: u32,
    /// Messages that the lost upstream had been sent and had not proved to have read.
    unconfirmed: u64,
    pub(super) client: Client,
    /// The close frame that the lost upstream is owed, if it sent one itself.
    pub(super) farewell: Option<CloseReason>,
}

/// Whether more is to be heard of a held session's client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Client {
    Speaks,
    /// It has ended its stream, on raw TCP. What it said before waits for a backend, and it for the answer.
    HasSaidAll,
}

/// Where a held session is on its way to a new upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Redial {
    /// Until the timer of that name, or until others find the backend back. It stands in line then.
    Waiting,
    /// Likewise, and then it is its turn.
    InLine,
    /// Until the timer of that name. The last upstream fell as soon as it stood, so that others reach one means nothing.
    Wary,
    /// The driver is to begin.
    Due,
    /// The driver is at it.
    Dialling,
}

impl Holding {
    pub(super) fn wish(&self) -> UpstreamWish {
        match self.redial {
            Redial::Waiting | Redial::InLine | Redial::Wary => UpstreamWish::Drop,
            Redial::Due => UpstreamWish::Dial,
            Redial::Dialling => UpstreamWish::Keep,
        }
    }
}

impl Core {
    pub(super) fn on_upstream_gone(&mut self, cx: &mut Context<'_>, ending: Ending) {
        match &mut self.state {
            // Bound => Closing
            State::Bound(_) if self.edge.as_ref().is_some_and(|edge| edge.backend_means_to_end()) => {
                self.end_with_upstream(cx);
                self.on_upstream_gone(cx, ending);
            }
            // Bound => (Holding | Closing)
            State::Bound(_) => self.on_upstream_lost(cx, None),
            // Closing => (Closing | Closed)
            State::Closing(closing) => {
                closing.upstream = UpstreamEnd::Gone;
                match ending {
                    // Many a backend ends its connection without answering a close frame; it would have been reset if
                    // something had not been read.
                    Ending::Eof => self.settle_delivered(cx, self.written()),
                    Ending::Broken => self.settle_lost(cx, self.written(), LossReason::Unconfirmed),
                }
                self.settle_closing(cx);
            }
            State::Holding(_) | State::Closed => {}
        }
    }

    /// The upstream went away, with a close frame or without, and perhaps without meaning to end the session.
    // Bound => (Holding | Closing)
    pub(super) fn on_upstream_lost(&mut self, cx: &mut Context<'_>, close: Option<CloseReason>) {
        let State::Bound(bound) = &self.state else { return };
        // 1005 and 1006 stand for a close frame without a code, and for none (RFC 6455, section 7.4.1).
        let code = close.as_ref().map_or(1006, |reason| reason.code.unwrap_or(1005));
        // Into the middle of a frame no close frame can be written.
        let farewell = close.filter(|_| self.to_upstream.is_between_frames());
        let redial = if cx.now - bound.since >= STABLE_AFTER {
            self.failures = 0;
            Redial::Waiting
        } else if self.dials == 1 {
            // The first was no attempt to find one again.
            Redial::Waiting
        } else {
            self.failures = self.failures.saturating_add(1);
            Redial::Wary
        };
        let unconfirmed = self.written() - self.settled;
        let route = std::rc::Rc::clone(&self.route);
        let hold = &route.route.hold;
        match hold.unconfirmed {
            Unconfirmed::Report => self.settle_lost(cx, self.written(), LossReason::Unconfirmed),
            Unconfirmed::Resend => {}
        }
        self.to_upstream.rewind();
        for timer in [Timer::Confirm, Timer::UpstreamStalled] {
            self.timers.clear(timer);
        }
        if !hold.is_on() || !hold.codes.contains(&code) {
            self.begin_holding(cx, redial, unconfirmed, farewell);
            self.tell_filters(cx, UpstreamEvent::Lost);
            return self.give_up(cx, "the backend went away", EndReason::BackendGone);
        }
        about!(debug, self.handshake, route = %route.route.name, code, unconfirmed, "holding: the upstream is lost");
        cx.counters.holds.add(1);
        self.begin_holding(cx, redial, unconfirmed, farewell);
        self.timers.set(Timer::HoldEnds, cx.now + (hold.time_max - hold.pacing().mul_f64(cx.random.random())));
        if let Some(notice) = &hold.notice_holding {
            let reported = if hold.unconfirmed == Unconfirmed::Report { unconfirmed } else { 0 };
            let notice = fill_in(notice, reported);
            self.tell_client(cx, &notice);
        }
        self.tell_state(cx, SessionState::Holding);
        self.tell_filters(cx, UpstreamEvent::Lost);
        if let State::Holding(holding) = &self.state {
            self.wait_to_redial(cx, holding.redial);
        }
    }

    fn begin_holding(&mut self, cx: &Context<'_>, redial: Redial, unconfirmed: u64, farewell: Option<CloseReason>) {
        cx.counters.sessions_holding.add(1);
        let (span, dials_before) = (HoldSpan::start(), self.dials);
        let client = Client::Speaks;
        self.state = State::Holding(Box::new(Holding {
            since: cx.now,
            redial,
            span,
            dials_before,
            unconfirmed,
            client,
            farewell,
        }));
    }

    /// Counts and traces the end of a hold; the next state is the caller's.
    fn end_holding(&mut self, cx: &Context<'_>, outcome: HoldOutcome) {
        let State::Holding(holding) = &self.state else { return };
        cx.counters.sessions_holding.sub(1);
        for timer in [Timer::HoldEnds, Timer::Redial] {
            self.timers.clear(timer);
        }
        let end = HoldEnd {
            session: self.handshake.session,
            route: &self.route.route.name,
            started: holding.since,
            ended: cx.now,
            outcome,
            attempts: self.dials - holding.dials_before,
            messages_held: self.sent - self.written(),
            messages_unconfirmed: holding.unconfirmed,
        };
        holding.span.finish(&self.handshake.trace, end);
    }

    /// Sets the time of the next attempt, or gives up when there were enough.
    fn wait_to_redial(&mut self, cx: &mut Context<'_>, how: Redial) {
        let backoff = &self.route.route.hold.redial;
        match backoff.wait(self.failures, cx.random) {
            Some(wait) => {
                self.timers.set(Timer::Redial, cx.now + wait);
            }
            // As when time is up: not all of a crowd at one moment.
            None => {
                let paced = cx.now + self.route.route.hold.pacing().mul_f64(cx.random.random());
                self.timers.set(Timer::HoldEnds, paced.min(self.timers.at(Timer::HoldEnds)));
            }
        }
        if let State::Holding(holding) = &mut self.state {
            holding.redial = how;
        }
    }

    pub(super) fn on_redial_due(&mut self, cx: &Context<'_>) {
        let State::Holding(holding) = &mut self.state else { return };
        let wait = match holding.redial {
            Redial::Waiting => self.route.line.join(cx.now),
            _ => Duration::ZERO,
        };
        if wait.is_zero() {
            holding.redial = Redial::Due;
        } else {
            holding.redial = Redial::InLine;
            self.timers.set(Timer::Redial, cx.now + wait);
        }
    }

    /// Those who are called have their turns by `wait`.
    pub(super) fn on_backend_back(&mut self, cx: &mut Context<'_>, wait: Duration) {
        if let State::Holding(holding) = &mut self.state
            && matches!(holding.redial, Redial::Waiting | Redial::InLine)
        {
            holding.redial = Redial::InLine;
            let sooner = cx.now + wait;
            if self.timers.at(Timer::Redial) > sooner {
                self.timers.set(Timer::Redial, sooner);
            }
        }
    }

    pub(super) fn on_dialling(&mut self, cx: &mut Context<'_>) {
        if let State::Holding(holding) = &mut self.state {
            holding.redial = Redial::Dialling;
            self.dials += 1;
            cx.counters.dials.add(1);
        }
    }

    pub(super) fn on_dial_failed(&mut self, cx: &mut Context<'_>, failure: DialFailure) {
        let State::Holding(_) = &self.state else { return };
        cx.counters.dials_failed.add(1);
        self.failures = self.failures.saturating_add(1);
        self.tell_filters(cx, UpstreamEvent::Failed);
        if !matches!(self.state, State::Holding(_)) {
            return;
        }
        match failure {
            DialFailure::Unavailable => self.wait_to_redial(cx, Redial::Waiting),
            // 1008, RFC 6455, section 7.4.1: the backend does not want this session, for a reason of its own.
            DialFailure::Refused(status) => {
                let reason = CloseReason::new(1008, &format!("the backend refused the session: {status}"));
                self.close(cx, reason, EndReason::BackendRefused);
            }
        }
    }

    // Holding => Bound
    pub(super) fn on_connected(&mut self, cx: &mut Context<'_>, connecting: Duration) {
        let State::Holding(holding) = &self.state else { return };
        about!(debug, self.handshake,
            route = %self.route.route.name,
            held_ms = u64::try_from((cx.now - holding.since).as_millis()).unwrap_or(u64::MAX),
            held_messages = self.sent - self.written(),
            "bound again"
        );
        let client = holding.client;
        self.route.line.dissolve();
        self.end_holding(cx, HoldOutcome::Bound);
        cx.counters.rebounds.add(1);
        let hold = &self.route.route.hold;
        // A client that the last backend did not come to greet is greeted by this one.
        let mut swallow = hold.replay.greeting.min(u32::try_from(self.received).unwrap_or(u32::MAX));
        let mut before_answers = if swallow > 0 { 0 } else { usize::MAX };
        if let Some(remembered) = &self.remembered {
            let replay = remembered.frames(self.written(), &self.route.route.framing, cx.pool);
            if replay.bytes() > 0 {
                swallow = swallow.saturating_add(hold.replay.swallow);
                // Unless the client has yet to say what part of the answers are for.
                let is_whole = self.written() >= u64::from(hold.replay.first);
                before_answers = if is_whole { replay.bytes() } else { usize::MAX };
            }
            self.to_upstream.prepend(replay, cx.pool);
        }
        if let Some(edge) = &mut self.edge {
            edge.handle_connected();
        }
        let notice = hold.notice_bound.clone();
        self.state = State::Bound(Bound { since: cx.now, proof: Proof::NotAsked, swallow, before_answers });
        self.tell_state(cx, SessionState::Connected);
        if let Some(notice) = notice {
            self.tell_client(cx, &notice);
        }
        self.tell_filters(cx, UpstreamEvent::Connected(connecting));
        if client == Client::HasSaidAll {
            self.on_client_close(cx, CloseReason::default());
        }
    }

    /// Whether so many bytes more may be held.
    pub(super) fn room_to_hold(&self, cx: &Context<'_>, bytes: usize) -> Result<(), EndReason> {
        if self.to_upstream.bytes() + bytes > self.route.route.hold.bytes_max {
            Err(EndReason::HoldFull)
        } else if !cx.budget.allows(bytes) {
            Err(EndReason::Budget)
        } else {
            Ok(())
        }
    }

    /// Patience has ended.
    // Holding => Closing
    pub(super) fn give_up(&mut self, cx: &mut Context<'_>, told: &str, why: EndReason) {
        let reason = CloseReason::new(self.route.route.hold.close_code, told);
        about!(debug, self.handshake, why = told, "giving up on the backend");
        self.close(cx, reason, why);
    }

    /// Leaves Holding for good. What is held is lost, for this reason.
    pub(super) fn stop_holding(&mut self, cx: &mut Context<'_>, reason: EndReason) {
        let loss = reason.loss();
        self.end_holding(cx, HoldOutcome::Lost(loss));
        self.settle_lost(cx, self.sent, loss);
        self.to_upstream.clear(cx.pool, cx.budget, &cx.counters.to_backend.held_bytes);
        self.state = State::Closing(Closing { reason, client: ClientEnd::Asked, upstream: UpstreamEnd::Gone });
    }
}

/// The notice with the count in its place.
fn fill_in(notice: &Message, unconfirmed: u64) -> Message {
    if notice.kind == MessageKind::Binary {
        return notice.clone();
    }
    let text = String::from_utf8_lossy(&notice.payload);
    Message::text(text.replace("{unconfirmed}", &unconfirmed.to_string()))
}
