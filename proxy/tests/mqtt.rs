//! MQTT between real devices (Eclipse Paho) and a real broker (Mosquitto), 3.1.1 and 5, over WebSocket and over TCP. What
//! crosses is read from the broker's own log.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "helpers of tests")]

mod common;

#[path = "mqtt/broker.rs"]
mod broker;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use broker::Broker;
use common::belay::Belay;
use common::puppet::Puppet;
use common::{soon, tools};
use futures_util::future::join_all;
use tokio::time::sleep;

/// What carries MQTT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Transport {
    WebSocket,
    Tcp,
}

/// One way to speak it.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    transport: Transport,
    version: u8,
}

const DIALECTS: [Dialect; 4] = [
    Dialect { transport: Transport::WebSocket, version: 3 },
    Dialect { transport: Transport::WebSocket, version: 5 },
    Dialect { transport: Transport::Tcp, version: 3 },
    Dialect { transport: Transport::Tcp, version: 5 },
];

/// What the broker keeps of a device that is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Session {
    Clean,
    Kept,
}

/// In seconds. We ping the broker after one and a half, and the device counts as dead after three.
const KEEP_ALIVE: u16 = 2;

impl Dialect {
    async fn belay(self, broker: &Broker) -> Belay {
        let policy = "heartbeat: { answer: [websocket, mqtt] }\n    \
                      hold: { replay: { first: 1, swallow: 1 }, redial: { backoff: fixed, every: 50ms } }\n";
        let (listener, backend) = match self.transport {
            Transport::WebSocket => (String::new(), format!("ws://{}", broker.websocket)),
            Transport::Tcp => {
                let raw = "    name: mqtt\n    protocol: tcp\n    framer: mqtt\n".to_owned();
                (raw, format!("tcp://{}", broker.tcp))
            }
        };
        let condition = if self.transport == Transport::Tcp { "    match: { listener: mqtt }\n" } else { "" };
        Belay::start(&format!(
            "listeners:\n  - address: {{listen}}\n{listener}admin:\n  address: {{admin}}\n\
             routes:\n  - backend: {backend}\n{condition}    {policy}"
        ))
        .await
    }

    /// A device that connects to this port; nothing, said aloud, if there is no Paho.
    fn device(self, test: &str, name: &str, port: u16, session: Session) -> Option<Puppet> {
        let mut python = Command::new(tools::python(test, &["paho.mqtt.client"])?);
        python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mqtt/device.py"));
        python.arg(match self.transport {
            Transport::WebSocket => "websockets",
            Transport::Tcp => "tcp",
        });
        python.arg(port.to_string()).arg(self.version.to_string()).arg(name).arg(KEEP_ALIVE.to_string());
        python.arg(if session == Session::Clean { "clean" } else { "kept" }).arg("wills");
        Some(Puppet::start(&mut python))
    }
}

/// The same story in each dialect, at once, since most of it is waiting.
async fn in_every_dialect(story: impl AsyncFn(Dialect)) {
    join_all(DIALECTS.map(|dialect| story(dialect))).await;
}

