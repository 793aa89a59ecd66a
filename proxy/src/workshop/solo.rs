//! A session as the seam of one filter needs it, without a socket and without a chain: what a filter is rehearsed, measured
//! and tested with. Its time is the caller's.

use http::{HeaderName, HeaderValue};

use crate::dataplane::chain::{Call, Facts, Handle};
use crate::dataplane::handshake::Handshake;
use crate::id::SessionId;
use crate::time::Instant;

/// See the module.
pub struct Solo {
    /// The name of the session's route.
    pub route: Box<str>,
    /// What the client asked for.
    pub handshake: Handshake,
    /// What filters know of it.
    pub facts: Facts,
    /// The filter's own.
    pub handle: Handle,
    /// The filter's place in a chain, as timers know it.
    pub position: usize,
    /// Of the next call.
    pub now: Instant,
}

impl Solo {
    /// A client at 192.0.2.7 asks for `target` with these headers, on the route `chat`, at [`Instant::ZERO`].
    pub fn new(id: u128, target: &str, headers: &[(&'static str, HeaderValue)]) -> Self {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value)).collect();
        let headers = headers.iter().map(|(name, value)| (name, *value));
        let peer = ([192, 0, 2, 7], 4711).into();
        Self::from(Handshake::new(SessionId::from(id), peer, target, headers))
    }

    /// What each call to the filter is about.
    pub fn call(&mut self) -> Call<'_> {
        let Self { route, handshake, facts, handle, position, now } = self;
        Call { now: *now, route, handshake, facts, handle, position: *position }
    }
}

impl From<Handshake> for Solo {
    fn from(handshake: Handshake) -> Self {
        Self {
            route: "chat".into(),
            handshake,
            facts: Facts::default(),
            handle: Handle::default(),
            position: 0,
            now: Instant::ZERO,
        }
    }
}
