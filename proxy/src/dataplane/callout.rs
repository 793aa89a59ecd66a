//! What a filter asks of an HTTP service in place of an answer: what it may ask, how that is asked, and what it is told. Who
//! waits for the answer, and what waits behind them, is the session's and the guest's.

mod caller;
mod dial;
mod origin;
mod terms;

#[cfg(test)]
mod tests;

pub use caller::{Asking, Caller};
pub use origin::{BadOrigin, Origin};
pub use terms::{CALLOUT_NANOS, CalloutCounts, CalloutPolicy, OUTCOMES, Terms};

/// Answers to one event. A filter that still asks is told that it is busy, and one that asks even then has failed.
pub const ANSWERS_AN_EVENT_MAX: u8 = 4;
/// Headers of a request.
pub const REQUEST_HEADERS_MAX: usize = 64;
/// Bytes of a request's body.
pub const REQUEST_BODY_BYTES_MAX: usize = 1024 * 1024;

/// A request as a filter wrote it. Nothing in it has been checked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Besides those that are the connection's.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Empty for most.
    pub body: Vec<u8>,
    /// Milliseconds; zero stands for the most that the filter may wait.
    pub timeout_ms: u32,
}

/// What a service answered, whatever the status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// Names in lower case; those with values that are not UTF-8 are left out.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// No longer than the filter may have it.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CalloutError {
    /// Nothing was sent.
    #[error("not a request that this filter may make")]
    Forbidden,
    /// Nothing was sent.
    #[error("too many are under way, or were made for one event")]
    Busy,
    /// It may have been heard.
    #[error("no answer in time")]
    Timeout,
    /// It may have been heard.
    #[error("no connection, or one that was lost before the whole answer was there")]
    Unreachable,
    /// It was heard.
    #[error("the answer is longer than allowed")]
    TooLarge,
}

/// What became of a callout.
pub type Answer = Result<Response, CalloutError>;
