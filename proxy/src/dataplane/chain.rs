//! The seam that filters meet the data path at: what is said to a filter, and what it may answer. The order of filters,
//! and what their verdicts mean to a message, is [`Chain`]'s; how a filter is run is the implementor's.

use std::sync::Arc;
use std::time::Duration;

mod ask;
mod pairs;
mod run;
pub use ask::{Entry, Parked, Question};
pub use pairs::Pairs;
pub use run::{Chain, Memory, Passage, SharedFilter, Subject};

use super::callout::{Answer, Request, Terms};
use super::handshake::Handshake;
use super::message::{CloseReason, Direction, Message, MessageKind};
use super::route::FailurePolicy;
use crate::time::Instant;

/// A filter as one worker has it, serving all of that worker's sessions whose route names it.
///
/// Calls are made one at a time, never from within another. None may block; the implementor bounds each. A call that
/// fails costs its event, as the filter's failure policy says; the next call finds the filter usable again.
pub trait Filter {
    /// The name that the YAML gives it.
    fn name(&self) -> &str;

    /// What it has of memory now, on this worker, in bytes. Traces tell it.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// What it wants to hear. Changes only with [`Filter::renew`].
    fn subscription(&self) -> Subscription;

    /// On what terms it makes callouts. None: it may make none.
    fn callouts(&self) -> Option<&Arc<Terms>> {
        None
    }

    /// Takes up a newer version of itself if there is one, or goes on with what that left to do, for a bounded time. Between
    /// events only; to be called again after some of these until there is no more.
    fn renew(&mut self, now: Instant) -> Renewal {
        let _ = now;
        Renewal::Done
    }

    /// A client asks to be let in. This, and what follows, need be written only by who subscribes to it.
    fn on_handshake(&mut self, call: Call<'_>) -> Result<Admission, FilterFailure> {
        let _ = call;
        Ok(Admission::Accept)
    }

    /// The same client, and the answer to what was asked about it. One that never asks has no use for it.
    fn on_handshake_answer(&mut self, call: Call<'_>, answer: &Answer) -> Result<Admission, FilterFailure> {
        let _ = answer;
        self.on_handshake(call)
    }

    /// `payload` is the whole message; the filter sees as much as it subscribed to.
    fn on_message(
        &mut self,
        call: Call<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure>;

    /// The same message, and the answer to what was asked about it. One that never asks has no use for it.
    fn on_message_answer(
        &mut self,
        call: Call<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
        answer: &Answer,
    ) -> Result<Verdict, FilterFailure> {
        let _ = answer;
        self.on_message(call, direction, kind, payload)
    }

    /// Something became of the session's upstream.
    fn on_upstream(&mut self, call: Call<'_>, event: UpstreamEvent) -> Result<Reaction, FilterFailure> {
        let _ = (call, event);
        Ok(Reaction::None)
    }

    /// A heartbeat was answered at the edge.
    fn on_heartbeat(&mut self, call: Call<'_>, direction: Direction) -> Result<Reaction, FilterFailure> {
        let _ = (call, direction);
        Ok(Reaction::None)
    }

    /// A timer that the filter had set for this session is due.
    fn on_timer(&mut self, call: Call<'_>, timer: u32) -> Result<Reaction, FilterFailure> {
        let _ = (call, timer);
        Ok(Reaction::None)
    }

    /// The answer to what a reaction asked. One that never asks has no use for it.
    fn on_answer(&mut self, call: Call<'_>, answer: &Answer) -> Result<Reaction, FilterFailure> {
        let _ = (call, answer);
        Ok(Reaction::None)
    }

    /// It has asked on about an event after it was told that it is busy: a failure of its own making.
    fn overasked(&mut self, call: Call<'_>) -> FilterFailure {
        let _ = call;
        let cause = "it called out although it was told that it is busy".into();
        FilterFailure { filter: self.name().into(), cause, kind: FailureKind::Misuse, policy: FailurePolicy::Deny }
    }

    /// The session is over, or was not let in after all. Called once for every session that any other call was made for,
    /// whatever the subscription, so that what the filter keeps of it can go.
    fn on_close(&mut self, call: Call<'_>, reason: &CloseReason) {
        let _ = (call, reason);
    }
}

/// How far a filter has come with a newer version of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Renewal {
    /// There is nothing to do.
    Done,
    /// There is, perhaps.
    More,
}

/// What every call to a filter is about.
pub struct Call<'a> {
    /// The time of the event.
    pub now: Instant,
    /// The session's route.
    pub route: &'a str,
    /// What the client asked for.
    pub handshake: &'a Handshake,
    /// What filters know of the session, and ask of it. Shared along the chain.
    pub facts: &'a mut Facts,
    /// The filter's own handle of the session, kept by the session.
    pub handle: &'a mut Handle,
    /// The filter's place in the chain, as timers know it.
    pub position: usize,
}

/// A filter's own handle of a session: the filter gives it meaning, the session carries it. A handle of an earlier
/// generation names nothing any more; its filter opens the session again when it next hears of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Handle {
    /// Zero: never opened.
    pub generation: u32,
    /// The session's place in the filter instance.
    pub slot: u32,
}

/// What filters know of a session and ask of it. Plain data. Empty for most sessions, so it stands behind one pointer.
#[derive(Clone, Debug, Default)]
pub struct Facts(Option<Box<FactsInner>>);

