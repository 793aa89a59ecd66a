//! A pod's life and end, with processes standing for its two containers: the application, made with Python's `websockets`,
//! and Belay. Signals and clock are real, times shorter than a cluster's; the kubelet's part is played by the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

#[path = "real_clients/people.rs"]
mod people;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use common::belay::{Belay, http_get, route_to};
use common::client::{self, Client};
use common::puppet::Puppet;
use common::{ports, soon, tools};
use futures_util::SinkExt;
use people::{Library, Person};

/// In place of 30 s. A busy machine may take most of it.
const GRACE: Duration = Duration::from_secs(15);

/// Notices mark the moments that a test has to wait for.
const HOLD: &str = "    hold: { redial: { backoff: fixed, every: 20ms }, notice: { holding: away, bound: back } }\n";

/// The application's container.
struct App(Puppet);

impl App {
    /// Nothing, said aloud, if its library is not there. It takes so many seconds from SIGTERM to its end.
    async fn start(test: &str, address: SocketAddr, seconds: &str) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pod/app.py");
        let mut python = Command::new(tools::python(test, &["websockets"])?);
        let mut app = Puppet::start(python.arg(script).arg(address.port().to_string()).arg(seconds));
        app.sees("serving").await;
        Some(Self(app))
    }
}

/// Both containers, and clients.
struct Pod {
    app: App,
    address: SocketAddr,
    belay: Belay,
    clients: Vec<Client>,
}

impl Pod {
    async fn start(test: &str, app_seconds: &str, drain: &str, clients: usize) -> Option<Self> {
        let address = ports::free();
        let app = App::start(test, address, app_seconds).await?;
        let belay = Belay::start(&format!("{}drain: {drain}\n", route_to(address, HOLD))).await;
        let mut pod = Self { app, address, belay, clients: Vec::new() };
        for _ in 0..clients {
            pod.clients.push(client::connect(pod.belay.address, "/").await);
        }
        pod.chats("hello").await;
        Some(pod)
    }

    /// Each client says it and hears it.
    async fn chats(&mut self, text: &str) {
        for client in &mut self.clients {
            client.send(text.into()).await.unwrap();
        }
        self.hear(text).await;
    }

    /// Each client hears it.
    async fn hear(&mut self, text: &str) {
        for client in &mut self.clients {
            assert_eq!(client::next_text(client).await, text);
        }
    }

    /// Each client's last word from Belay, which must be the drain's.
    async fn farewells(&mut self) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        for client in &mut self.clients {
            let (code, reason) = client::closed(client).await.expect("a close frame");
            assert_eq!(code, 1001, "{reason}");
            let seconds = reason.strip_prefix("going away; reconnect after ").and_then(|rest| rest.strip_suffix(" s"));
            let seconds: f64 = seconds.unwrap_or_else(|| panic!("{reason}")).parse().unwrap();
            assert!((2.0..=9.0).contains(&seconds), "{reason}");
            told.insert(reason);
        }
        told
    }
}

/// Kubernetes 1.29 and later: the sidecar is told when the application's container has ended.
#[tokio::test]
async fn as_a_native_sidecar_belay_holds_until_the_application_has_ended_and_then_says_when_to_come_back() {
    let test = "as_a_native_sidecar_belay_holds_until_the_application_has_ended";
    let drain = "{ over: 1s, reconnect_after: { from: 2s, to: 9s } }";
    let Some(mut pod) = Pod::start(test, "0.3", drain, 20).await else { return };
    let deletion = Instant::now();
    pod.app.0.terminate();
    for line in ["told to go", "gone", "(gone)"] {
        pod.app.0.sees(line).await;
        assert_eq!(pod.belay.metrics().await["belay_sessions_closed_total"], 0.0, "{line}");
    }
    // What is said from here on has nobody to go to, and each client is told that it ends.
    let told = Instant::now();
    pod.belay.terminate();
    assert!(pod.farewells().await.len() > 5, "they come back at the same time");
    assert!(pod.belay.ended().await.success());
    assert!(told.elapsed() >= Duration::from_millis(900), "all at once: {:?}", told.elapsed());
    assert!(deletion.elapsed() < GRACE, "killed before it had ended: {:?}", deletion.elapsed());
}

