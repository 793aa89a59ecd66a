//! How a session is held while its upstream is away: what was configured, and the line that a crowd of them dials in. What
//! happens is the session's.

mod line;

use std::time::Duration;

use rand::Rng;

use super::message::Message;
pub use line::Line;

/// A route's `hold`.
#[derive(Clone, Debug)]
pub struct HoldPolicy {
    /// The longest that a session is held, counted from the loss of its upstream. A crowd that was lost together is closed
    /// spread over the last tenth of it, so that it does not come back as a storm. Default 60 s. Zero: never held, the
    /// client is closed when its upstream is lost.
    pub time_max: Duration,
    /// The most that is kept for one session on its way to the backend, in bytes of payload. Default 64 KiB. While bound
    /// it is where we stop reading the client; while held, more than this closes the client.
    pub bytes_max: usize,
    /// When to dial again.
    pub redial: Backoff,
    /// Close codes of a backend after which the session is held; any other ends it. Default 1001, 1006, 1011, 1012, 1013.
    /// 1006 stands for a connection that ended without a close frame.
    pub codes: Vec<u16>,
    /// What a later upstream is told first.
    pub replay: Replay,
    /// What becomes of messages that the lost upstream had been sent and had not proved to have read.
    pub unconfirmed: Unconfirmed,
    /// How long after an unproved message the backend is asked for proof by a ping. Default 1 s.
    pub confirm_after: Duration,
    /// Sent to the client when holding begins; `{unconfirmed}` in it becomes the count of messages that may be lost.
    pub notice_holding: Option<Message>,
    /// Sent to the client when it ends well.
    pub notice_bound: Option<Message>,
    /// The code that the client is closed with when time, bytes or attempts are used up. Default 1013.
    pub close_code: u16,
}

/// Waits between attempts to connect.
#[derive(Clone, Debug)]
pub enum Backoff {
    /// The same wait each time.
    Fixed {
        /// How long.
        every: Duration,
        /// Give up after so many; nothing: only time ends it.
        attempts_max: Option<u32>,
    },
    /// A random wait between nothing and a ceiling that doubles: "full jitter"
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    Exponential {
        /// The first ceiling. Default 100 ms.
        from: Duration,
        /// The last ceiling. Default 5 s.
        to: Duration,
        /// Give up after so many; nothing: only time ends it.
        attempts_max: Option<u32>,
    },
}

/// Client messages that are said again first to each later upstream.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The client's first so many. Default 0. Those that a filter answers with `remember` come on top.
    pub first: u32,
    /// The most that is remembered for one session, in bytes of payload. Default 4 KiB. What does not fit is not
    /// remembered, and the log says so.
    pub bytes_max: usize,
    /// So many messages of the new upstream are taken as its answers to the replay and not passed on; what was held waits
    /// for them. Default 0.
    pub swallow: u32,
    /// So many messages each upstream says of its own when it is connected, before any answer: of a later one they are not
    /// passed on, and what was held waits for them. Default 0.
    pub greeting: u32,
}

/// What becomes of messages that a lost upstream had been sent and had not proved to have read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unconfirmed {
    /// They are counted as lost and told to the client, and not sent again: at most once. The default.
    Report,
    /// They are kept until proved and sent again to the next upstream: at least once.
    Resend,
}

impl HoldPolicy {
    /// The time over which a crowd of held sessions is closed.
    pub fn pacing(&self) -> Duration {
        self.time_max / 10
    }

    /// Whether sessions are held at all. Where none is, every close frame of a backend means what it says.
    pub fn is_on(&self) -> bool {
        !self.time_max.is_zero()
    }
}

impl Default for HoldPolicy {
    fn default() -> Self {
        Self {
            time_max: Duration::from_secs(60),
            bytes_max: 64 * 1024,
            redial: Backoff::default(),
            codes: vec![1001, 1006, 1011, 1012, 1013],
            replay: Replay::default(),
            unconfirmed: Unconfirmed::Report,
            confirm_after: Duration::from_secs(1),
            notice_holding: None,
            notice_bound: None,
            close_code: 1013,
        }
    }
}

impl Backoff {
    /// The default of the first ceiling.
    pub const FROM: Duration = Duration::from_millis(100);
    /// The default of the last ceiling.
    pub const TO: Duration = Duration::from_secs(5);

    /// How long to wait after so many failures in a row; nothing when there were enough.
    pub fn wait(&self, failures: u32, random: &mut impl Rng) -> Option<Duration> {
        let (Self::Fixed { attempts_max, .. } | Self::Exponential { attempts_max, .. }) = self;
        if attempts_max.is_some_and(|max| failures >= max) {
            return None;
        }
        Some(match self {
            Self::Fixed { every, .. } => *every,
            Self::Exponential { from, to, .. } => {
                let ceiling = from.saturating_mul(1 << failures.min(20)).min(*to);
                ceiling.mul_f64(random.random())
            }
        })
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::Exponential { from: Self::FROM, to: Self::TO, attempts_max: None }
    }
}

impl Default for Replay {
    fn default() -> Self {
        Self { first: 0, bytes_max: 4 * 1024, swallow: 0, greeting: 0 }
    }
}
