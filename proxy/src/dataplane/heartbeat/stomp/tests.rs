//! Client, broker and time as data.

use std::time::Duration;

use super::*;
use crate::dataplane::message::Message;

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn connect(offer: &str) -> Vec<u8> {
    format!("CONNECT\naccept-version:1.1,1.2\nhost:/\nheart-beat:{offer}\n\n\0").into_bytes()
}

fn connected(offer: &str) -> Vec<u8> {
    format!("CONNECTED\nversion:1.2\nheart-beat:{offer}\nserver:test\n\n\0").into_bytes()
}

fn beat() -> Message {
    Message::text("\n")
}

impl Stomp {
    fn client_says(&mut self, now: Instant, payload: &[u8]) -> Finding {
        self.handle_message(now, Direction::ToBackend, MessageKind::Text, payload)
    }

    fn broker_says(&mut self, now: Instant, payload: &[u8]) -> Finding {
        self.handle_message(now, Direction::ToClient, MessageKind::Text, payload)
    }
}

fn agreed(client: &str, broker: &str) -> Stomp {
    let mut stomp = Stomp::default();
    assert_eq!(stomp.client_says(at(0), &connect(client)), Finding::Other);
    assert_eq!(stomp.broker_says(at(0), &connected(broker)), Finding::Other);
    stomp
}

#[test]
fn beats_of_either_side_end_here_and_both_are_sent_ours() {
    let mut stomp = agreed("4000,4000", "4000,4000");
    for round in 1..4_000 {
        let now = at(3 * round);
        assert_eq!(stomp.next_deadline(), now);
        assert_eq!(stomp.poll_beat(now), Some(Beat::ToClient(beat())));
        assert_eq!(stomp.poll_beat(now), Some(Beat::ToBackend(beat())));
        assert_eq!(stomp.poll_beat(now), None);
        assert_eq!(stomp.client_says(now, b"\n"), Finding::Heartbeat(None));
        assert_eq!(stomp.broker_says(now, b"\r\n"), Finding::Heartbeat(None));
    }
}

#[test]
fn each_way_has_the_larger_of_what_one_offers_and_the_other_wants() {
    // The client sends every 4 s and hears every 20 s.
    let mut stomp = agreed("4000,8000", "20000,2000");
    assert_eq!(stomp.poll_beat(at(3)), Some(Beat::ToBackend(beat())));
    assert_eq!(stomp.poll_beat(at(3)), None);
    stomp.client_says(at(3), b"\n");
    // 3 s and 4 s, and half of that.
    assert_eq!(stomp.poll_beat(at(6)), Some(Beat::ToBackend(beat())));
    assert_eq!(stomp.poll_beat(at(8)), None);
    assert_eq!(stomp.poll_beat(at(9)), Some(Beat::ClientDead));
}

#[test]
fn whoever_was_sent_something_gets_no_beat_yet() {
    let mut stomp = agreed("0,4000", "4000,0");
    stomp.handle_sent(at(2), Direction::ToClient);
    stomp.broker_says(at(4), b"\n");
    assert_eq!(stomp.poll_beat(at(4)), None);
    assert_eq!(stomp.poll_beat(at(5)), Some(Beat::ToClient(beat())));
}

#[test]
fn silence_beyond_a_promise_and_its_error_is_death() {
    let mut stomp = agreed("10000,10000", "10000,10000");
    stomp.client_says(at(10), b"\n");
    stomp.broker_says(at(4), b"MESSAGE\n\n\0");
    while stomp.poll_beat(at(18)).is_some() {}
    assert_eq!(stomp.poll_beat(at(19)), Some(Beat::BackendDead));
    stomp.handle_part(at(20), Direction::ToBackend);
    while stomp.poll_beat(at(34)).is_some() {}
    assert_eq!(stomp.poll_beat(at(35)), Some(Beat::ClientDead));
}

#[test]
fn what_a_broker_does_not_offer_is_offered_here() {
    let given = |answer: &[u8]| {
        let mut stomp = Stomp::default();
        stomp.client_says(at(0), &connect("4000,500"));
        (stomp.broker_says(at(0), answer), stomp)
    };
    let rewritten = |text: &str| Finding::Rewritten { payload: text.as_bytes().to_vec(), answer: None };

    let (finding, mut stomp) = given(b"CONNECTED\nversion:1.2\nheart-beat:0,0\nserver:test\n\n\0");
    assert_eq!(finding, rewritten("CONNECTED\nversion:1.2\nheart-beat:1000,4000\nserver:test\n\n\0"));
    assert_eq!(stomp.poll_beat(at(1)), Some(Beat::ToClient(beat())));
    assert_eq!(stomp.client_says(at(1), b"\n"), Finding::Heartbeat(None));
    assert_eq!(stomp.poll_beat(at(1)), None);

    let (finding, _) = given(b"CONNECTED\r\nversion:1.1\r\n\r\n\0");
    assert_eq!(finding, rewritten("CONNECTED\r\nheart-beat:1000,4000\nversion:1.1\r\n\r\n\0"));
    let (finding, _) = given(b"CONNECTED\nversion:1.1\nheart-beat:0,7000\n\n\0");
    assert_eq!(finding, rewritten("CONNECTED\nversion:1.1\nheart-beat:1000,7000\n\n\0"));
}

