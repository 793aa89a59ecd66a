//! `routes[].heartbeat`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Off};
use crate::config::scalar::Time;
use crate::dataplane::heartbeat as validated;

/// Heartbeats, answered here and kept from the backend.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Heartbeat {
    /// Which heartbeats are answered. A list without `websocket` passes ping frames on to the other side.
    ///
    /// Add what your clients send as messages, see [heartbeats](heartbeats.md).
    pub(in crate::config) answer: Vec<Answer>,
    /// What becomes of a message that was meant as a heartbeat and is not valid. It never counts as a sign of life.
    pub(in crate::config) malformed: Malformed,
    /// Pings to silent clients, to find the dead. `off` asks nobody.
    pub(in crate::config) probe: ProbeOrOff,
}

/// What becomes of a message that was meant as a heartbeat and is not valid.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Malformed {
    /// It ends here.
    #[default]
    Ignore,
    /// It is passed on like any other message.
    Forward,
    /// Its session is closed with 1008.
    Close,
}

/// Pings to silent clients, or none.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum ProbeOrOff {
    /// Nobody is asked.
    Off(Off),
    /// Silent clients are asked.
    Probe(Probe),
}

/// Pings to silent clients.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Probe {
    /// The silence after which a client is asked.
    ///
    /// Raise it to save phones' batteries; keep it under the idle timeout of every balancer in between.
    pub(in crate::config) every: Time,
    /// The silence after asking at which it is taken for dead and closed. Not longer than `every`.
    pub(in crate::config) timeout: Time,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            answer: vec![Answer::Websocket],
            malformed: Malformed::default(),
            probe: ProbeOrOff::Probe(Probe::default()),
        }
    }
}

impl Default for Probe {
    fn default() -> Self {
        let probe = validated::Probe::default();
        Self { every: Time(probe.every), timeout: Time(probe.timeout) }
    }
}