/// Before that, or as an ordinary container: both are told at once.
#[tokio::test]
async fn told_at_the_same_time_as_the_application_belay_serves_on_until_that_has_finished() {
    let test = "told_at_the_same_time_as_the_application_belay_serves_on";
    let drain = "{ wait_for_backend: 20s, over: 500ms, reconnect_after: { from: 2s, to: 9s } }";
    let Some(mut pod) = Pod::start(test, "5", drain, 10).await else { return };
    let deletion = Instant::now();
    pod.app.0.terminate();
    pod.belay.terminate();
    pod.app.0.sees("told to go").await;
    pod.belay.log_with("draining").await;
    assert_eq!(http_get(pod.belay.admin, "/ready").await.unwrap().0, 503);
    let mut rounds = 0;
    while deletion.elapsed() < Duration::from_millis(500) || rounds < 2 {
        pod.chats("what was begun").await;
        rounds += 1;
    }
    pod.app.0.sees("gone").await;
    pod.farewells().await;
    assert!(pod.belay.ended().await.success());
    assert!(deletion.elapsed() < GRACE, "killed before it had ended: {:?}", deletion.elapsed());
}

#[tokio::test]
async fn an_application_that_does_not_end_is_waited_for_no_longer_than_configured() {
    let test = "an_application_that_does_not_end_is_waited_for_no_longer";
    let drain = "{ wait_for_backend: 500ms, over: 100ms, reconnect_after: { from: 2s, to: 9s } }";
    let Some(mut pod) = Pod::start(test, "600", drain, 3).await else { return };
    let told = Instant::now();
    pod.app.0.terminate();
    pod.belay.terminate();
    pod.farewells().await;
    assert!(told.elapsed() >= Duration::from_millis(500), "{:?}", told.elapsed());
    assert!(pod.belay.ended().await.success());
    assert!(told.elapsed() < GRACE, "killed before it had ended: {:?}", told.elapsed());
}

/// Whoever sends clients learns of a pod's end when it is told, or a little later.
#[tokio::test]
async fn clients_are_taken_for_a_while_after_readiness_has_gone() {
    let test = "clients_are_taken_for_a_while_after_readiness_has_gone";
    let drain = "{ accept_for: 5s, over: 100ms, reconnect_after: { from: 2s, to: 9s } }";
    let Some(mut pod) = Pod::start(test, "0", drain, 1).await else { return };
    pod.belay.terminate();
    soon("readiness to go", async { while !matches!(http_get(pod.belay.admin, "/ready").await, Ok((503, _))) {} })
        .await;
    pod.clients.push(client::connect(pod.belay.address, "/").await);
    pod.chats("late").await;
    pod.farewells().await;
    assert!(pod.belay.ended().await.success());
    assert!(tokio::net::TcpStream::connect(pod.belay.address).await.is_err());
}

/// The kubelet starts it again, after a wait that doubles each time.
#[tokio::test]
async fn an_application_container_that_crashes_and_restarts_drops_no_client() {
    let test = "an_application_container_that_crashes_and_restarts_drops_no_client";
    let Some(mut pod) = Pod::start(test, "0", "{ over: 0s }", 20).await else { return };
    let mut people = Vec::new();
    for library in [Library::PythonWebsockets, Library::NodeWs] {
        people.extend(Person::connect(test, library, &pod.belay.url("/")).await);
    }
    let mut back_off = Duration::from_millis(50);
    for crash in 1..=5 {
        pod.app.0.kill();
        pod.hear("away").await;
        for person in &mut people {
            person.hears("away").await;
            person.says(&format!("said while it was away, {crash}"));
        }
        tokio::time::sleep(back_off).await;
        back_off *= 2;
        pod.app = App::start(test, pod.address, "0").await.unwrap();
        pod.hear("back").await;
        for person in &mut people {
            person.hears("back").await;
            person.hears(&format!("said while it was away, {crash}")).await;
        }
        pod.chats(&format!("after crash {crash}")).await;
    }
    let sessions = (pod.clients.len() + people.len()) as f64;
    pod.belay.metric_becomes("belay_holds_total", 5.0 * sessions).await;
    let metrics = pod.belay.metrics().await;
    assert_eq!((metrics["belay_sessions"], metrics["belay_sessions_closed_total"]), (sessions, 0.0));
    pod.belay.terminate();
    for person in &mut people {
        let end = person.next().await;
        assert!(end.starts_with("closed 1001 going away; reconnect after "), "{end}");
    }
}
