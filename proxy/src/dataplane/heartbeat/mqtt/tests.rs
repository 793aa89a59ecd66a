//! A client, a broker and the time between their packets.

use super::*;

/// A client of 3.1.1 called `c`, with a keep-alive of 60 s.
const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";
/// `hi` to `t`.
const PUBLISH: &[u8] = b"\x30\x05\x00\x01thi";

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn pingresp() -> Message {
    Message { kind: MessageKind::Binary, payload: PINGRESP.into() }
}

fn pingreq() -> Beat {
    Beat::ToBackend(Message { kind: MessageKind::Binary, payload: PINGREQ.into() })
}

fn rewritten(payload: &[u8]) -> Finding {
    Finding::Rewritten { payload: payload.into(), answer: None }
}

struct Ends(Mqtt);

impl Ends {
    fn new() -> Self {
        Self(Mqtt::new(1_000))
    }

    /// The client has connected at 0, by these.
    fn connected(connect: &[u8], connack: &[u8]) -> Self {
        let mut ends = Self::new();
        ends.0.handle_opened(at(0));
        assert_eq!(ends.client_says(at(0), connect), Finding::Other);
        assert_eq!(ends.broker_says(at(0), connack), Finding::Other);
        ends
    }

    /// What the client says goes on if it is passed.
    fn client_says(&mut self, now: Instant, bytes: &[u8]) -> Finding {
        let finding = self.0.handle_message(now, Direction::ToBackend, MessageKind::Binary, bytes);
        if matches!(finding, Finding::Other | Finding::Rewritten { .. }) {
            self.0.handle_sent(now, Direction::ToBackend);
        }
        finding
    }

    fn broker_says(&mut self, now: Instant, bytes: &[u8]) -> Finding {
        self.0.handle_message(now, Direction::ToClient, MessageKind::Binary, bytes)
    }
}

#[test]
fn each_side_is_kept_alive_and_no_ping_crosses() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    for round in 1..4_000 {
        let now = at(45 * round);
        assert_eq!(ends.client_says(now, &PINGREQ), Finding::Heartbeat(Some(pingresp())));
        assert_eq!(ends.0.next_deadline(), now);
        assert_eq!(ends.0.poll_beat(now), Some(pingreq()));
        assert_eq!(ends.broker_says(now, &PINGRESP), Finding::Taken);
        assert_eq!(ends.0.poll_beat(now), None);
    }
}

#[test]
fn a_broker_that_hears_other_things_is_not_pinged() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    for round in 1..100 {
        assert_eq!(ends.client_says(at(40 * round), PUBLISH), Finding::Other);
        assert_eq!(ends.0.poll_beat(at(40 * round + 39)), None);
    }
}

#[test]
fn a_client_silent_for_one_and_a_half_times_its_keep_alive_is_dead() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    ends.client_says(at(10), PUBLISH);
    ends.0.poll_beat(at(55));
    ends.broker_says(at(55), &PINGRESP);
    assert_eq!(ends.0.poll_beat(at(99)), None);
    assert_eq!(ends.0.poll_beat(at(100)), Some(Beat::ClientDead));
}

#[test]
fn a_broker_that_does_not_answer_is_lost_until_another_stands_in() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    assert_eq!(ends.0.poll_beat(at(45)), Some(pingreq()));
    assert_eq!(ends.0.poll_beat(at(54)), None);
    assert_eq!(ends.0.poll_beat(at(55)), Some(Beat::BackendDead));
    ends.client_says(at(60), &PINGREQ);
    // Of no use, as nobody hears it.
    assert_eq!(ends.0.poll_beat(at(90)), Some(pingreq()));
    ends.0.handle_connected();
    assert_eq!(ends.0.poll_beat(at(134)), None);
    assert_eq!(ends.0.poll_beat(at(135)), Some(pingreq()));
}

#[test]
fn a_client_that_does_not_connect_in_time_is_let_go() {
    let mut ends = Ends::new();
    ends.0.handle_opened(at(0));
    // A byte now and then does not help.
    assert_eq!(ends.client_says(at(20), &CONNECT[..3]), Finding::Taken);
    assert_eq!(ends.0.poll_beat(at(29)), None);
    assert_eq!(ends.0.poll_beat(at(30)), Some(Beat::ClientDead));
}

