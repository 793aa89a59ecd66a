//! What a filter learns of the world beside its events: time and chance. The proxy's are the machine's own; whoever tries a
//! filter out gives it others, and everything else stays as it serves.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::id::SessionId;
use crate::time::Instant;

/// Time and chance.
pub trait Surroundings: Send + Sync {
    /// The time at which an instance is made; events bring their own.
    fn now(&self) -> Instant;

    /// Milliseconds since 1970.
    fn unix_ms(&self) -> u64;

    /// Any number.
    fn random(&self) -> u64;

    /// What an instance kept of a session, on its way to another: this is taken in.
    fn carried<'a>(&self, session: SessionId, state: &'a [u8]) -> Cow<'a, [u8]> {
        let _ = session;
        Cow::Borrowed(state)
    }
}

/// Those of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfTheMachine;

impl Surroundings for OfTheMachine {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&self) -> u64 {
        rand::random()
    }
}
