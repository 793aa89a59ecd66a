//! `routes[].heartbeat.probe`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Off;
use crate::config::scalar::Time;
use crate::dataplane::probe::Fixed;

/// Questions to silent clients, or none.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum ProbeOrOff {
    /// Nobody is asked.
    Off(Off),
    /// Silent clients are asked.
    Probe(Box<Probe>),
}

/// Questions to silent clients, whether they live: WebSocket pings.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Probe {
    /// The silence after which a client is asked: always the same, or `adaptive`, learned for each network.
    ///
    /// Raise it to save phones' batteries; keep it under the idle timeout of every balancer in between. Or let Belay learn how
    /// long that is.
    pub(in crate::config) every: Every,
    /// The silence after asking at which it is taken for dead and closed. Not longer than `every`; 10s without it. For
    /// `adaptive` it is made of the client's own round-trip times.
    pub(in crate::config) timeout: Option<Time>,
    /// What a client is asked by on a raw TCP connection, which has no pings: a message that it answers, with anything. Without
    /// it nothing is sent there, and the kernel asks by TCP keepalives after `every`, or `min` of `adaptive`.
    pub(in crate::config) message: Option<String>,
    /// The rule that `adaptive` goes by.
    pub(in crate::config) mode: Option<Mode>,
    /// `adaptive`: the shortest silence after which a client is asked. Without it 25s, or half of `detect_within` if that is
    /// less.
    ///
    /// Lower it for networks that forget connections sooner; raise it if there are none.
    pub(in crate::config) min: Option<Time>,
    /// `adaptive`: the longest silence after which a client is asked. Without it 30m, of which `detect_within` allows only what
    /// leaves time to ask.
    pub(in crate::config) max: Option<Time>,
    /// `adaptive`: the longest from a client's last byte to its being known to be dead. Twice `min` at least; 5m without it.
    ///
    /// Lower it where others must know soon who is gone, for more probes.
    pub(in crate::config) detect_within: Option<Time>,
    /// `adaptive`: which clients learn together. Without it, those whose addresses begin alike.
    pub(in crate::config) group: Option<Group>,
}

/// A silence, or that it is learned.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum Every {
    /// It is learned.
    Word(Adaptive),
    /// Always the same.
    Time(Time),
}

/// The word `adaptive`.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Adaptive {
    /// It is learned.
    Adaptive,
}

/// A rule for `every: adaptive`.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Mode {
    /// As long as the client's network is known to forget no connection. The default.
    Learned,
    /// By the client's own loss and round-trip time: above a loss of 10 % the lesser of `max` and twice the round-trip time,
    /// otherwise the greater of `min` and 0.8 of it. `min` is 15s and `max` is 2m without them.
    LossAware,
}

/// Which clients learn together: by one of their addresses, a header or an attribute.
#[derive(Deserialize, Serialize, JsonSchema, PartialEq, Eq, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Group {
    /// So many leading bits of an IPv4 address are its network's; 24 without it.
    #[schemars(range(min = 1, max = 32))]
    pub(in crate::config) prefix_v4: Option<u8>,
    /// So many leading bits of an IPv6 address are its network's; 48 without it.
    #[schemars(range(min = 1, max = 128))]
    pub(in crate::config) prefix_v6: Option<u8>,
    /// Clients whose handshake has the same value of this header; those without it, by their addresses.
    ///
    /// Set it if the application says which carrier a client is on.
    pub(in crate::config) header: Option<String>,
    /// Clients to whom a filter gave the same value of this attribute; those without it, by their addresses.
    pub(in crate::config) attribute: Option<String>,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            every: Every::Time(Time(Fixed::default().every)),
            timeout: None,
            message: None,
            mode: None,
            min: None,
            max: None,
            detect_within: None,
            group: None,
        }
    }
}
