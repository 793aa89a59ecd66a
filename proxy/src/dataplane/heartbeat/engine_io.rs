//! Engine.IO, versions 3 and 4, over WebSocket (<https://socket.io/docs/v4/engine-io-protocol/>): its heartbeats are the
//! text messages `2` (ping) and `3` (pong). In version 4 the server pings, in version 3 the client does.
//!
//! Interval and timeout stand in the server's open packet. A client that began with HTTP polling was told them there, where
//! they are [overheard](Overheard): its heartbeats are taken over from the first that comes over WebSocket. Without that,
//! the first is passed on, and the second shows the interval.
//!
//! Where a session outlives its backend, the open packet of the next is for us alone: a client that got a second one would
//! begin anew. It goes on by the terms of its first, the new backend by those of its own.

mod overheard;
mod terms;

use std::time::Duration;

pub use self::overheard::Overheard;
use self::terms::{OPEN_BYTES_MAX, Open, Terms, Version};
use super::{Beat, Finding};
use crate::dataplane::handshake::Handshake;
use crate::dataplane::message::{Direction, Message, MessageKind};
use crate::time::Instant;

/// See the module.
#[derive(Clone, Debug)]
pub struct EngineIo {
    version: Version,
    pace: Pace,
}

/// What is known of the server's interval.
#[derive(Clone, Debug)]
enum Pace {
    /// Nothing that was said on this connection: pings pass. The last one was at `ping`.
    Watched { ping: Option<Instant>, overheard: Option<Terms> },
    /// All of it.
    Known(Known),
}

#[derive(Clone, Debug)]
struct Known {
    /// What the client goes by.
    client: Terms,
    /// What the backend does, which may be another than the one that set the client's.
    backend: Terms,
    /// When the one of our two pings that is sent in this version is due: to the client in 4, to the backend in 3.
    ping_at: Instant,
    /// When the client counts as dead.
    client_until: Instant,
    /// When the backend does.
    backend_until: Instant,
}

const PING: &[u8] = b"2";
const PONG: &[u8] = b"3";
/// An open packet is `0` and an object.
const OPEN: u8 = b'0';
/// The server's default, for a client whose open packet we did not see.
const TIMEOUT: Duration = Duration::from_secs(20);

impl EngineIo {
    /// Nothing if the client did not ask for a version that we know.
    pub(super) fn new(handshake: &Handshake, overheard: &Overheard) -> Option<Self> {
        let version = Version::asked_for(handshake.query())?;
        Some(Self { version, pace: Pace::Watched { ping: None, overheard: overheard.terms() } })
    }

    pub(super) fn handle_message(
        &mut self,
        now: Instant,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
    ) -> Finding {
        self.handle_part(now, direction);
        match (direction, kind, payload) {
            (Direction::ToClient, MessageKind::Text, [OPEN, object @ ..]) if object.len() <= OPEN_BYTES_MAX => {
                serde_json::from_slice(object).map_or(Finding::Other, |open| self.on_open(now, &open))
            }
            (_, MessageKind::Text, PING) if direction == self.version.pings() => self.on_ping(now),
            (_, MessageKind::Text, PONG) if direction != self.version.pings() => self.on_pong(now),
            _ => Finding::Other,
        }
    }

    pub(super) fn handle_part(&mut self, now: Instant, direction: Direction) {
        if let Pace::Known(known) = &mut self.pace {
            match direction {
                Direction::ToBackend => known.on_client_heard(now, self.version),
                Direction::ToClient => known.on_backend_heard(now),
            }
        }
    }

    pub(super) fn handle_connected(&mut self) {
        match &mut self.pace {
            // The time between pings of two backends tells nothing.
            Pace::Watched { ping, .. } => *ping = None,
            // Until its open packet, or its first ping, has come.
            Pace::Known(known) => known.backend_until = Instant::NEVER,
        }
    }