#[test]
fn without_a_keep_alive_nobody_is_pinged_or_dead_and_pings_are_answered() {
    let mut ends = Ends::connected(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c", CONNACK);
    assert_eq!(ends.0.next_deadline(), Instant::NEVER);
    assert_eq!(ends.client_says(at(7), &PINGREQ), Finding::Heartbeat(Some(pingresp())));
    assert_eq!(ends.0.next_deadline(), Instant::NEVER);
}

#[test]
fn in_version_5_the_broker_has_the_last_word() {
    let connect = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c";
    // Session expiry, a user property, Server Keep Alive of 10 s, and a reason.
    let connack = b"\x20\x1a\x00\x00\x17\x11\x00\x00\x00\x05\x26\x00\x01a\x00\x02bc\x13\x00\x0a\x1f\x00\x02ok\x28\x01";
    let mut ends = Ends::connected(connect, connack);
    assert_eq!(ends.0.poll_beat(at(7)), None);
    assert_eq!(ends.0.poll_beat(at(8)), Some(pingreq()));
    ends.broker_says(at(8), &PINGRESP);
    assert_eq!(ends.0.poll_beat(at(15)), Some(Beat::ClientDead));

    let without = Ends::connected(connect, b"\x20\x03\x00\x00\x00");
    assert_eq!(without.0.next_deadline(), at(45));
}

#[test]
fn a_ping_among_other_packets_is_taken_out() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    let finding = ends.client_says(at(1), &[PUBLISH, &PINGREQ, PUBLISH, &PINGREQ].concat());
    let answer = Message { kind: MessageKind::Binary, payload: [PINGRESP, PINGRESP].concat() };
    assert_eq!(finding, Finding::Rewritten { payload: [PUBLISH, PUBLISH].concat(), answer: Some(answer) });
    assert_eq!(ends.broker_says(at(1), &[&PINGRESP, PUBLISH].concat()), rewritten(PUBLISH));
}

#[test]
fn packets_pass_whole_however_they_are_cut() {
    let sent = [CONNECT, PUBLISH, &PINGREQ, PUBLISH].concat();
    for cut in 1..sent.len() {
        for second_cut in cut..sent.len() {
            let mut ends = Ends::new();
            let (mut passed, mut answered) = (Vec::new(), 0);
            for part in [&sent[..cut], &sent[cut..second_cut], &sent[second_cut..]] {
                let (payload, answer) = match ends.client_says(at(0), part) {
                    Finding::Other => (part.to_vec(), None),
                    Finding::Rewritten { payload, answer } => (payload, answer),
                    Finding::Heartbeat(answer) => (Vec::new(), answer),
                    Finding::Taken => (Vec::new(), None),
                    other => panic!("{other:?}"),
                };
                answered += answer.map_or(0, |answer| answer.payload.len() / PINGRESP.len());
                passed.extend(payload);
                let mut rest = &passed[..];
                while let Next::Packet(_, after) = packet::next(rest) {
                    rest = after;
                }
                assert!(rest.is_empty(), "cut at {cut} and {second_cut}");
            }
            assert_eq!(passed, [CONNECT, PUBLISH, PUBLISH].concat(), "cut at {cut} and {second_cut}");
            assert_eq!(answered, 1);
        }
    }
}

#[test]
fn what_a_lost_broker_had_begun_to_say_is_forgotten() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    assert_eq!(ends.broker_says(at(1), &[PUBLISH, &PUBLISH[..3]].concat()), rewritten(PUBLISH));
    ends.0.handle_connected();
    assert_eq!(ends.broker_says(at(2), CONNACK), Finding::Other);
}

#[test]
fn a_client_that_says_goodbye_is_let_go() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    assert_eq!(ends.client_says(at(1), b"\xe0\x00"), Finding::Other);
    assert_eq!(ends.0.poll_beat(at(1)), Some(Beat::ClientLeft));
}

#[test]
fn a_broker_that_shuts_down_does_not_say_so_to_a_client_that_is_held() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    assert_eq!(ends.broker_says(at(1), b"\xe0\x01\x8b"), Finding::Taken);
    // Another client has taken over its session: that it should know.
    assert_eq!(ends.broker_says(at(1), b"\xe0\x01\x8e"), Finding::Other);
}

#[test]
fn what_is_no_ping_though_it_says_so_is_malformed() {
    let mut ends = Ends::connected(CONNECT, CONNACK);
    assert_eq!(ends.client_says(at(1), b"\xc1\x00"), Finding::Malformed);
    assert_eq!(ends.client_says(at(1), b"\xc0\x01\x00"), Finding::Malformed);
    assert_eq!(ends.broker_says(at(1), b"\xd2\x00"), Finding::Malformed);
}

#[test]
fn what_is_no_mqtt_is_unreadable() {
    for bytes in [
        &b"\x00\x00"[..],
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30\xff\xff\xff\x7f",
        b"\x10\x02\x00\x00\xc1\x00",
        &[PUBLISH, b"\xc0\x01\x00"].concat(),
    ] {
        assert_eq!(Ends::new().client_says(at(0), bytes), Finding::Unreadable, "{bytes:x?}");
    }
    let text = Ends::new().0.handle_message(at(0), Direction::ToBackend, MessageKind::Text, b"0\x05");
    assert_eq!(text, Finding::Unreadable);
    assert_eq!(Ends::new().client_says(at(0), b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x3c\x00\x01c"), Finding::Malformed);
}