/// Waits for what the broker's log is to say.
async fn until(said: impl Fn() -> bool) {
    soon("a line in the broker's log", async {
        while !said() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Someone who is connected to the broker itself, and hears what is published.
async fn witness(test: &str, broker: &Broker, topic: &str) -> Option<Puppet> {
    let dialect = Dialect { transport: Transport::Tcp, version: 3 };
    let mut witness = dialect.device(test, "witness", broker.tcp.port(), Session::Clean)?;
    witness.sees("connected anew success").await;
    witness.does(&format!("subscribe {topic}"));
    witness.sees("subscribed").await;
    Some(witness)
}

#[tokio::test]
async fn both_sides_are_kept_alive_and_the_broker_hears_none_of_the_devices_pings() {
    let test = "both_sides_are_kept_alive_and_the_broker_hears_none_of_the_devices_pings";
    in_every_dialect(async |dialect| {
        let Some(broker) = Broker::start(test).await else { return };
        let belay = dialect.belay(&broker).await;
        let Some(mut device) = dialect.device(test, "device", belay.address.port(), Session::Clean) else { return };
        device.sees("connected anew success").await;
        device.sees_nothing_for(Duration::from_secs(5)).await;
        device.does("subscribe a/b");
        device.sees("subscribed").await;
        // A broker counts whatever it hears: while the device talks it is pinged by nobody.
        let (before, begun) = (broker.count("Received PINGREQ from device"), Instant::now());
        for number in 0..8 {
            sleep(Duration::from_millis(250)).await;
            device.does(&format!("publish a/b {number}"));
            let mut seen = [device.next().await, device.next().await];
            seen.sort();
            assert_eq!(seen, [format!("heard a/b {number}"), "published".to_owned()], "{dialect:?}");
        }
        // Or by us, if the machine stood still.
        let stood_still = begun.elapsed().saturating_sub(Duration::from_secs(2)).as_secs() as usize;
        assert!(broker.count("Received PINGREQ from device") <= before + 1 + stood_still, "{dialect:?}");

        let metrics = belay.metrics().await;
        let (answered, ours) = (metrics["belay_heartbeats_answered_total"], metrics[SENT]);
        assert!(answered >= 2.0, "{dialect:?}: {answered} answered");
        assert!(ours >= 3.0, "{dialect:?}: {ours} of ours");
        // The broker hears all of ours, and nothing else: it may have heard one more by the time that it is asked.
        until(|| broker.count("Received PINGREQ from device") as f64 >= ours).await;
        let heard = broker.count("Received PINGREQ from device") as f64;
        assert!(heard <= belay.metrics().await[SENT], "{dialect:?}: {heard}");
        device.does("disconnect");
        device.sees("disconnected normal disconnection").await;
        until(|| broker.count("Received DISCONNECT from device") == 1).await;
        assert_eq!(belay.metrics().await["belay_clients_dead_total"], 0.0, "{dialect:?}");
    })
    .await;
}

#[tokio::test]
async fn a_device_that_freezes_is_found_dead_and_its_will_is_published() {
    let test = "a_device_that_freezes_is_found_dead_and_its_will_is_published";
    in_every_dialect(async |dialect| {
        let Some(broker) = Broker::start(test).await else { return };
        let belay = dialect.belay(&broker).await;
        let Some(mut witness) = witness(test, &broker, "wills").await else { return };
        let Some(mut device) = dialect.device(test, "device", belay.address.port(), Session::Clean) else { return };
        device.sees("connected anew success").await;
        device.freeze();
        let frozen = Instant::now();
        witness.sees("heard wills device is dead").await;
        let after = frozen.elapsed();
        assert!(after < Duration::from_secs(15), "{dialect:?}: after {after:?}");
        belay.metric_becomes("belay_clients_dead_total", 1.0).await;
        assert_eq!(broker.count("Received DISCONNECT from device"), 0, "{dialect:?}");
    })
    .await;
}

#[tokio::test]
async fn a_device_that_says_goodbye_leaves_no_will() {
    let test = "a_device_that_says_goodbye_leaves_no_will";
    in_every_dialect(async |dialect| {
        let Some(broker) = Broker::start(test).await else { return };
        let belay = dialect.belay(&broker).await;
        let Some(mut witness) = witness(test, &broker, "wills").await else { return };
        let Some(mut device) = dialect.device(test, "device", belay.address.port(), Session::Clean) else { return };
        device.sees("connected anew success").await;
        device.does("disconnect");
        device.sees("disconnected normal disconnection").await;
        witness.sees_nothing_for(Duration::from_secs(1)).await;
        belay.metric_becomes("belay_sessions", 0.0).await;
        until(|| broker.count("New client connected") >= 2).await;
        assert_eq!(broker.count("New client connected"), 2, "{dialect:?}: nobody is dialled for");
    })
    .await;
}

#[tokio::test]
async fn a_device_does_not_notice_that_its_broker_was_upgraded_or_crashed() {
    let test = "a_device_does_not_notice_that_its_broker_was_upgraded_or_crashed";
    in_every_dialect(async |dialect| {
        let Some(mut broker) = Broker::start(test).await else { return };
        let belay = dialect.belay(&broker).await;
        let Some(mut device) = dialect.device(test, "device", belay.address.port(), Session::Kept) else { return };
        device.sees("connected anew success").await;
        device.does("subscribe news");
        device.sees("subscribed").await;
        match dialect.version {
            5 => broker.stop(),
            _ => broker.crash("news").await,
        }
        // Longer than its keep-alive allows.
        device.sees_nothing_for(Duration::from_secs(4)).await;
        broker.run().await;
        device.does("publish news back");
        let mut seen = [device.next().await, device.next().await];
        seen.sort();
        assert_eq!(seen, ["heard news back", "published"], "{dialect:?}");
        device.sees_nothing_for(Duration::from_secs(2)).await;
        belay.metric_becomes("belay_holds_total", 1.0).await;
        belay.metric_becomes("belay_sessions", 1.0).await;
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_freezes_is_taken_for_lost_and_the_device_stays() {
    let test = "a_broker_that_freezes_is_taken_for_lost_and_the_device_stays";
    in_every_dialect(async |dialect| {
        let Some(broker) = Broker::start(test).await else { return };
        let belay = dialect.belay(&broker).await;
        let Some(mut device) = dialect.device(test, "device", belay.address.port(), Session::Kept) else { return };
        device.sees("connected anew success").await;
        broker.freeze();
        belay.metric_reaches("belay_holds_total", 1.0).await;
        broker.thaw();
        device.does("subscribe news");
        device.sees("subscribed").await;
        assert_eq!(belay.metrics().await["belay_clients_dead_total"], 0.0, "{dialect:?}");
    })
    .await;
}

const SENT: &str = "belay_heartbeats_sent_total{direction=\"to_backend\"}";
