//! Heartbeats end at the edge, through the real binary: nothing of them reaches the other side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

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
    assert_eq!(belay.metrics().await["belay_heartbeats_answered_total"], 2.0);
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
    assert_eq!(belay.metrics().await["belay_upstream_pings_answered_total"], 1.0);
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
    let probe = "    heartbeat: { probe: { every: 200ms, timeout: 100ms } }\n";
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
    let metrics = belay.metrics().await;
    assert_eq!(metrics["belay_clients_dead_total"], 1.0);
    assert_eq!(metrics["belay_sessions"], 1.0);
    reading.abort();
    drop(silent);
}
