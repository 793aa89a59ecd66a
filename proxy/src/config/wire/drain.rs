//! `drain`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::scalar::{CloseCode, TimeOrZero};
use crate::dataplane::drain as validated;

/// How the process goes away on SIGTERM: in this order, and in at most all of these times together and six seconds more, see
/// [Kubernetes](kubernetes.md#the-end-of-a-pod).
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Drain {
    /// Readiness is off, and clients are still taken for so long.
    ///
    /// Set it to what load balancers take to notice: 5s in Kubernetes.
    pub(in crate::config) accept_for: TimeOrZero,
    /// Sessions that have a backend are left to it for so long. One that loses it, or has none, is closed and not held.
    ///
    /// Set it where the backend is told to go at the same time, and finishes what it has begun.
    pub(in crate::config) wait_for_backend: TimeOrZero,
    /// Sessions are closed one by one over this time, so that their clients do not come back all at once.
    ///
    /// Raise it for many sessions, and the pod's terminationGracePeriodSeconds with it.
    pub(in crate::config) over: TimeOrZero,
    /// The code that they are closed with.
    ///
    /// Change it when clients take another code as the sign to come back.
    pub(in crate::config) close_code: CloseCode,
    /// The text that they are closed with, at most 123 bytes. `{seconds}` in it becomes the time after which this client is to
    /// come back, with one digit behind the point.
    ///
    /// Change it to what your clients can read, such as `{"reconnect_after":{seconds}}`. Raw TCP has no such text.
    pub(in crate::config) reason: String,
    /// Each client is told another time, at random.
    pub(in crate::config) reconnect_after: ReconnectAfter,
}

/// When clients are told to come back: after a time between these, evenly drawn.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ReconnectAfter {
    /// The shortest time.
    pub(in crate::config) from: TimeOrZero,
    /// The longest time.
    ///
    /// Raise it when those who take the clients over cannot let all of them in within `over` and this.
    pub(in crate::config) to: TimeOrZero,
}

impl Default for Drain {
    fn default() -> Self {
        let drain = validated::Drain::default();
        Self {
            accept_for: TimeOrZero(drain.accept_for),
            wait_for_backend: TimeOrZero(drain.wait_for_backend),
            over: TimeOrZero(drain.over),
            close_code: CloseCode(drain.close_code),
            reason: drain.reason.into(),
            reconnect_after: ReconnectAfter::default(),
        }
    }
}

impl Default for ReconnectAfter {
    fn default() -> Self {
        let validated::ReconnectAfter { from, to } = validated::ReconnectAfter::default();
        Self { from: TimeOrZero(from), to: TimeOrZero(to) }
    }
}
