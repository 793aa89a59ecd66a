//! Finding dead clients: when a silent one is asked whether it lives, and when no answer means that it does not. Pure: what
//! was heard and `now` come in, what to do comes out. How a client is asked is the session's; where a table of networks is
//! kept between two runs is the app's.

mod estimate;
mod evidence;
mod learned;
mod network;
mod networks;
mod prober;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::chain::Facts;
use super::handshake::Handshake;
pub use estimate::Estimate;
pub use learned::LearnedError;
pub use network::{Bounds, Counts, Network, Search};
pub use networks::{NETWORKS_DEFAULT, NetworkState, Networks, Shared};
pub use prober::{Prober, Step, Try};

/// How a route asks silent clients whether they live.
#[derive(Clone, PartialEq, Debug)]
pub enum Probe {
    /// After the same silence each time.
    Fixed(Fixed),
    /// By a rule of the client's own loss and round-trip time.
    LossAware(LossAware),
    /// After the longest silence that the client's network is known to forget no connection in.
    Adaptive(Adaptive),
}

/// `every: 30s`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// The silence after which a client is asked. Default 30 s.
    pub every: Duration,
    /// The silence after asking at which it is taken for dead. Default 10 s.
    pub timeout: Duration,
}

/// `mode: loss-aware`: a client that loses more than a tenth of its probes is asked after `min(2·rtt, max)`, any other after
/// `max(0.8·rtt, min)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LossAware {
    /// The silence after which a client with little loss is asked.
    pub min: Duration,
    /// The longest silence after which one with much loss is.
    pub max: Duration,
}

/// `every: adaptive`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adaptive {
    /// Nobody is asked after less silence, but for what `detect_within` asks for. Default 25 s: under the shortest that
    /// NATs in use are known by, 30 s.
    pub min: Duration,
    /// Nor after more. Default 30 min: most that keep connections for longer keep them for 2 h (RFC 5382, REQ-5).
    pub max: Duration,
    /// The longest from a client's last byte to its being known to be dead. Default 5 min.
    pub detect_within: Duration,
    /// Which clients learn together.
    pub group: GroupBy,
}

/// Which clients are taken to be behind the same kind of NAT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupBy {
    /// Those whose addresses begin with the same bits. Default 24 of IPv4, 48 of IPv6.
    Prefix(Prefixes),
    /// Those whose handshake has the same value of this header; those without it, by their addresses.
    Header(Box<str>),
    /// Those whom a filter gave the same value of this attribute; those without it, by their addresses.
    Attribute(Box<str>),
}

/// How many leading bits of an address are its network's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefixes {
    /// Of IPv4, at most 32.
    pub v4: u8,
    /// Of IPv6, at most 128.
    pub v6: u8,
}

/// Of a group's name; a header may be long, and what groups have in common stands at their beginning.
const NAME_BYTES_MAX: usize = 96;

impl Probe {
    /// Which clients learn together, if any do.
    pub fn group(&self) -> Option<&GroupBy> {
        match self {
            Self::Fixed(_) | Self::LossAware(_) => None,
            Self::Adaptive(adaptive) => Some(&adaptive.group),
        }
    }

    /// What comes nearest to it where nobody can learn, since the kernel does the asking.
    pub fn without_learning(&self) -> Fixed {
        match self {
            Self::Fixed(fixed) => *fixed,
            Self::LossAware(rule) => Fixed { every: rule.min, timeout: Fixed::default().timeout },
            Self::Adaptive(adaptive) => {
                let timeout = adaptive.detect_within.saturating_sub(adaptive.min).min(Fixed::default().timeout);
                Fixed { every: adaptive.min, timeout }
            }
        }
    }
}

impl Default for Fixed {
    fn default() -> Self {
        Self { every: Duration::from_secs(30), timeout: Duration::from_secs(10) }
    }
}

impl Default for LossAware {
    fn default() -> Self {
        Self { min: Duration::from_secs(15), max: Duration::from_secs(120) }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(25),
            max: Duration::from_secs(30 * 60),
            detect_within: Duration::from_secs(5 * 60),
            group: GroupBy::Prefix(Prefixes::default()),
        }
    }
}

impl Default for Prefixes {
    fn default() -> Self {
        Self { v4: 24, v6: 48 }
    }
}

impl GroupBy {
    /// The name of the group that a client belongs to: `192.0.2.0/24`, `2001:db8:7::/48`, `x-carrier=one`.
    pub fn name(&self, handshake: &Handshake, facts: &Facts) -> Box<str> {
        let (key, value) = match self {
            Self::Prefix(prefixes) => return prefixes.network(handshake.peer.ip()),
            Self::Header(key) => (key, handshake.header(key)),
            Self::Attribute(key) => (key, facts.attribute(key)),
        };
        let Some(value) = value else { return Prefixes::default().network(handshake.peer.ip()) };
        let mut name = format!("{key}={value}");
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        name.into()
    }
}

impl Prefixes {
    /// The network of an address. An IPv4 address in IPv6's clothes (`::ffff:192.0.2.1`) counts as what it is.
    pub fn network(self, address: IpAddr) -> Box<str> {
        match self.first_of(address) {
            IpAddr::V4(network) => format!("{network}/{}", self.v4).into(),
            IpAddr::V6(network) => format!("{network}/{}", self.v6).into(),
        }
    }

    /// The same, by its first address.
    pub fn first_of(self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let kept = u32::MAX.checked_shl(32 - u32::from(self.v4.min(32))).unwrap_or(0);
                Ipv4Addr::from(u32::from(address) & kept).into()
            }
            IpAddr::V6(address) => {
                let kept = u128::MAX.checked_shl(128 - u32::from(self.v6.min(128))).unwrap_or(0);
                Ipv6Addr::from(u128::from(address) & kept).into()
            }
        }
    }
}
