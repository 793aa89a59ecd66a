//! A session: one client connection, which outlives its upstreams. A state machine without clock or socket: bytes of both
//! ends and `now` come in, frames and wishes (dial, drop the upstream) come out. Sockets, waking and dialling are the
//! driver's; what was configured is the route's.

mod closing;
mod deadlines;
mod demand;
mod filters;
mod heartbeats;
mod holding;
mod messages;
mod outbox;
mod parts;
mod probing;
mod proof;
mod replay;
mod succession;
mod timers;
mod view;
mod waiting;
mod wire;

use std::rc::Rc;
use std::time::Duration;

use rand::rngs::SmallRng;

use self::closing::Closing;
use self::holding::Holding;
use self::outbox::Outbox;
pub use self::outbox::{Budget, Pool};
use self::proof::Proof;
use self::replay::Remembered;
use self::timers::{Timer, Timers};
pub use self::view::{Condition, View};
pub use self::waiting::Errand;
use self::waiting::Waiting;
use super::chain::{Facts, Handle, UpstreamEvent};
use super::codec::{Framing, Reader, Role};
use super::handshake::{Handshake, about};
use super::heartbeat::Edge;
use super::ledger::Counters;
use super::message::{CloseReason, Direction};
use super::probe::{Networks, Prober};
use super::state::{EndReason, SessionState, StateSink};
use super::worker::RouteState;
use crate::time::{Instant, UnixTime};

/// One client connection and what is known of it. Plain data: nothing in here is a socket, a task or a timer object.
pub struct Session {
    client_reader: Reader,
    upstream_reader: Reader,
    core: Core,
}

/// A session without the reading halves of its codecs, so that an event that borrows from one can be handled.
struct Core {
    route: Rc<RouteState>,
    handshake: Handshake,
    facts: Facts,
    handles: Box<[Handle]>,
    state: State,
    to_client: Outbox,
    to_upstream: Outbox,
    remembered: Option<Box<Remembered>>,
    /// For answers that filters asked for.
    waiting: Waiting,
    /// The heartbeats of a protocol that agrees on intervals.
    edge: Option<Box<Edge>>,
    timers: Timers,
    /// When it began.
    opened: Instant,
    /// When the client was last heard of.
    client_heard: Instant,
    prober: Option<Box<Prober>>,
    /// Messages that were ever put on their way to the upstream.
    sent: u64,
    /// Of these, the first so many are off our books: read by a backend, or given up.
    settled: u64,
    /// Messages of backends.
    received: u64,
    /// Connections to a backend, tried or made.
    dials: u32,
    /// Failed attempts since an upstream last stood for a while.
    failures: u32,
}

/// What a session is given with each event.
pub struct Context<'a> {
    /// The time of the event.
    pub now: Instant,
    /// Tells the time of day, to those who must tell others.
    pub clock: fn() -> UnixTime,
    /// Where it is counted.
    pub counters: &'a Counters,
    /// Queues to use and to give back.
    pub pool: &'a mut Pool,
    /// The process's bytes.
    pub budget: &'a Budget,
    /// Jitter.
    pub random: &'a mut SmallRng,
    /// Who keeps count of clients.
    pub states: &'a dyn StateSink,
    /// What is known of the clients' networks.
    pub networks: &'a Networks,
}

enum State {
    /// Messages go to the upstream as they come.
    Bound(Bound),
    /// The upstream is away; messages are kept.
    Holding(Box<Holding>),
    /// Close frames and what was before them are on their way.
    Closing(Closing),
    /// Nothing is left to do.
    Closed,
}

struct Bound {
    since: Instant,
    proof: Proof,
    /// Messages of this upstream that answer a replay and are not for the client.
    swallow: u32,
    /// What it may be written before the last of them has come, in bytes; then there is no end.
    before_answers: usize,
}

impl Bound {
    /// What may be written now. A backend that is being logged in to does not take what comes after the login before it
    /// has answered that; Socket.IO, for one, hangs up.
    fn writable<'o>(&self, output: &'o [u8]) -> &'o [u8] {
        let bytes = if self.swallow == 0 { output.len() } else { self.before_answers.min(output.len()) };
        &output[..bytes]
    }
}

/// What a session wants of its upstream connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamWish {
    /// The connection that is there, or the dialling that is under way, is to stay.
    Keep,
    /// Dial, now.
    Dial,
    /// Whatever is there is to be dropped.
    Drop,
}

/// How a connection ended below the WebSocket protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The other side closed it.
    Eof,
    /// It was reset, or timed out.
    Broken,
}

