//! Drives one session: moves bytes between its sockets and its state machine, dials when it wants to, and wakes it when
//! it is due. One task a session, one future that is written by hand so that an idle session keeps its two sockets and
//! nothing else: bytes are read into the worker's buffer and written out of pooled queues. What the bytes mean is the
//! session's.

mod errands;
mod wire;

use std::future::Future;
use std::ops::BitOrAssign;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;

use self::errands::Errands;
use self::wire::Wire;
use super::handshake::about;
use super::listener::ConnectionSlot;
use super::session::{DialFailure, Ending, Session, UpstreamWish};
use super::upstream::{Attempt, Connection, DialError, Dialled, Reached};
use super::worker::{Command, Leg, SessionKey, Worker};
use crate::time::Instant;
use crate::tls::Stream;

/// The task of one session.
pub struct Driver {
    worker: Rc<Worker>,
    key: SessionKey,
    session: Session,
    client: Wire,
    upstream: Upstream,
    /// What its filters ask.
    errands: Errands,
    /// What came with the ends of the two handshakes. Until the task begins.
    early: Option<Box<Early>>,
    /// When the worker's wheel is to wake this task.
    armed: Instant,
    _slot: ConnectionSlot,
}

/// Bytes that were read before the session was.
pub struct Early {
    /// From the client.
    pub client: Bytes,
    /// From its first upstream.
    pub upstream: Bytes,
}

enum Upstream {
    Away,
    Dialling(Pin<Box<dyn Future<Output = Attempted>>>),
    Open(Wire),
}

/// What came of an attempt to have a backend.
struct Attempted {
    outcome: Result<Dialled, DialError>,
    took: Duration,
}

/// Whether a step found something to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Made,
    None,
}

/// How a step left one direction of a socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Nothing was wanted of it.
    Unasked,
    /// Nothing moved. It wakes this task when something can.
    Asleep,
    /// Something moved, until no more could. It wakes this task when more can.
    Drained,
    /// Something moved, and more may at once.
    Moving,
}

/// Rounds before other sessions get their turn.
const ROUNDS_MAX: u32 = 8;
/// Reads of a round from each side, each of at most the worker's buffer. After one that came back short the second asks no
/// kernel: it is known that the socket is empty, and it is watched from then on. So a message costs one round and not two.
/// After one that filled the buffer there is none: of fragments of one byte that buffer alone takes a millisecond.
const READS_A_ROUND: u32 = 2;
/// After this long they get it, too: filters may make few messages take long. Behind four that flood, others wait for some two
/// milliseconds each way.
const TURN: Duration = Duration::from_micros(500);

impl Driver {
    /// A task for a session whose two connections stand.
    pub fn new(
        worker: Rc<Worker>,
        session: Session,
        client: Stream,
        upstream: Stream,
        early: Early,
        slot: ConnectionSlot,
    ) -> Self {
        let key = worker.enter();
        Self {
            key,
            session,
            client: Wire::new(client, &worker, key, Leg::Client),
            upstream: Upstream::Open(Wire::new(upstream, &worker, key, Leg::Upstream)),
            worker,
            errands: Errands::default(),
            early: Some(Box::new(early)),
            armed: Instant::NEVER,
            _slot: slot,
        }
    }

    /// One round over everything that may have happened. Unless there is more to do, something wakes this task when there is.
    fn round(&mut self, cx: &mut TaskContext<'_>, now: Instant, key: SessionKey) -> Progress {
        let mut asked = self.obey(now, key);
        asked |= self.run_errands(cx, now, key);
        asked |= self.dial(cx, now, key);
        let from_client = self.read_client(cx, now);
        let from_upstream = self.read_upstream(cx, now);
        // After reading: who was heard in time is not to be taken for silent since we came late.
        asked |= self.meet_deadlines(now);
        let to_client = self.write_client(cx, now);
        let to_upstream = self.write_upstream(cx, now);
        self.worker.with_context(now, |context| self.session.handle_flushed(context));
        asked |= self.grant_upstream_wish(now, key);
        let is_done = asked == Progress::None
            && if self.session.only_passes_messages() {
                self.session.next_deadline() > now
                    && !from_client.goes_on(self.session.wants_client_bytes())
                    && !from_upstream.goes_on(self.session.wants_upstream_bytes())
                    && !to_client.goes_on(!self.session.client_output().is_empty())
                    && !to_upstream.goes_on(!self.session.upstream_output().is_empty())
            } else {
                // Any step may have led to the next.
                [from_client, from_upstream, to_client, to_upstream].iter().all(|flow| !flow.moved())
            };
        if is_done { Progress::None } else { Progress::Made }
    }