    pub(super) fn next_deadline(&self) -> Instant {
        match &self.pace {
            Pace::Watched { .. } => Instant::NEVER,
            Pace::Known(known) => known.ping_at.min(known.client_until).min(known.backend_until),
        }
    }

    pub(super) fn poll_beat(&mut self, now: Instant) -> Option<Beat> {
        let Pace::Known(known) = &mut self.pace else { return None };
        if known.client_until <= now {
            known.client_until = Instant::NEVER;
            return Some(Beat::ClientDead);
        }
        if known.backend_until <= now {
            known.backend_until = Instant::NEVER;
            return Some(Beat::BackendDead);
        }
        if known.ping_at > now {
            return None;
        }
        // The next is due so long after the answer.
        known.ping_at = Instant::NEVER;
        let ping = Message { kind: MessageKind::Text, payload: PING.into() };
        match self.version {
            Version::V3 => {
                known.backend_until = now + known.backend.timeout;
                Some(Beat::ToBackend(ping))
            }
            Version::V4 => {
                known.client_until = now + known.client.timeout;
                Some(Beat::ToClient(ping))
            }
        }
    }

    fn on_open(&mut self, now: Instant, open: &Open) -> Finding {
        let terms = Terms::of(open);
        match &mut self.pace {
            Pace::Watched { .. } => {
                self.take_over(now, terms, now + terms.interval);
                Finding::Other
            }
            Pace::Known(known) => {
                known.backend = terms;
                match self.version {
                    Version::V3 => known.ping_at = now + terms.interval,
                    Version::V4 => known.backend_until = now + terms.silence(),
                }
                Finding::Taken
            }
        }
    }

    // Watched => Known
    fn take_over(&mut self, now: Instant, terms: Terms, ping_at: Instant) {
        let (client_until, backend_until) = match self.version {
            Version::V3 => (now + terms.silence(), Instant::NEVER),
            Version::V4 => (Instant::NEVER, now + terms.silence()),
        };
        self.pace = Pace::Known(Known { client: terms, backend: terms, ping_at, client_until, backend_until });
    }

    /// The side that pings in this version did.
    fn on_ping(&mut self, now: Instant) -> Finding {
        match &mut self.pace {
            // The other side has waited for a ping as long as it usually does.
            &mut Pace::Watched { overheard: Some(terms), .. } => self.take_over(now, terms, now),
            Pace::Watched { ping: ping @ None, .. } => {
                *ping = Some(now);
                return Finding::Other;
            }
            Pace::Watched { ping: Some(last), .. } => {
                let terms = Terms::new(now - *last, TIMEOUT);
                self.take_over(now, terms, now);
            }
            Pace::Known(known) if self.version == Version::V4 => {
                known.backend_until = now + known.backend.silence();
            }
            Pace::Known(_) => {}
        }
        Finding::Heartbeat(Some(Message { kind: MessageKind::Text, payload: PONG.into() }))
    }

    /// The other side answered a ping: ours, or, as long as they pass, its peer's.
    fn on_pong(&mut self, now: Instant) -> Finding {
        let Pace::Known(known) = &mut self.pace else { return Finding::Other };
        match self.version {
            Version::V3 => {
                known.backend_until = Instant::NEVER;
                known.ping_at = now + known.backend.interval;
            }
            Version::V4 => {
                known.client_until = Instant::NEVER;
                known.ping_at = now + known.client.interval;
            }
        }
        Finding::Heartbeat(None)
    }
}

impl Known {
    /// Whatever a client says, it lives.
    fn on_client_heard(&mut self, now: Instant, version: Version) {
        match version {
            Version::V3 => self.client_until = now + self.client.silence(),
            Version::V4 if self.client_until != Instant::NEVER => self.client_until = now + self.client.timeout,
            Version::V4 => {}
        }
    }

    /// So does a backend, if it is asked to.
    fn on_backend_heard(&mut self, now: Instant) {
        if self.backend_until != Instant::NEVER {
            self.backend_until = now + self.backend.silence();
        }
    }
}

#[cfg(test)]
mod tests;
