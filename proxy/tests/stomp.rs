//! STOMP's heart-beats at the edge, between stomp.py and RabbitMQ, over TCP and over WebSocket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod common;

#[path = "stomp/peers.rs"]
mod peers;
#[path = "stomp/tap.rs"]
mod tap;

use std::time::Duration;

use common::belay::Belay;
use common::puppet::Puppet;
use common::{raw, soon};
use peers::{Broker, Way, clients};
use tap::Tap;

const CROWD: u32 = 10;
const EDGE: &str = "    heartbeat: { answer: [stomp], probe: off }\n    hold: off\n";
/// A broker that came back is told who the client is and what it has subscribed to.
const HELD: &str = "    heartbeat: { answer: [stomp], probe: off }
    hold: { for: 5m, redial: { backoff: fixed, every: 100ms }, replay: { first: 2, swallow: 1 } }
";

/// Until this holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    soon(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

async fn metric(belay: &Belay, name: &str) -> u64 {
    belay.metrics().await[name] as u64
}

/// Messages that Belay took from either side to bring them to the other.
async fn crossed(belay: &Belay) -> [u64; 2] {
    [
        metric(belay, "belay_messages_accepted_total{direction=\"to_backend\"}").await,
        metric(belay, "belay_messages_accepted_total{direction=\"to_client\"}").await,
    ]
}

/// Heart-beats that Belay has sent of its own.
async fn sent(belay: &Belay) -> [u64; 2] {
    [
        metric(belay, "belay_heartbeats_sent_total{direction=\"to_backend\"}").await,
        metric(belay, "belay_heartbeats_sent_total{direction=\"to_client\"}").await,
    ]
}

async fn beats(clients: &mut Puppet) -> u64 {
    clients.does("count");
    clients.next().await.parse().unwrap()
}

/// One of the crowd says something, and each hears it.
async fn is_heard(clients: &mut Puppet, crowd: u32, text: &str) {
    clients.does(&format!("say {text}"));
    for _ in 0..crowd {
        clients.sees(&format!("heard {text}")).await;
    }
}

#[tokio::test]
async fn no_heart_beat_crosses_and_a_client_that_dies_is_reported() {
    let test = "no_heart_beat_crosses_and_a_client_that_dies_is_reported";
    let Some(broker) = Broker::start(test).await else { return };
    over_tcp(test, &broker).await;
    over_websocket(test, &broker).await;
}

/// With a tap on either side of Belay.
async fn over_tcp(test: &str, broker: &Broker) {
    let far = Tap::before(broker.tcp);
    let belay = raw::in_front_of("stomp", far.address, EDGE).await;
    let near = Tap::before(belay.address);
    let Some(mut crowd) = clients(test, Way::Tcp, near.address, CROWD).await else { return };
    let first_frames = [2 * u64::from(CROWD), u64::from(CROWD)];
    until("the first frames", async || crossed(&belay).await == first_frames).await;

    until("heart-beats", async || far.to_backend().min(near.to_client()) >= 80).await;
    // What either end is sent is ours to the last line end.
    let heard = [far.to_backend(), near.to_client()];
    let ours = sent(&belay).await;
    assert!(heard[0] <= ours[0] && heard[1] <= ours[1], "{heard:?} of {ours:?}");
    let theirs = [near.to_backend(), far.to_client()];
    assert!(theirs.iter().all(|&count| count >= 20), "both ends beat too: {theirs:?}");
    assert_eq!(crossed(&belay).await, first_frames);
    assert_eq!(belay.metrics().await["belay_clients_dead_total"], 0.0);
    println!("clients sent {} line ends and the broker {}, none crossed; {ours:?} were ours", theirs[0], theirs[1]);
    is_heard(&mut crowd, CROWD, "hello").await;

    crowd.freeze();
    let begun = far.to_backend();
    until("the end of every client", async || far.ended() == u64::from(CROWD)).await;
    assert!(far.to_backend() >= begun + u64::from(CROWD), "the broker heard of them until then");
    belay.metric_becomes("belay_clients_dead_total", f64::from(CROWD)).await;
}

async fn over_websocket(test: &str, broker: &Broker) {
    let belay = Belay::in_front_of(broker.websocket, EDGE).await;
    let Some(mut crowd) = clients(test, Way::WebSocket, belay.address, CROWD).await else { return };
    let first_frames = [2 * u64::from(CROWD), u64::from(CROWD)];
    until("the first frames", async || crossed(&belay).await == first_frames).await;
    until("heart-beats", async || {
        let ours = sent(&belay).await;
        ours[0].min(ours[1]) >= 80 && beats(&mut crowd).await >= 40
    })
    .await;
    assert_eq!(crossed(&belay).await, first_frames);
    is_heard(&mut crowd, CROWD, "hello").await;

    crowd.freeze();
    belay.metric_becomes("belay_sessions", 0.0).await;
    belay.metric_becomes("belay_clients_dead_total", f64::from(CROWD)).await;
}

#[tokio::test]
async fn clients_outlive_a_broker_that_stalls_and_one_that_is_restarted() {
    let test = "clients_outlive_a_broker_that_stalls_and_one_that_is_restarted";
    let Some(mut broker) = Broker::start(test).await else { return };
    let belay = raw::in_front_of("stomp", broker.tcp, HELD).await;
    let Some(mut client) = clients(test, Way::Tcp, belay.address, 1).await else { return };
    is_heard(&mut client, 1, "before").await;

    broker.freeze();
    until("the loss of the broker", async || metric(&belay, "belay_holds_total").await >= 1).await;
    let begun = beats(&mut client).await;
    until("heart-beats", async || beats(&mut client).await >= begun + 3).await;
    client.does("say meanwhile");
    broker.thaw();
    client.sees("heard meanwhile").await;

    let holds = metric(&belay, "belay_holds_total").await;
    broker.kill();
    until("the loss of the broker", async || metric(&belay, "belay_holds_total").await > holds).await;
    client.does("say later");
    let begun = beats(&mut client).await;
    broker.restart().await;
    client.sees("heard later").await;
    assert!(beats(&mut client).await >= begun + 3);
    is_heard(&mut client, 1, "after").await;
}
