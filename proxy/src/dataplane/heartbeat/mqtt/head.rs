//! What heartbeats need of CONNECT, CONNACK and DISCONNECT.

use std::time::Duration;

use super::packet::{Variable, variable};

/// What a client's CONNECT says (3.1.1 and 5, section 3.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Connect {
    pub(super) version: Version,
    /// Zero if there is none.
    pub(super) keep_alive: Duration,
}

/// The protocol's version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    /// 3.1 and 3.1.1.
    V3,
    V5,
}

/// The property of a CONNACK by which the broker sets the keep-alive (5, section 3.2.2.3.14).
const SERVER_KEEP_ALIVE: u8 = 0x13;
/// The reason of a DISCONNECT (5, section 3.14.2.1).
const SERVER_SHUTTING_DOWN: u8 = 0x8b;

impl Connect {
    /// Nothing if it is not valid, or of a version that we do not know.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (name, rest) = text(body)?;
        let (version, rest) = rest.split_first()?;
        let version = match (name, version) {
            (b"MQTT", 4) | (b"MQIsdp", 3) => Version::V3,
            (b"MQTT", 5) => Version::V5,
            _ => return None,
        };
        let (_flags, rest) = rest.split_first()?;
        let seconds = u16::from_be_bytes(*rest.first_chunk()?);
        Some(Self { version, keep_alive: Duration::from_secs(seconds.into()) })
    }
}

impl Version {
    /// The keep-alive that a CONNACK's body sets in place of the client's.
    pub(super) fn server_keep_alive(self, body: &[u8]) -> Option<Duration> {
        match self {
            Self::V3 => None,
            Self::V5 => {
                // After flags and reason code.
                let (length, properties) = number(body.get(2..)?)?;
                let mut properties = properties.get(..length)?;
                loop {
                    let (property, rest) = properties.split_first()?;
                    if *property == SERVER_KEEP_ALIVE {
                        let seconds = u16::from_be_bytes(*rest.first_chunk()?);
                        return Some(Duration::from_secs(seconds.into()));
                    }
                    properties = after(*property, rest)?;
                }
            }
        }
    }
}

/// Whether a broker's DISCONNECT says that it restarts or ends.
pub(super) fn says_shutting_down(body: &[u8]) -> bool {
    body.first() == Some(&SERVER_SHUTTING_DOWN)
}

/// What follows the value of a property (5, section 2.2.2.2).
fn after(property: u8, value: &[u8]) -> Option<&[u8]> {
    match property {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => value.get(1..),
        0x13 | 0x21 | 0x22 | 0x23 => value.get(2..),
        0x02 | 0x11 | 0x18 | 0x27 => value.get(4..),
        0x0b => number(value).map(|(_, rest)| rest),
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => text(value).map(|(_, rest)| rest),
        0x26 => text(value).and_then(|(_, rest)| text(rest)).map(|(_, rest)| rest),
        _ => None,
    }
}

/// Bytes after their length, and what follows (5, sections 1.5.4 and 1.5.6).
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match variable(bytes) {
        Variable::Number(number, taken) => Some((number, &bytes[taken..])),
        Variable::Part | Variable::Broken => None,
    }
}
