//! Heartbeats end at the edge, through the real binary: nothing of them reaches the other side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
#[path = "heartbeats/probing.rs"]
mod probing;

use common::backend::Backend;
use common::belay::Belay;
use common::{client, soon};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

const TEXT: &str = "    heartbeat: { answer: [websocket, { text: { ping: ping, pong: pong } }] }\n";

#[tokio::test]
async fn pings_of_the_client_are_answered_here() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, TEXT).await;
    let mut client = client::connect(belay.address, "/").await;
    let mut visit = backend.accept().await;
    client.send(Message::Ping("are you there".into())).await.unwrap();
    let answer = soon("a pong", client.next()).await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong("are you there".into()));
    client.send("ping".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "pong");
    // The first thing that the backend hears is what came after them.
    client.send("hello".into()).await.unwrap();
    assert_eq!(soon("a message", visit.ws.next()).await.unwrap().unwrap(), Message::text("hello"));
    belay.metric_becomes("belay_heartbeats_answered_total", 2.0).await;
}

#[tokio::test]
async fn what_home_made_protocols_say_is_answered_here() {
    let answers = r#"    heartbeat:
      answer:
        - text: { prefix: "ping ", pong: "pong {rest}" }
        - binary: { ping: "09", pong: 0a }
        - json: { match: { cmd: hb }, reply: { cmd: hb_ack, seq: "{seq}", at: "{now:ms}" } }
"#;
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, answers).await;
    let mut client = client::connect(belay.address, "/").await;
    let mut visit = backend.accept().await;
    client.send("ping 42".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "pong 42");
    client.send(Message::binary(vec![9])).await.unwrap();
    assert_eq!(soon("an answer", client.next()).await.unwrap().unwrap(), Message::binary(vec![10]));
    let before = unix_millis();
    client.send(r#"{"seq":7,"cmd":"hb"}"#.into()).await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&client::next_text(&mut client).await).unwrap();
    assert_eq!((&answer["cmd"], &answer["seq"]), (&"hb_ack".into(), &7.into()));
    let at = answer["at"].as_u64().unwrap();
    assert!((before..=unix_millis()).contains(&at), "{at}");
    client.send("pingpong".into()).await.unwrap();
    assert_eq!(visit.text().await, "pingpong");
    belay.metric_becomes("belay_heartbeats_answered_total", 3.0).await;
}

