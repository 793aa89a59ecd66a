//! `routes[].heartbeat`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, ProbeOrOff};
use crate::config::scalar::Time;

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
    /// Questions to silent clients, to find the dead. `off` asks nobody. Without it they are asked after 30s, but for those of
    /// `mqtt` over WebSocket, which finds the dead by its keep-alive.
    pub(in crate::config) probe: Option<ProbeOrOff>,
    /// A client that says nothing for so long is dead, without being asked. Without it, silence alone is no sign.
    ///
    /// Set it for clients that send heartbeats of their own, to two or three of their intervals; with `probe: off`, nothing
    /// is sent to silent clients then.
    pub(in crate::config) expect: Option<Time>,
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
    /// Its session is closed, with 1008 if the client sent it and 1011 if the backend did.
    Close,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { answer: vec![Answer::Websocket], malformed: Malformed::default(), probe: None, expect: None }
    }
}
