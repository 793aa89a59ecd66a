//! `routes[].hold`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::scalar::{CloseCode, HoldCode, Size, Time, TimeOrZero};
use crate::dataplane::hold as validated;

/// The word `off`.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Off {
    /// Not at all.
    Off,
}

/// What happens while the backend is away, or nothing.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum HoldOrOff {
    /// The client is closed when its backend is lost.
    Off(Off),
    /// The client is kept.
    Hold(Box<Hold>),
}

/// What happens while the backend is away.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Hold {
    /// The longest that a client is kept, from the loss of its backend.
    ///
    /// Raise it above the time that a backend takes to restart.
    #[serde(rename = "for")]
    pub(in crate::config) time: Time,
    /// The most that is kept for one session on its way to the backend. More, while held, closes the client.
    ///
    /// Raise it for clients that send much while they wait; `limits.held_bytes` bounds all sessions together.
    pub(in crate::config) buffer: Size,
    /// When to connect to the backend again. One that is lost again within a second counts as not found.
    pub(in crate::config) redial: Redial,
    /// Close codes of the backend after which the session is held; any other ends it with the same code. 1006 stands for a
    /// connection that ended without a close frame.
    ///
    /// Take out the codes by which your backend means to end a session.
    pub(in crate::config) codes: Vec<HoldCode>,
    /// Messages of the client that each new connection to the backend hears first.
    pub(in crate::config) replay: Replay,
    /// What becomes of messages that the lost backend had been sent and had not proved to have read.
    ///
    /// `resend` is for backends that know a message they have seen before, and that answer pings as RFC 6455 has it: what is
    /// not proved to be read takes `hold.buffer`, and a backend that proves nothing counts as stalled when that is full.
    pub(in crate::config) unconfirmed: Unconfirmed,
    /// How long after a message the backend is asked by a ping to prove that it has read it.
    ///
    /// Lower it to have fewer messages in doubt, for more pings. Raw TCP has no pings: what is written counts as read.
    #[schemars(extend("default" = TimeOrZero(validated::HoldPolicy::default().confirm_after)))]
    pub(in crate::config) confirm_after: Option<TimeOrZero>,
    /// What the client is told, as text messages. Without them it is told nothing.
    pub(in crate::config) notice: Notice,
    /// The code that the client is closed with when time, buffer or attempts are used up.
    pub(in crate::config) close_code: CloseCode,
}

/// Waits between attempts to connect. `fixed` takes `every`; `exponential` takes `from` and `to`. A crowd comes one after the
/// other besides: on each worker at most 1,000 of a route's sessions dial in a second, until one of them reaches the backend and
/// calls the others.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Redial {
    /// How the waits grow.
    pub(in crate::config) backoff: Backoff,
    /// The wait of `fixed`; it must be given.
    pub(in crate::config) every: Option<Time>,
    /// The first ceiling of `exponential`.
    #[schemars(extend("default" = Time(validated::Backoff::FROM)))]
    pub(in crate::config) from: Option<Time>,
    /// The last ceiling of `exponential`.
    ///
    /// Raise it for many sessions on a small backend.
    #[schemars(extend("default" = Time(validated::Backoff::TO)))]
    pub(in crate::config) to: Option<Time>,
    /// Give up after so many. Without it, only `hold.for` ends it.
    #[schemars(range(min = 1))]
    pub(in crate::config) attempts: Option<u32>,
}

/// How the waits grow.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Backoff {
    /// A random wait between nothing and a ceiling that doubles, so that sessions do not come back all at once.
    #[default]
    Exponential,
    /// The same wait each time.
    Fixed,
}

/// Messages of the client that each new connection to the backend hears first, for protocols that log in by message.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Replay {
    /// The client's first so many messages. Those that a filter marks come on top.
    ///
    /// Set it to the number of messages that log a client in.
    pub(in crate::config) first: u32,
    /// The most that is remembered for one session. Not more than `hold.buffer`.
    #[schemars(extend("default" = Size(validated::Replay::default().bytes_max)))]
    pub(in crate::config) bytes: Option<Size>,
    /// So many messages of the new backend are taken as its answers to the replay, and not passed on. What was held is sent
    /// after them. Counts only where something is replayed.
    pub(in crate::config) swallow: u32,
    /// So many messages each backend says of its own when a client comes, before any answer. The first backend's are the
    /// client's; those of later ones are not passed on, and what was held is sent after them.
    ///
    /// Set it for protocols in which the server greets: `1` for SockJS (`o`).
    pub(in crate::config) greeting: u32,
}

/// What becomes of messages in doubt.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Unconfirmed {
    /// They are counted as lost and told to the client, and not sent again: at most once.
    #[default]
    Report,
    /// They are sent again to the next backend: at least once.
    Resend,
}

/// What the client is told.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Notice {
    /// When holding begins. `{unconfirmed}` in it becomes the count of messages that may be lost.
    pub(in crate::config) holding: Option<String>,
    /// When the backend is back.
    pub(in crate::config) bound: Option<String>,
}

impl Default for HoldOrOff {
    fn default() -> Self {
        Self::Hold(Box::default())
    }
}

impl Default for Hold {
    fn default() -> Self {
        let hold = validated::HoldPolicy::default();
        Self {
            time: Time(hold.time_max),
            buffer: Size(hold.bytes_max),
            redial: Redial::default(),
            codes: hold.codes.iter().copied().map(HoldCode).collect(),
            replay: Replay::default(),
            unconfirmed: Unconfirmed::default(),
            confirm_after: None,
            notice: Notice::default(),
            close_code: CloseCode(hold.close_code),
        }
    }
}

impl Default for Replay {
    fn default() -> Self {
        let replay = validated::Replay::default();
        Self { first: replay.first, bytes: None, swallow: replay.swallow, greeting: replay.greeting }
    }
}
