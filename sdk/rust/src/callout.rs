//! What is asked of an HTTP service in place of an answer, and what comes of it.

use std::time::Duration;

use crate::Header;

/// A request to an HTTP service whose origin stands under this filter's `callouts.allow`. Made by a filter as
/// [`Verdict::CallOut`](crate::Verdict::CallOut), [`Admission::CallOut`](crate::Admission::CallOut) or
/// [`Reaction::CallOut`](crate::Reaction::CallOut).
///
/// ```
/// use belay_filter::{Request, Verdict};
/// let ask = Request::post("http://127.0.0.1:9000/moderate", "some words").with_header("content-type", "text/plain");
/// let verdict = Verdict::from(ask);
/// # assert!(matches!(verdict, Verdict::CallOut(_)));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// Absolute, `http://` or `https://`.
    pub url: String,
    /// At most 64; those that are the connection's are the host's.
    pub headers: Vec<Header>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
    /// In milliseconds. 0, and more than the YAML's `callouts.timeout`, mean that timeout.
    pub timeout_ms: u32,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: "GET".to_owned(), url: url.into(), ..Self::default() }
    }

    /// A POST of these bytes.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST".to_owned(), url: url.into(), body: body.into(), ..Self::default() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.to_owned(), value: value.into() });
        self
    }

    /// The same, to be answered after this time at the latest.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self
    }
}

/// What the service answered, whatever the status.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// At most as long as the YAML's `callouts.body`.
    pub body: Vec<u8>,
}

impl Response {
    /// This status, and nothing else.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
    }

    /// The body, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CalloutError {
    /// The YAML does not allow this origin, or the request is not one that HTTP allows. Nothing was sent.
    Forbidden,
    /// Too many callouts of this filter are under way, or this event has asked too often. Nothing was sent.
    Busy,
    /// There was no answer in time. It may have been heard.
    Timeout,
    /// No connection, or one that was lost before all of the answer was there.
    Unreachable,
    /// The answer is longer than allowed.
    TooLarge,
}

impl CalloutError {
    /// In a few words, for a log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::TooLarge => "too large",
        }
    }
}

/// What became of a callout.
pub type Answer = Result<Response, CalloutError>;
