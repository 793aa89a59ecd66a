//! On what terms a filter makes callouts: what was configured, how many are under way, and what came of them. One a filter and
//! process, shared by its workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{Method, Uri};
use http_body_util::Full;
use tracing::debug;

use super::{Answer, CalloutError, Origin, REQUEST_BODY_BYTES_MAX, REQUEST_HEADERS_MAX, Request};
use crate::tls::ClientTls;

/// A filter's `callouts`.
#[derive(Clone, PartialEq, Debug)]
pub struct CalloutPolicy {
    /// What may be asked. Default: nothing.
    pub allow: Vec<Origin>,
    /// From the dial to the end of the answer. A request may ask for less. Default 2 s.
    pub timeout: Duration,
    /// Bytes of an answer's body. Default 64 KiB.
    pub body_bytes_max: usize,
    /// Under way at a time, in the whole process; one more is `busy`. Default 64.
    pub in_flight_max: usize,
    /// For origins of `https`.
    pub tls: Option<Arc<ClientTls>>,
}

impl Default for CalloutPolicy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            timeout: Duration::from_secs(2),
            body_bytes_max: 64 * 1024,
            in_flight_max: 64,
            tls: None,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Terms {
    /// The filter's name.
    pub filter: Box<str>,
    /// As configured.
    pub policy: CalloutPolicy,
    /// What came of them.
    pub counts: Arc<CalloutCounts>,
}

/// What came of a filter's callouts.
#[derive(Debug, Default)]
pub struct CalloutCounts {
    in_flight: AtomicUsize,
    outcomes: [AtomicU64; OUTCOMES.len()],
    times: [AtomicU64; CALLOUT_NANOS.len() + 1],
    nanos: AtomicU64,
}

/// Outcomes, as metrics say them.
pub const OUTCOMES: [&str; 6] = ["answered", "forbidden", "busy", "timeout", "unreachable", "too_large"];

/// Bounds of the times of callouts that were sent, in nanoseconds: from a neighbour on loopback to more than any default.
pub const CALLOUT_NANOS: [u64; 10] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
];

/// One callout's place among those under way.
pub(super) struct Place(Arc<Terms>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.counts.in_flight.fetch_sub(1, Relaxed);
    }
}

impl Terms {
    /// For a filter of this name.
    pub fn new(filter: &str, policy: CalloutPolicy) -> Arc<Self> {
        Arc::new(Self { filter: filter.into(), policy, counts: Arc::default() })
    }

    /// After a reload. What is under way and what was counted counts on; with the same policy, connections stay too.
    pub fn changed_to(self: &Arc<Self>, policy: &CalloutPolicy) -> Arc<Self> {
        if self.policy == *policy {
            return Arc::clone(self);
        }
        Arc::new(Self { filter: self.filter.clone(), policy: policy.clone(), counts: Arc::clone(&self.counts) })
    }

    /// Takes a place, if there is one.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Place, CalloutError> {
        let counter = &self.counts.in_flight;
        let max = self.policy.in_flight_max;
        let entered = counter.fetch_update(Relaxed, Relaxed, |under_way| (under_way < max).then_some(under_way + 1));
        entered.map(|_| Place(Arc::clone(self))).map_err(|_| CalloutError::Busy)
    }

    /// The request as it goes out, if it is one that this filter may make and that HTTP allows.
    pub(super) fn check(&self, request: &Request) -> Result<http::Request<Full<Bytes>>, CalloutError> {
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| CalloutError::Forbidden)?;
        let url: Uri = request.url.parse().map_err(|_| CalloutError::Forbidden)?;
        let origin = Origin::of(&url).map_err(|_| CalloutError::Forbidden)?;
        if !self.policy.allow.contains(&origin) {
            debug!(filter = %self.filter, %origin, "a callout was not made: `callouts.allow` does not list its origin");
            return Err(CalloutError::Forbidden);
        }
        let is_allowed = method != Method::CONNECT
            && request.headers.len() <= REQUEST_HEADERS_MAX
            && request.body.len() <= REQUEST_BODY_BYTES_MAX;
        if !is_allowed {
            return Err(CalloutError::Forbidden);
        }
        let mut checked = http::Request::new(Full::new(Bytes::from(request.body.clone())));
        *checked.method_mut() = method;
        *checked.uri_mut() = url;
        *checked.headers_mut() = headers(&request.headers).ok_or(CalloutError::Forbidden)?;
        Ok(checked)
    }

    /// The longest that this request may take.
    pub(super) fn time_for(&self, request: &Request) -> Duration {
        match request.timeout_ms {
            0 => self.policy.timeout,
            ms => self.policy.timeout.min(Duration::from_millis(ms.into())),
        }
    }
}

/// Without those that are the connection's.
fn headers(written: &[(Box<str>, Box<str>)]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(written.len());
    for (name, value) in written {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        let ours = [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING, UPGRADE, TE, TRAILER, EXPECT].contains(&name)
            || matches!(name.as_str(), "keep-alive" | "proxy-connection");
        if !ours {
            headers.append(name, value);
        }
    }
    Some(headers)
}

impl CalloutCounts {
    /// A callout that was not sent.
    pub(in crate::dataplane) fn count(&self, answer: &Answer) {
        let outcome = match answer {
            Ok(_) => 0,
            Err(CalloutError::Forbidden) => 1,
            Err(CalloutError::Busy) => 2,
            Err(CalloutError::Timeout) => 3,
            Err(CalloutError::Unreachable) => 4,
            Err(CalloutError::TooLarge) => 5,
        };
        self.outcomes[outcome].fetch_add(1, Relaxed);
    }

    /// One that was, and how long it took.
    pub(super) fn count_timed(&self, answer: &Answer, took: Duration) {
        self.count(answer);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.times[CALLOUT_NANOS.partition_point(|&bound| bound < nanos)].fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// Under way now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// In the order of [`OUTCOMES`].
    pub fn outcomes(&self) -> [u64; OUTCOMES.len()] {
        std::array::from_fn(|outcome| self.outcomes[outcome].load(Relaxed))
    }

    /// How many took at most each of [`CALLOUT_NANOS`] and more than the one before; last, those that took longer.
    pub fn times(&self) -> [u64; CALLOUT_NANOS.len() + 1] {
        std::array::from_fn(|bucket| self.times[bucket].load(Relaxed))
    }

    /// Nanoseconds that these took together.
    pub fn nanos(&self) -> u64 {
        self.nanos.load(Relaxed)
    }
}
