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

use std::time::Duration;

pub use overheard::Overheard;
use serde::Deserialize;

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

/// Who pings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    /// The client.
    V3,
    /// The server.
    V4,
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

/// How often it is pinged, and how long an answer may take.
#[derive(Clone, Copy, Debug)]
struct Terms {
    interval: Duration,
    timeout: Duration,
}

const PING: &[u8] = b"2";
const PONG: &[u8] = b"3";
/// An open packet is `0` and an object.
const OPEN: u8 = b'0';
/// Larger open packets are not read: theirs is a few dozen bytes.
const OPEN_BYTES_MAX: usize = 4 * 1024;
/// The server's default, for a client whose open packet we did not see.
const TIMEOUT: Duration = Duration::from_secs(20);
/// No server means less; it keeps a nonsense of zero from turning into a flood.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// The part of an open packet that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    ping_interval: u64,
    ping_timeout: u64,
}

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

impl Terms {
    fn of(open: &Open) -> Self {
        Self::new(Duration::from_millis(open.ping_interval), Duration::from_millis(open.ping_timeout))
    }

    fn new(interval: Duration, timeout: Duration) -> Self {
        Self { interval: interval.max(INTERVAL_MIN), timeout }
    }

    /// The longest that a side which pings may be silent.
    fn silence(&self) -> Duration {
        self.interval + self.timeout
    }
}

impl Version {
    fn asked_for(query: &str) -> Option<Self> {
        query.split('&').find_map(|pair| match pair {
            "EIO=3" => Some(Self::V3),
            "EIO=4" => Some(Self::V4),
            _ => None,
        })
    }