/// See [`Facts`].
#[derive(Clone, Debug, Default)]
pub struct FactsInner {
    /// Names to values; at most [`ATTRIBUTES_MAX`].
    pub attributes: Pairs,
    /// In place of the client's headers of these names (in lower case) in every later handshake with the backend; an empty
    /// value takes one away. At most [`UPSTREAM_HEADERS_MAX`].
    pub upstream_headers: Pairs,
    /// Offered to the backend in place of the client's subprotocols.
    pub offered_subprotocols: Option<Box<[Box<str>]>>,
    /// The client's, if the backend picks none.
    pub default_subprotocol: Option<Box<str>>,
    /// At most [`TIMERS_MAX`] for each filter.
    pub timers: Vec<FilterTimer>,
    /// Whether an attribute was set or removed since [`Facts::take_renamed`].
    pub renamed: bool,
}

/// A timer that a filter set for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FilterTimer {
    /// The filter's place in the chain.
    pub position: usize,
    /// The filter's own number for it.
    pub timer: u32,
    /// When it is due.
    pub at: Instant,
}

/// Attributes of one session.
pub const ATTRIBUTES_MAX: usize = 64;
/// Bytes of an attribute's name.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 256;
/// Bytes of an attribute's value: a claim, not a document. With [`ATTRIBUTES_MAX`], 272 KiB for a session at the very most.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Upstream headers of one session.
pub const UPSTREAM_HEADERS_MAX: usize = 32;
/// Bytes of such a header's value: as much as most servers take in one line.
pub const UPSTREAM_HEADER_BYTES_MAX: usize = 8 * 1024;
/// Subprotocols that a filter may offer, and bytes of each name.
pub const SUBPROTOCOLS_MAX: usize = 16;
/// Bytes of a subprotocol's name.
pub const SUBPROTOCOL_BYTES_MAX: usize = 128;
/// Timers of one filter for one session.
pub const TIMERS_MAX: usize = 8;

impl Facts {
    /// What is known, if anything.
    pub fn inner(&self) -> Option<&FactsInner> {
        self.0.as_deref()
    }

    /// To be added to.
    pub fn inner_mut(&mut self) -> &mut FactsInner {
        self.0.get_or_insert_default()
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.inner()?.attributes.get(name)
    }

    /// Whether an attribute changed since this was last asked.
    pub fn take_renamed(&mut self) -> bool {
        self.0.as_mut().is_some_and(|facts| std::mem::take(&mut facts.renamed))
    }

    /// When the first of the filters' timers is due.
    pub fn next_timer(&self) -> Option<FilterTimer> {
        self.inner()?.timers.iter().copied().min_by_key(|timer| timer.at)
    }

    /// None of them is due any more.
    pub fn forget_timers(&mut self) {
        if let Some(facts) = &mut self.0 {
            facts.timers.clear();
        }
    }
}

/// What a filter wants to hear. What nobody subscribed to is neither called nor copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subscription {
    /// Messages of the client.
    pub to_backend: Interest,
    /// Messages of the backend.
    pub to_client: Interest,
    /// Handshakes.
    pub handshake: bool,
    /// What becomes of upstreams.
    pub upstream: bool,
    /// Heartbeats answered at the edge.
    pub heartbeat: bool,
}

/// How much of each message a filter wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Interest {
    /// Nothing.
    #[default]
    Ignore,
    /// Kind and size.
    Size,
    /// This many leading bytes.
    Prefix(u32),
    /// All of it.
    Whole,
}

/// The answer to a handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Let in, as far as this filter goes.
    Accept,
    /// Not let in.
    Refuse(Refusal),
    /// To be decided when this is answered.
    CallOut(Box<Request>),
}

/// What a client that is not let in is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// 300 to 599.
    pub status: u16,
    /// Besides Content-Length and what else is the server's.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Text.
    pub body: String,
}

/// The answer to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Pass it on.
    Continue,
    /// Pass it on, and say it again first to later upstreams.
    Remember,
    /// Pass this on in its place, as the same kind.
    Replace(Vec<u8>),
    /// Answer its sender, pass nothing on.
    Reply(Message),
    /// Pass nothing on.
    Drop,
    /// It was a heartbeat: pass nothing on, answer its sender if there is something to say.
    Heartbeat(Option<Message>),
    /// End the session.
    Close(CloseReason),
    /// To be decided when this is answered.
    CallOut(Box<Request>),
}

/// The answer to what is not a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reaction {
    /// Nothing.
    None,
    /// Tell the client.
    Send(Message),
    /// End the session.
    Close(CloseReason),
    /// Ask this; nothing waits for it.
    CallOut(Box<Request>),
}

/// What became of a session's upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamEvent {
    /// It is there; how long that took.
    Connected(Duration),
    /// An attempt to connect failed.
    Failed,
    /// It was there and is gone, without a deliberate close.
    Lost,
    /// It proved that it has read what it was sent; how long that took.
    Latency(Duration),
}

/// A filter failed on an event; its failure policy says what that means to the event.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("filter {filter} failed: {cause}")]
pub struct FilterFailure {
    /// The filter's name.
    pub filter: Box<str>,
    /// What its author needs to know, on one line.
    pub cause: Box<str>,
    /// What kind of failure that is.
    pub kind: FailureKind,
    /// What to do with the event.
    pub policy: FailurePolicy,
}

/// How a filter failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// Its call ended in the middle.
    Trap,
    /// Its call was stopped at its deadline.
    Deadline,
    /// It answered or asked for what it may not.
    Misuse,
    /// It could not be called: its instance failed before, or there is none for this session.
    Unavailable,
}

impl FailureKind {
    /// As spans and logs say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Misuse => "misuse",
            Self::Unavailable => "unavailable",
        }
    }
}
