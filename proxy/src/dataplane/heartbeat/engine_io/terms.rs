//! What both sides are told at the beginning: the version, in the client's request, and interval and timeout, in the server's
//! open packet.

use std::time::Duration;

use serde::Deserialize;

use crate::dataplane::message::Direction;

/// Who pings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    /// The client.
    V3,
    /// The server.
    V4,
}

/// How often it is pinged, and how long an answer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

/// The part of an open packet that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Open {
    pub(super) ping_interval: u64,
    pub(super) ping_timeout: u64,
}

/// Larger open packets are not read: theirs is a few dozen bytes.
pub(super) const OPEN_BYTES_MAX: usize = 4 * 1024;
/// No server means less; it keeps a nonsense of zero from turning into a flood.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

impl Terms {
    pub(super) fn of(open: &Open) -> Self {
        Self::new(Duration::from_millis(open.ping_interval), Duration::from_millis(open.ping_timeout))
    }

    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        Self { interval: interval.max(INTERVAL_MIN), timeout }
    }

    /// The longest that a side which pings may be silent.
    pub(super) fn silence(&self) -> Duration {
        self.interval + self.timeout
    }
}

impl Version {
    pub(super) fn asked_for(query: &str) -> Option<Self> {
        query.split('&').find_map(|pair| match pair {
            "EIO=3" => Some(Self::V3),
            "EIO=4" => Some(Self::V4),
            _ => None,
        })
    }

    /// The direction that its pings go in.
    pub(super) fn pings(self) -> Direction {
        match self {
            Self::V3 => Direction::ToBackend,
            Self::V4 => Direction::ToClient,
        }
    }
}