    /// The direction that its pings go in.
    fn pings(self) -> Direction {
        match self {
            Self::V3 => Direction::ToBackend,
            Self::V4 => Direction::ToClient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

    const OPENING: &[u8] =
        br#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn engine_io(query: &str) -> Option<EngineIo> {
        let peer = "127.0.0.1:1".parse().expect("an address");
        let target = format!("/socket.io/?{query}");
        EngineIo::new(&Handshake::new(SessionId::from(1), peer, &target, [].into_iter()), &Overheard::default())
    }

    fn text(payload: &[u8]) -> Message {
        Message { kind: MessageKind::Text, payload: payload.into() }
    }

    struct Ends(EngineIo);

    impl Ends {
        fn client_says(&mut self, now: Instant, payload: &[u8]) -> Finding {
            self.0.handle_message(now, Direction::ToBackend, MessageKind::Text, payload)
        }

        fn backend_says(&mut self, now: Instant, payload: &[u8]) -> Finding {
            self.0.handle_message(now, Direction::ToClient, MessageKind::Text, payload)
        }
    }

    fn opened(query: &str) -> Ends {
        let mut ends = Ends(engine_io(query).expect("a version that we know"));
        assert_eq!(ends.backend_says(at(0), OPENING), Finding::Other);
        ends
    }

    #[test]
    fn a_client_of_no_known_version_has_no_heartbeats() {
        assert!(engine_io("transport=websocket").is_none());
        assert!(engine_io("EIO=5&transport=websocket").is_none());
    }

    #[test]
    fn in_version_4_the_client_is_pinged_and_the_backend_answered_here() {
        let mut ends = opened("EIO=4&transport=websocket");
        for round in 1..4_000 {
            let now = at(25 * round);
            assert_eq!(ends.0.next_deadline(), now);
            assert_eq!(ends.0.poll_beat(now), Some(Beat::ToClient(text(b"2"))));
            assert_eq!(ends.backend_says(now, b"2"), Finding::Heartbeat(Some(text(b"3"))));
            assert_eq!(ends.client_says(now, b"3"), Finding::Heartbeat(None));
            assert_eq!(ends.0.poll_beat(now), None);
        }
    }

    #[test]
    fn in_version_3_the_client_is_answered_and_the_backend_pinged() {
        let mut ends = opened("EIO=3&transport=websocket");
        for round in 1..4_000 {
            let now = at(25 * round);
            assert_eq!(ends.client_says(now, b"2"), Finding::Heartbeat(Some(text(b"3"))));
            assert_eq!(ends.0.poll_beat(now), Some(Beat::ToBackend(text(b"2"))));
            assert_eq!(ends.backend_says(now, b"3"), Finding::Heartbeat(None));
            assert_eq!(ends.0.poll_beat(now), None);
        }
    }

    #[test]
    fn a_client_that_stops_answering_is_dead() {
        let mut four = opened("EIO=4");
        four.backend_says(at(20), b"2");
        assert_eq!(four.0.poll_beat(at(25)), Some(Beat::ToClient(text(b"2"))));
        four.client_says(at(30), b"42[\"still\",\"here\"]");
        assert_eq!(four.0.poll_beat(at(49)), None);
        assert_eq!(four.0.poll_beat(at(50)), Some(Beat::ClientDead));

        let mut three = opened("EIO=3");
        three.0.poll_beat(at(25));
        three.backend_says(at(25), b"3");
        assert_eq!(three.0.poll_beat(at(45)), Some(Beat::ClientDead));
    }

    #[test]
    fn a_backend_that_goes_silent_is_dead_until_another_stands_in() {
        let mut four = opened("EIO=4");
        four.0.poll_beat(at(25));
        four.client_says(at(25), b"3");
        assert_eq!(four.0.poll_beat(at(45)), Some(Beat::BackendDead));
        four.0.handle_connected();
        four.0.poll_beat(at(50));
        four.client_says(at(50), b"3");
        assert_eq!(four.0.poll_beat(at(74)), None);

        let mut three = opened("EIO=3");
        three.0.poll_beat(at(25));
        three.client_says(at(40), b"2");
        assert_eq!(three.0.poll_beat(at(45)), Some(Beat::BackendDead));
    }

    #[test]
    fn a_client_that_began_with_polling_is_watched_first() {
        let mut ends = Ends(engine_io("EIO=4&transport=websocket&sid=x").expect("version 4"));
        assert_eq!(ends.client_says(at(0), b"2probe"), Finding::Other);
        assert_eq!(ends.backend_says(at(0), b"3probe"), Finding::Other);
        assert_eq!(ends.backend_says(at(5), b"2"), Finding::Other);
        assert_eq!(ends.client_says(at(5), b"3"), Finding::Other);
        // The second ping is answered here, and its client pinged in its place.
        assert_eq!(ends.backend_says(at(15), b"2"), Finding::Heartbeat(Some(text(b"3"))));
        assert_eq!(ends.0.poll_beat(at(15)), Some(Beat::ToClient(text(b"2"))));
        assert_eq!(ends.client_says(at(15), b"3"), Finding::Heartbeat(None));
        assert_eq!(ends.0.next_deadline(), at(25));
    }

    #[test]
    fn a_client_whose_polling_was_overheard_is_taken_over_at_its_first_ping() {
        let overheard = Overheard::default();
        overheard.hear(OPENING);
        let pace = Pace::Watched { ping: None, overheard: overheard.terms() };
        let mut four = Ends(EngineIo { version: Version::V4, pace: pace.clone() });
        assert_eq!(four.client_says(at(0), b"3"), Finding::Other);
        assert_eq!(four.backend_says(at(5), b"2"), Finding::Heartbeat(Some(text(b"3"))));
        assert_eq!(four.0.poll_beat(at(5)), Some(Beat::ToClient(text(b"2"))));
        assert_eq!(four.0.poll_beat(at(25)), Some(Beat::ClientDead));

        let mut three = Ends(EngineIo { version: Version::V3, pace });
        assert_eq!(three.client_says(at(0), b"2probe"), Finding::Other);
        assert_eq!(three.client_says(at(5), b"2"), Finding::Heartbeat(Some(text(b"3"))));
        assert_eq!(three.0.poll_beat(at(5)), Some(Beat::ToBackend(text(b"2"))));
        three.backend_says(at(5), b"3");
        assert_eq!(three.0.next_deadline(), at(30));
    }

    #[test]
    fn what_only_resembles_a_heartbeat_passes() {
        let mut ends = opened("EIO=4");
        for other in [&b"20"[..], b"2probe", b"40", b"", b"0", b"0[]", b"0{\"sid\":1}"] {
            assert_eq!(ends.backend_says(at(1), other), Finding::Other);
            assert_eq!(ends.client_says(at(1), other), Finding::Other);
        }
        assert_eq!(ends.0.handle_message(at(1), Direction::ToClient, MessageKind::Binary, b"2"), Finding::Other);
    }

    #[test]
    fn the_open_packet_of_a_later_backend_is_not_for_the_client() {
        const SLOWER: &[u8] = br#"0{"sid":"y","upgrades":[],"pingInterval":60000,"pingTimeout":20000}"#;

        let mut four = opened("EIO=4");
        four.0.handle_connected();
        assert_eq!(four.backend_says(at(24), SLOWER), Finding::Taken);
        // The client waits by its own clock, the backend pings by its own.
        assert_eq!(four.0.poll_beat(at(25)), Some(Beat::ToClient(text(b"2"))));
        four.client_says(at(25), b"3");
        assert_eq!(four.0.next_deadline(), at(50));
        four.0.poll_beat(at(50));
        four.client_says(at(50), b"3");
        four.0.poll_beat(at(75));
        four.client_says(at(75), b"3");
        assert_eq!(four.backend_says(at(84), b"2"), Finding::Heartbeat(Some(text(b"3"))));

        let mut three = opened("EIO=3");
        three.0.handle_connected();
        assert_eq!(three.backend_says(at(5), SLOWER), Finding::Taken);
        three.client_says(at(25), b"2");
        three.client_says(at(50), b"2");
        assert_eq!(three.0.poll_beat(at(64)), None);
        assert_eq!(three.0.poll_beat(at(65)), Some(Beat::ToBackend(text(b"2"))));
    }

    #[test]
    fn a_message_that_is_long_on_its_way_is_a_sign_of_life() {
        let mut four = opened("EIO=4");
        assert_eq!(four.0.poll_beat(at(25)), Some(Beat::ToClient(text(b"2"))));
        for second in 26..100 {
            four.0.handle_part(at(second), Direction::ToBackend);
            four.0.handle_part(at(second), Direction::ToClient);
            assert_eq!(four.0.poll_beat(at(second)), None);
        }
        assert_eq!(four.0.next_deadline(), at(119));
    }
}