    fn obey(&mut self, now: Instant, key: SessionKey) -> Progress {
        self.take_up_route(now, key);
        let (news, orders) = self.worker.take_news(key);
        self.client.hear(news.client);
        if let Upstream::Open(wire) = &mut self.upstream {
            wire.hear(news.upstream);
        }
        let Some(orders) = orders else { return Progress::None };
        if let Some(reason) = orders.visitor.and_then(|visitor| visitor.meet(key.place(), &self.session.view(now))) {
            self.worker.with_context(now, |context| self.session.handle_shutdown(context, reason));
        }
        let Some(command) = orders.command else { return Progress::None };
        self.worker.with_context(now, |context| match command {
            Command::BackendBack(wait) => self.session.handle_backend_back(context, wait),
            Command::Shutdown(reason) => self.session.handle_shutdown(context, reason),
        });
        Progress::Made
    }

    /// Hands over what was answered, and asks what is to be asked: that is looked at in the next round.
    fn run_errands(&mut self, cx: &mut TaskContext<'_>, now: Instant, key: SessionKey) -> Progress {
        let mut progress = Progress::None;
        if self.errands.is_empty() && !self.session.has_errands() {
            return progress;
        }
        while let Some((errand, answer)) = self.errands.poll(cx) {
            self.worker.with_context(now, |context| self.session.handle_answer(context, errand, &answer));
            progress = Progress::Made;
        }
        // Between a message and the one behind it, which may wait again.
        self.take_up_route(now, key);
        if self.session.has_behind() {
            self.worker.with_context(now, |context| self.session.handle_behind(context));
            progress = Progress::Made;
        }
        self.errands.retain(|errand| self.session.awaits(errand));
        while let Some((errand, question, trace)) = self.session.next_question() {
            let asking = self.worker.caller.ask(&question.request, question.terms.as_ref(), trace);
            self.errands.start(errand, asking);
            progress = Progress::Made;
        }
        progress
    }

    /// If a reload gave the session's route a successor.
    fn take_up_route(&mut self, now: Instant, key: SessionKey) {
        if self.session.successor().is_none() {
            return;
        }
        let Some(before) = self.worker.with_context(now, |context| self.session.handle_successor(context)) else {
            return;
        };
        let authority = &before.route.backend.authority;
        if *authority != self.session.route().route.backend.authority {
            self.worker.stop_waiting(authority, key);
        }
    }

    fn meet_deadlines(&mut self, now: Instant) -> Progress {
        if self.armed <= now {
            self.armed = Instant::NEVER;
        }
        if self.session.next_deadline() > now {
            return Progress::None;
        }
        self.worker.with_context(now, |context| self.session.handle_deadlines(context));
        Progress::Made
    }

    fn dial(&mut self, cx: &mut TaskContext<'_>, now: Instant, key: SessionKey) -> Progress {
        let Upstream::Dialling(dial) = &mut self.upstream else { return Progress::None };
        let Poll::Ready(Attempted { outcome, took }) = dial.as_mut().poll(cx) else { return Progress::None };
        let reached = outcome.as_ref().map_or_else(DialError::reached, |_| Reached::Yes);
        self.worker.counters.backends.on_dialled(&self.session.route().route.backend.authority, reached);
        self.worker.with_context(now, |context| match outcome {
            Ok(dialled) => {
                self.upstream = Upstream::Open(Wire::new(dialled.stream, &self.worker, key, Leg::Upstream));
                self.session.handle_connected(context, took);
                if !dialled.early.is_empty() {
                    self.session.handle_upstream_bytes(context, &mut Vec::from(dialled.early));
                }
            }
            Err(error) => {
                about!(debug, self.session.view(now).handshake, %error, "cannot dial");
                error.complain(&self.worker.tls_complaints);
                self.upstream = Upstream::Away;
                self.session.handle_dial_failed(context, failure_of(&error));
            }
        });
        let authority = &self.session.route().route.backend.authority;
        match self.upstream {
            Upstream::Open(_) => self.worker.backend_is_back(authority),
            _ => self.worker.await_backend(authority, key),
        }
        Progress::Made
    }