#[test]
fn without_an_agreement_nothing_is_touched() {
    let none = [
        (&b"CONNECT\naccept-version:1.2\n\n\0"[..], &b"CONNECTED\nversion:1.2\nheart-beat:9,9\n\n\0"[..]),
        (b"CONNECT\nheart-beat:0,0\n\n\0", b"CONNECTED\nversion:1.2\nheart-beat:9,9\n\n\0"),
        (b"CONNECT\nheart-beat:5000, 5000\n\n\0", b"CONNECTED\nversion:1.2\nheart-beat:9,9\n\n\0"),
        (b"CONNECT\nheart-beat:5000\n\n\0", b"CONNECTED\nversion:1.2\nheart-beat:9,9\n\n\0"),
        (b"CONNECT\nheart-beat:5000,5000\n\n\0", b"CONNECTED\nversion:1.2\nheart-beat:-9,9\n\n\0"),
        (b"CONNECT\nheart-beat:5000,5000\n\n\0", b"CONNECTED\nversion:1.2\nheart-beat:9,1234567890\n\n\0"),
        (b"CONNECT\nheart-beat:5000,5000\n\n\0", b"CONNECTED\nheart-beat:9,9\n\n\0"),
        (b"CONNECT\nheart-beat:5000,5000\n\n\0", b"CONNECTED\nversion:1.0\nheart-beat:9,9\n\n\0"),
        (b"CONNECT\nheart-beat:5000,5000\n\n\0", b"ERROR\nversion:1.2\n\nno\0"),
        (b"CONNECT\nheart-beat:5000,5000", b"CONNECTED\nversion:1.2\nheart-beat:9,9\n\n\0"),
        (b"SEND\nheart-beat:5000,5000\n\n\0", b"CONNECTED\nversion:1.2\nheart-beat:9,9\n\n\0"),
    ];
    for (client, broker) in none {
        let mut stomp = Stomp::default();
        for (direction, payload) in [
            (Direction::ToBackend, client),
            (Direction::ToClient, broker),
            (Direction::ToBackend, b"\n"),
            (Direction::ToClient, b"\n"),
        ] {
            let finding = stomp.handle_message(at(0), direction, MessageKind::Text, payload);
            assert_eq!(finding, Finding::Other, "{}", String::from_utf8_lossy(client));
        }
        assert_eq!(stomp.next_deadline(), Instant::NEVER);
    }
}

#[test]
fn a_head_that_is_too_long_is_not_read() {
    let mut stomp = Stomp::default();
    let long = [b"CONNECT\nheart-beat:5000,5000\nlogin:".as_slice(), &[b'x'; 9_000], b"\n\n\0"].concat();
    stomp.client_says(at(0), &long);
    stomp.broker_says(at(0), &connected("5000,5000"));
    assert_eq!(stomp.next_deadline(), Instant::NEVER);
}

#[test]
fn the_first_of_two_headers_counts() {
    let mut stomp = Stomp::default();
    stomp.client_says(at(0), b"STOMP\nheart-beat:4000,0\nheart-beat:0,0\n\n\0");
    stomp.broker_says(at(0), &connected("0,4000"));
    assert_eq!(stomp.poll_beat(at(3)), Some(Beat::ToBackend(beat())));
}

#[test]
fn a_later_broker_has_an_agreement_of_its_own() {
    let mut stomp = agreed("4000,4000", "4000,4000");
    stomp.handle_connected();
    stomp.client_says(at(3), b"\n");
    assert_eq!(stomp.poll_beat(at(3)), Some(Beat::ToClient(beat())));
    assert_eq!(stomp.poll_beat(at(3)), None);
    assert_eq!(stomp.broker_says(at(4), &connected("0,40000")), Finding::Other);
    stomp.client_says(at(6), b"\n");
    assert_eq!(stomp.poll_beat(at(6)), Some(Beat::ToClient(beat())));
    for second in 7..=33 {
        stomp.client_says(at(second), b"\n");
        while let Some(beat) = stomp.poll_beat(at(second)) {
            assert!(matches!(beat, Beat::ToClient(_)));
        }
    }
    stomp.client_says(at(34), b"\n");
    stomp.handle_sent(at(34), Direction::ToClient);
    assert_eq!(stomp.poll_beat(at(34)), Some(Beat::ToBackend(beat())));
}