/// Why an attempt to connect failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialFailure {
    /// It may go better next time.
    Unavailable,
    /// The backend understood and said no, with this HTTP status: trying again will not help.
    Refused(u16),
}

/// The time that either side has to answer a close, and to take what was sent before it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a backend whose raw client has closed its half of the connection: it may have much to say yet, so this is
/// its silence.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(60);
/// What an end may say before the clock is looked at, and perhaps other sessions of the worker have their turn: of one-byte
/// messages, a fraction of a millisecond without filters.
const EVENTS_AT_ONCE: usize = 256;
/// An upstream that stood this long starts the backoff anew.
const STABLE_AFTER: Duration = Duration::from_secs(1);

impl Session {
    /// A session whose first upstream has just been connected, which took `connecting`.
    pub fn new(
        cx: &mut Context<'_>,
        route: Rc<RouteState>,
        handshake: Handshake,
        facts: Facts,
        handles: Box<[Handle]>,
        connecting: Duration,
    ) -> Self {
        let mut core = Core {
            state: State::Bound(Bound { since: cx.now, proof: Proof::NotAsked, swallow: 0, before_answers: 0 }),
            edge: route.route.heartbeat.edge(&handshake, &route.route.messages, &route.overheard),
            route,
            handshake,
            facts,
            handles,
            to_client: Outbox::default(),
            to_upstream: Outbox::default(),
            remembered: None,
            waiting: Waiting::default(),
            timers: Timers::default(),
            opened: cx.now,
            client_heard: cx.now,
            prober: None,
            sent: 0,
            settled: 0,
            received: 0,
            dials: 1,
            failures: 0,
        };
        core.begin_probing(cx);
        if let Some(edge) = &mut core.edge {
            edge.handle_opened(cx.now);
            core.timers.set(Timer::Heartbeat, edge.next_deadline());
        }
        cx.counters.sessions_opened.add(1);
        core.tell_state(cx, SessionState::Connected);
        core.tell_filters(cx, UpstreamEvent::Connected(connecting));
        let framing = &core.route.route.framing;
        Self { client_reader: framing.reader(Role::Server), upstream_reader: framing.reader(Role::Client), core }
    }

    /// Bytes came from the client. They are unmasked in place. What is left when it has said `EVENTS_AT_ONCE` things is
    /// looked at in [`Session::handle_behind`].
    pub fn handle_client_bytes(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) {
        let left = self.hear_client(cx, bytes);
        self.core.waiting.keep(Direction::ToBackend, &bytes[bytes.len() - left..]);
    }

