//! Clients, servers and time as data.

use super::*;
use crate::id::SessionId;

const OPENING: &[u8] = br#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

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