#[tokio::test]
async fn graphql_pings_of_both_sides_end_here() {
    let mut backend = Backend::start().await;
    let belay =
        Belay::in_front_of(backend.address, "    heartbeat: { answer: [{ json: graphql-transport-ws }] }\n").await;
    let mut client = client::connect(belay.address, "/").await;
    let mut visit = backend.accept().await;
    client.send(r#"{"type":"ping","payload":{"n":1}}"#.into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, r#"{"type":"pong","payload":{"n":1}}"#);
    client.send(r#"{"type":"pong"}"#.into()).await.unwrap();
    visit.say(r#"{"type":"ping"}"#).await;
    assert_eq!(visit.text().await, r#"{"type":"pong"}"#);
    let next = r#"{"type":"next","id":"1","payload":{"data":{"type":"ping"}}}"#;
    visit.say(next).await;
    assert_eq!(client::next_text(&mut client).await, next);
    belay.metric_becomes("belay_upstream_pings_answered_total", 1.0).await;
    assert_eq!(belay.metrics().await["belay_messages_accepted_total{direction=\"to_backend\"}"], 0.0);
}

/// Magic, a time, and the CRC-32 that Python's zlib makes of them.
const PACKET: [u8; 13] = [0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0x11, 0xa8, 0x3f, 0x37];

#[tokio::test]
async fn the_classic_packet_is_answered_with_our_time() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, "    heartbeat: { answer: [packet: { magic: 0xBE }] }\n").await;
    let mut client = client::connect(belay.address, "/").await;
    let _visit = backend.accept().await;
    let before = unix_millis();
    client.send(Message::binary(PACKET.to_vec())).await.unwrap();
    let Message::Binary(answer) = soon("an answer", client.next()).await.unwrap().unwrap() else { panic!() };
    assert_eq!((answer.len(), answer[0]), (13, 0xbe));
    let at = u64::from_be_bytes(answer[1..9].try_into().unwrap());
    assert!((before..=unix_millis()).contains(&at), "{at}");
}

#[tokio::test]
async fn a_packet_that_is_not_valid_gets_what_the_route_says() {
    let mut broken = PACKET;
    broken[12] ^= 1;
    for policy in ["ignore", "forward", "close"] {
        let mut backend = Backend::start().await;
        let extra = format!("    heartbeat: {{ malformed: {policy}, answer: [packet: {{ magic: 0xBE }}] }}\n");
        let belay = Belay::in_front_of(backend.address, &extra).await;
        let mut client = client::connect(belay.address, "/").await;
        let mut visit = backend.accept().await;
        client.send(Message::binary(broken.to_vec())).await.unwrap();
        client.send("after".into()).await.unwrap();
        if policy == "close" {
            assert_eq!(client::closed(&mut client).await.map(|(code, _)| code), Some(1008));
        } else {
            if policy == "forward" {
                assert_eq!(
                    soon("the packet", visit.ws.next()).await.unwrap().unwrap(),
                    Message::binary(broken.to_vec())
                );
            }
            assert_eq!(visit.text().await, "after", "{policy}");
        }
        belay.metric_becomes("belay_heartbeats_malformed_total", 1.0).await;
    }
}

#[tokio::test]
async fn a_packet_of_the_backend_s_that_is_not_valid_is_not_held_against_its_client() {
    let mut backend = Backend::start().await;
    let extra = "    heartbeat: { malformed: close, answer: [packet: { magic: 0xBE, from: backend }] }\n";
    let belay = Belay::in_front_of(backend.address, extra).await;
    let mut client = client::connect(belay.address, "/").await;
    let mut visit = backend.accept().await;
    let mut broken = PACKET;
    broken[12] ^= 1;
    visit.ws.send(Message::binary(broken.to_vec())).await.unwrap();
    assert_eq!(client::closed(&mut client).await.map(|(code, _)| code), Some(1011));
    assert_eq!(belay.metrics().await["belay_clients_misbehaved_total"], 0.0);
}

#[tokio::test]
async fn packets_that_are_not_valid_keep_nobody_alive() {
    let mut backend = Backend::start().await;
    let extra = "    heartbeat: { answer: [packet: { magic: 0xBE }], probe: { every: 300ms, timeout: 200ms } }\n";
    let belay = Belay::in_front_of(backend.address, extra).await;
    // It is not read from, so it answers no ping.
    let mut client = client::connect(belay.address, "/").await;
    let _visit = backend.accept().await;
    let mut broken = PACKET;
    broken[12] ^= 1;
    soon("the end", async {
        while belay.metrics().await["belay_clients_dead_total"] < 1.0 {
            let _ = client.send(Message::binary(broken.to_vec())).await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

fn unix_millis() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
}

#[tokio::test]
async fn pings_of_the_backend_are_answered_here() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, TEXT).await;
    let mut client = client::connect(belay.address, "/").await;
    let mut visit = backend.accept().await;
    visit.ws.send(Message::Ping("and you".into())).await.unwrap();
    assert_eq!(soon("a pong", visit.ws.next()).await.unwrap().unwrap(), Message::Pong("and you".into()));
    visit.say("hello").await;
    assert_eq!(soon("a message", client.next()).await.unwrap().unwrap(), Message::text("hello"));
    belay.metric_becomes("belay_upstream_pings_answered_total", 1.0).await;
}

#[tokio::test]
async fn a_route_may_pass_pings_on() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, "    heartbeat: { answer: [] }\n").await;
    let mut client = client::connect(belay.address, "/").await;
    let mut visit = backend.accept().await;
    client.send(Message::Ping("through".into())).await.unwrap();
    assert_eq!(soon("a ping", visit.ws.next()).await.unwrap().unwrap(), Message::Ping("through".into()));
    visit.ws.flush().await.unwrap();
    assert_eq!(soon("its pong", client.next()).await.unwrap().unwrap(), Message::Pong("through".into()));
}

#[tokio::test]
async fn a_client_that_answers_no_probe_is_gone_and_the_backend_sees_it() {
    let mut backend = Backend::start().await;
    let probe = "    heartbeat: { probe: { every: 3s, timeout: 3s } }\n";
    let belay = Belay::in_front_of(backend.address, probe).await;
    // Read from, it would answer pings.
    let silent = client::connect(belay.address, "/").await;
    let mut living = client::connect(belay.address, "/").await;
    let mut visits = [backend.accept().await, backend.accept().await];
    let reading = tokio::spawn(async move { while living.next().await.is_some() {} });
    let [a, b] = &mut visits;
    tokio::select! {
        closed = client::closed(&mut a.ws) => assert_eq!(closed, None),
        closed = client::closed(&mut b.ws) => assert_eq!(closed, None),
    }
    belay.metric_becomes("belay_clients_dead_total", 1.0).await;
    belay.metric_becomes("belay_sessions", 1.0).await;
    reading.abort();
    drop(silent);
}
