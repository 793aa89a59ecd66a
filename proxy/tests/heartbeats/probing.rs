//! Adaptive probes through the real binary: what they learn, and that it is kept.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;

use crate::common::backend::Backend;
use crate::common::belay::{Belay, route_to};
use crate::common::{client, ports, raw, soon};

const LEARNING: &str = "    heartbeat:
      probe: { every: adaptive, min: 100ms, max: 1s, detect_within: 5s, group: { header: x-carrier } }\n";

/// What is known of the one network that there is.
async fn known(belay: &Belay) -> Option<Value> {
    let (status, text) = soon("what is known", belay.get("/heartbeats")).await.unwrap();
    assert_eq!(status, 200, "{text}");
    let known: Value = serde_json::from_str(&text).unwrap();
    known["networks"].get(0).cloned()
}

fn safe_silence(network: Option<&Value>) -> f64 {
    network.and_then(|network| network["safe_silence_s"].as_f64()).unwrap_or_default()
}

#[tokio::test]
async fn what_is_learned_is_read_at_the_admin_port_and_survives_a_restart() {
    let mut backend = Backend::start().await;
    let yaml = route_to(backend.address, LEARNING) + "networks: { learned: learned.json }\ndrain: { over: 0s }\n";
    let mut belay = Belay::start(&yaml).await;
    assert_eq!(known(&belay).await, None);
    let mut client = client::open(belay.address, "/", "X-Carrier: one\r\n").await.unwrap().0.unwrap();
    let mut visit = backend.accept().await;
    let answering = tokio::spawn(async move { while client.next().await.is_some() {} });
    let closing = tokio::spawn(async move { while visit.ws.next().await.is_some() {} });
    let network = soon("something learned", async {
        loop {
            let network = known(&belay).await;
            if safe_silence(network.as_ref()) >= 0.2 {
                return network.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!((&network["network"], &network["sessions"]), (&"x-carrier=one".into(), &1.into()), "{network}");
    belay.terminate();
    belay.ended().await;
    answering.abort();
    closing.abort();

    let learned = std::fs::read_to_string(belay.folder.join("learned.json")).unwrap();
    assert!(!belay.folder.join("learned.json.new").exists());
    let again = Belay::start_with(&yaml, |command| {
        std::fs::write(command.get_current_dir().unwrap().join("learned.json"), &learned).unwrap();
    })
    .await;
    let kept = known(&again).await;
    assert!(safe_silence(kept.as_ref()) >= safe_silence(Some(&network)), "{kept:?} after {network}");

    let damaged = Belay::start_with(&yaml, |command| {
        let half = &learned[..learned.len() / 2];
        std::fs::write(command.get_current_dir().unwrap().join("learned.json"), half).unwrap();
    })
    .await;
    assert_eq!(known(&damaged).await, None);
    damaged.log_with("what was learned of networks is ignored").await;
}

#[tokio::test]
async fn an_adaptive_probe_finds_the_dead_in_time_and_leaves_the_living() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, LEARNING).await;
    let mut living = client::connect(belay.address, "/").await;
    let _visit = backend.accept().await;
    let answering = tokio::spawn(async move { while living.next().await.is_some() {} });
    // Read from, it would answer pings.
    let begun = Instant::now();
    let dead = client::connect(belay.address, "/").await;
    let mut visit = backend.accept().await;
    assert_eq!(client::closed(&mut visit.ws).await, None);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    belay.metric_becomes("belay_clients_dead_total", 1.0).await;
    belay.metric_becomes("belay_probes_missed_total", 2.0).await;
    belay.metric_reaches("belay_probes_answered_total", 1.0).await;
    belay.metric_becomes("belay_sessions", 1.0).await;
    answering.abort();
    drop(dead);
}

#[tokio::test]
async fn raw_tcp_clients_are_asked_by_a_message_and_expected_to_speak() {
    let listener = raw::listen(ports::free());
    let extra = "    heartbeat: { probe: { every: 2s, timeout: 2s, message: THERE? }, expect: 20s }\n";
    let belay = raw::in_front_of("lines", listener.local_addr().unwrap(), extra).await;
    let mut client = raw::Line::connect(belay.address).await;
    let mut backend = raw::Line::accept(&listener).await;
    for _ in 0..3 {
        assert_eq!(client.line().await, "THERE?");
        client.say("YES").await;
        assert_eq!(backend.line().await, "YES");
    }
    // Then it says nothing any more.
    assert_eq!(backend.rest().await, "");
    belay.metric_reaches("belay_probes_answered_total", 2.0).await;
    belay.metric_becomes("belay_clients_dead_total", 1.0).await;
    assert_eq!(belay.metrics().await["belay_clients_silent_total"], 0.0);

    let extra = "    heartbeat: { probe: off, expect: 300ms }\n";
    let belay = raw::in_front_of("lines", listener.local_addr().unwrap(), extra).await;
    let _client = raw::Line::connect(belay.address).await;
    let mut backend = raw::Line::accept(&listener).await;
    assert_eq!(backend.rest().await, "");
    belay.metric_becomes("belay_clients_silent_total", 1.0).await;
    assert_eq!(belay.metrics().await["belay_probes_sent_total"], 0.0);
}