    fn read_client(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> Flow {
        let Self { worker, session, client, .. } = self;
        let mut flow = Flow::Unasked;
        for _ in 0..READS_A_ROUND {
            if !session.wants_client_bytes() {
                break;
            }
            let room_left = worker.with_scratch(|scratch| {
                let room = scratch.len();
                client.poll_read(cx, scratch).map_ok(|bytes| {
                    let room_left = room - bytes.len();
                    worker.with_context(now, |context| session.handle_client_bytes(context, bytes));
                    room_left
                })
            });
            match room_left {
                Poll::Pending => return flow.paused(),
                Poll::Ready(Ok(0)) => return Flow::Moving,
                Poll::Ready(Ok(_)) => flow = Flow::Moving,
                Poll::Ready(Err(_)) if session.client_is_done() => break,
                Poll::Ready(Err(ending)) => {
                    worker.with_context(now, |context| session.handle_client_gone(context, ending));
                    return Flow::Moving;
                }
            }
        }
        flow
    }

    fn read_upstream(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> Flow {
        let mut flow = Flow::Unasked;
        let Self { worker, session, upstream: Upstream::Open(wire), .. } = self else { return flow };
        for _ in 0..READS_A_ROUND {
            if !session.wants_upstream_bytes() {
                break;
            }
            let room_left = worker.with_scratch(|scratch| {
                let room = scratch.len();
                wire.poll_read(cx, scratch).map_ok(|bytes| {
                    let room_left = room - bytes.len();
                    worker.with_context(now, |context| session.handle_upstream_bytes(context, bytes));
                    room_left
                })
            });
            match room_left {
                Poll::Pending => return flow.paused(),
                Poll::Ready(Ok(0)) => return Flow::Moving,
                Poll::Ready(Ok(_)) => flow = Flow::Moving,
                Poll::Ready(Err(ending)) => {
                    worker.with_context(now, |context| session.handle_upstream_gone(context, ending));
                    return Flow::Moving;
                }
            }
        }
        flow
    }

    fn write_client(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> Flow {
        let mut flow = Flow::Unasked;
        while !self.session.client_output().is_empty() {
            let Poll::Ready(written) = self.client.poll_write(cx, self.session.client_output()) else {
                flow = flow.paused();
                break;
            };
            self.worker.with_context(now, |context| match written {
                Ok(bytes) if bytes > 0 => self.session.handle_client_written(context, bytes),
                _ => self.session.handle_client_gone(context, Ending::Broken),
            });
            flow = Flow::Moving;
        }
        self.client.flush(cx);
        if self.session.client_stream_ends() && self.session.client_output().is_empty() {
            self.client.end(cx);
        }
        flow
    }

    fn write_upstream(&mut self, cx: &mut TaskContext<'_>, now: Instant) -> Flow {
        let mut flow = Flow::Unasked;
        while let Upstream::Open(wire) = &mut self.upstream
            && !self.session.upstream_output().is_empty()
        {
            let Poll::Ready(written) = wire.poll_write(cx, self.session.upstream_output()) else {
                flow = flow.paused();
                break;
            };
            self.worker.with_context(now, |context| match written {
                Ok(bytes) if bytes > 0 => self.session.handle_upstream_written(context, bytes),
                _ => self.session.handle_upstream_gone(context, Ending::Broken),
            });
            flow = Flow::Moving;
        }
        if let Upstream::Open(wire) = &mut self.upstream {
            wire.flush(cx);
            if self.session.upstream_stream_ends() && self.session.upstream_output().is_empty() {
                wire.end(cx);
            }
        }
        flow
    }

    fn grant_upstream_wish(&mut self, now: Instant, key: SessionKey) -> Progress {
        match (self.session.upstream_wish(), &self.upstream) {
            (UpstreamWish::Dial, _) => {
                self.say_farewell();
                self.start_dialling(now);
                return Progress::Made;
            }
            (UpstreamWish::Drop, Upstream::Open(_) | Upstream::Dialling(_)) => {
                self.say_farewell();
                self.upstream = Upstream::Away;
                if self.session.awaits_backend() {
                    self.worker.await_backend(&self.session.route().route.backend.authority, key);
                }
            }
            _ => {}
        }
        Progress::None
    }

    /// Answers the close frame of a backend that the session lives on without. What does not fit its socket now is not
    /// waited for.
    fn say_farewell(&mut self) {
        if let (Upstream::Open(wire), Some(frame)) = (&mut self.upstream, self.session.take_upstream_farewell()) {
            wire.say_farewell(&frame);
        }
    }

    fn start_dialling(&mut self, now: Instant) {
        let route = std::sync::Arc::clone(&self.session.route().route);
        let (handshake, facts, number) = self.session.dial_facts();
        let door = self.client.local_addr();
        let attempt = Attempt { route: &route, handshake, facts, door, number, connection: Connection::Resumed };
        let dial = attempt.start(&self.session.dial_trace(), &self.worker.dialling);
        self.upstream = Upstream::Dialling(Box::pin(async move {
            let outcome = dial.await;
            Attempted { outcome, took: Instant::now() - now }
        }));
        self.worker.with_context(now, |context| self.session.handle_dialling(context));
    }

    fn begin(&mut self, cx: &mut TaskContext<'_>) {
        if let Some(early) = self.early.take() {
            self.worker.attend(self.key, cx.waker());
            self.worker.with_context(Instant::now(), |context| {
                self.session.handle_client_bytes(context, &mut Vec::from(early.client));
                self.session.handle_upstream_bytes(context, &mut Vec::from(early.upstream));
            });
        }
    }

    /// Has the wheel wake this task in time. A wake that turns out too early is cheaper than moving it with each message.
    fn arm(&mut self, key: SessionKey) {
        let deadline = self.session.next_deadline();
        if deadline < self.armed {
            self.armed = deadline;
            self.worker.arm(key, deadline);
        }
    }
}

impl BitOrAssign for Progress {
    fn bitor_assign(&mut self, other: Self) {
        if other == Self::Made {
            *self = Self::Made;
        }
    }
}

impl Flow {
    /// No more can move now.
    fn paused(self) -> Self {
        if self.moved() { Self::Drained } else { Self::Asleep }
    }

    fn moved(self) -> bool {
        matches!(self, Self::Drained | Self::Moving)
    }

    /// Whether nothing else will wake this task for what is still wanted.
    fn goes_on(self, is_wanted: bool) -> bool {
        is_wanted && matches!(self, Self::Unasked | Self::Moving)
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        let key = this.key;
        this.begin(cx);
        let begun = Instant::now();
        let mut now = begun;
        for _ in 0..ROUNDS_MAX {
            let progress = this.round(cx, now, key);
            if this.session.is_closed() {
                return Poll::Ready(());
            }
            if progress == Progress::None {
                this.arm(key);
                return Poll::Pending;
            }
            now = Instant::now();
            if now - begun > TURN {
                break;
            }
        }
        this.worker.step_back(key);
        Poll::Pending
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.worker.with_context(Instant::now(), |context| self.session.handle_abandoned(context));
        self.worker.leave(self.key, &self.session.route().route.backend.authority);
    }
}

/// What an error of dialling means to the session. A backend that says no by a status of its own will say no again; one
/// that is overloaded or not yet there will not.
fn failure_of(error: &DialError) -> DialFailure {
    match error {
        DialError::Refused(response) => match response.status().as_u16() {
            408 | 425 | 429 | 500.. => DialFailure::Unavailable,
            status => DialFailure::Refused(status),
        },
        // A certificate can be renewed, on either side.
        DialError::Unreachable { .. } | DialError::Tls { .. } | DialError::TimedOut(_) | DialError::NotWebSocket(_) => {
            DialFailure::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_of_an_idle_session_is_small() {
        assert!(size_of::<Driver>() <= 528, "{} bytes", size_of::<Driver>());
    }
}