    /// So many of the bytes, the last of them, are left to be looked at later.
    fn hear_client(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> usize {
        let before = self.client_reader.held_bytes();
        let left = self.hear_client_events(cx, bytes);
        self.settle_part(cx, Direction::ToBackend, before);
        left
    }

    fn hear_client_events(&mut self, cx: &mut Context<'_>, mut bytes: &mut [u8]) -> usize {
        for _ in 0..EVENTS_AT_ONCE {
            if !self.core.hears_client() {
                return 0;
            }
            if self.core.waiting.has(Direction::ToBackend) {
                return bytes.len();
            }
            match self.client_reader.read(&mut bytes, &self.core.route.route.messages) {
                Ok(Some(event)) => self.core.on_client_event(cx, event),
                Ok(None) => {
                    if self.client_reader.held_bytes() > 0 {
                        self.core.on_part(cx, Direction::ToBackend);
                    }
                    return 0;
                }
                Err(error) => {
                    self.core.on_client_misbehaved(cx, &error);
                    return 0;
                }
            }
        }
        bytes.len()
    }

    /// Bytes came from the upstream. As with a client's, what is left after so many things is looked at later.
    pub fn handle_upstream_bytes(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) {
        let left = self.hear_upstream(cx, bytes);
        self.core.waiting.keep(Direction::ToClient, &bytes[bytes.len() - left..]);
    }

    /// So many of the bytes, the last of them, are left to be looked at later.
    fn hear_upstream(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> usize {
        let before = self.upstream_reader.held_bytes();
        let left = self.hear_upstream_events(cx, bytes);
        self.settle_part(cx, Direction::ToClient, before);
        left
    }

    fn hear_upstream_events(&mut self, cx: &mut Context<'_>, mut bytes: &mut [u8]) -> usize {
        for _ in 0..EVENTS_AT_ONCE {
            if !self.core.hears_upstream() {
                return 0;
            }
            if self.core.waiting.has(Direction::ToClient) {
                return bytes.len();
            }
            match self.upstream_reader.read(&mut bytes, &self.core.route.route.messages) {
                Ok(Some(event)) => self.core.on_upstream_event(cx, event),
                Ok(None) => {
                    if self.upstream_reader.held_bytes() > 0 {
                        self.core.on_part(cx, Direction::ToClient);
                    }
                    return 0;
                }
                Err(error) => {
                    self.core.on_upstream_misbehaved(cx, &error);
                    return 0;
                }
            }
        }
        bytes.len()
    }

    /// The client's connection ended, or broke. On raw TCP the end of the client's stream is its close: it may still read.
    pub fn handle_client_gone(&mut self, cx: &mut Context<'_>, ending: Ending) {
        while self.has_behind() {
            self.handle_behind(cx);
        }
        match (ending, &self.core.route.route.framing) {
            (Ending::Eof, Framing::Raw(_)) => {
                let cut_off = self.client_reader.held_bytes();
                if cut_off > 0 {
                    about!(debug, self.core.handshake, cut_off, "the client's stream ends within a message");
                    cx.counters.clients_misbehaved.add(1);
                }
                self.core.on_client_close(cx, CloseReason::default());
            }
            _ => self.core.on_client_gone(cx, EndReason::ClientGone),
        }
    }

    /// The upstream's connection is over.
    pub fn handle_upstream_gone(&mut self, cx: &mut Context<'_>, ending: Ending) {
        while self.has_behind() {
            self.handle_behind(cx);
        }
        self.core.on_upstream_gone(cx, ending);
        self.forget_part(cx, Direction::ToClient);
    }

    /// The driver has begun to dial, as [`Session::upstream_wish`] asked.
    pub fn handle_dialling(&mut self, cx: &mut Context<'_>) {
        self.core.on_dialling(cx);
    }

    /// A connection to the backend stands, which took `connecting`.
    pub fn handle_connected(&mut self, cx: &mut Context<'_>, connecting: Duration) {
        self.forget_part(cx, Direction::ToClient);
        self.core.waiting.forget_behind(Direction::ToClient);
        self.core.on_connected(cx, connecting);
    }

    /// An attempt to connect failed.
    pub fn handle_dial_failed(&mut self, cx: &mut Context<'_>, failure: DialFailure) {
        self.core.on_dial_failed(cx, failure);
    }

    /// The backend is known to be back: a session that waits to dial does so after `wait`, if that is sooner.
    pub fn handle_backend_back(&mut self, cx: &mut Context<'_>, wait: Duration) {
        self.core.on_backend_back(cx, wait);
    }

    /// The process, or someone at the admin port, wants the session ended.
    pub fn handle_shutdown(&mut self, cx: &mut Context<'_>, reason: CloseReason) {
        if matches!(self.core.state, State::Bound(_) | State::Holding(_)) {
            self.core.tell_state(cx, SessionState::Draining);
            self.core.close(cx, reason, EndReason::Drained);
        }
    }

    /// Its task is dropped, since the worker ends before it does.
    pub fn handle_abandoned(&mut self, cx: &mut Context<'_>) {
        self.core.end(cx, EndReason::Drained);
        self.forget_part(cx, Direction::ToBackend);
        self.forget_part(cx, Direction::ToClient);
    }

    /// Does what is due. To be called at [`Session::next_deadline`]; harmless before.
    pub fn handle_deadlines(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.core.timers.take_due(cx.now) {
            self.core.on_timer(cx, timer);
        }
        while let Some(due) = self.core.facts.next_timer().filter(|timer| timer.at <= cx.now) {
            self.core.facts.inner_mut().timers.retain(|timer| *timer != due);
            let reaction = self.core.ask_chain(cx, |chain, subject| chain.on_timer(subject, due.position, due.timer));
            self.core.react(cx, due.position, reaction);
        }
    }

    /// So many bytes of it were written.
    pub fn handle_client_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        self.core.on_client_written(cx, bytes);
    }

    /// So many bytes of it were written.
    pub fn handle_upstream_written(&mut self, cx: &mut Context<'_>, bytes: usize) {
        self.core.on_upstream_written(cx, bytes);
    }

    /// To be called after writing as much as could be written: gives memory back, and sees whether closing is complete.
    pub fn handle_flushed(&mut self, cx: &mut Context<'_>) {
        self.core.on_flushed(cx);
    }
}

#[cfg(test)]
mod tests;
