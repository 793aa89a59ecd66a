//! How the process begins and ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::process::{Command, Output};

use common::backend::Echo;
use common::belay::{Belay, http_get, route_to};
use common::client::Client;
use common::{client, handshake, soon};
use futures_util::SinkExt;
use futures_util::future::select_all;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Runs the binary on this YAML until it ends by itself.
fn run_to_its_end(yaml: &str) -> Output {
    let folder = common::scratch("lifecycle");
    let file = folder.join("belay.yaml");
    std::fs::write(&file, yaml).unwrap();
    Command::new(env!("CARGO_BIN_EXE_belay")).arg("run").arg(&file).output().unwrap()
}

/// So many clients, all let in.
async fn crowd(belay: &Belay, count: usize) -> Vec<Client> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(client::connect(belay.address, "/").await);
    }
    clients
}

/// Each hears that Belay goes.
async fn all_are_sent_away<'a>(clients: impl IntoIterator<Item = &'a mut Client>) {
    for client in clients {
        assert_eq!(client::closed(client).await.map(|(code, _)| code), Some(1001));
    }
}

#[tokio::test]
async fn sigterm_closes_every_client_with_1001_and_ends_well() {
    let echo = Echo::start().await;
    let yaml = format!("{}drain: {{ over: 200ms }}\n", route_to(echo.address, ""));
    let mut belay = Belay::start(&yaml).await;
    let mut clients = crowd(&belay, 10).await;
    belay.terminate();
    all_are_sent_away(&mut clients).await;
    assert!(belay.ended().await.success());
}

#[tokio::test]
async fn what_was_sent_before_a_drain_still_arrives() {
    let echo = Echo::start().await;
    let yaml = format!("{}drain: {{ over: 500ms }}\n", route_to(echo.address, ""));
    let mut belay = Belay::start(&yaml).await;
    let mut client = client::connect(belay.address, "/").await;
    client.send("last words".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "last words");
    belay.terminate();
    assert_eq!(client::closed(&mut client).await.map(|(code, _)| code), Some(1001));
    assert!(belay.ended().await.success());
}

#[tokio::test]
async fn readiness_goes_before_the_clients_do() {
    let echo = Echo::start().await;
    let yaml = format!("{}drain: {{ over: 10s }}\n", route_to(echo.address, ""));
    let mut belay = Belay::start(&yaml).await;
    let mut clients = crowd(&belay, 4).await;
    belay.terminate();
    let (first, ..) = select_all(clients.iter_mut().map(|client| Box::pin(client::closed(client)))).await;
    assert_eq!(first.map_or(0, |(code, _)| code), 1001);
    let (status, body) = http_get(belay.admin, "/ready").await.unwrap();
    assert_eq!(status, 503, "{body}");
    drop(clients);
    assert!(belay.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_a_drain_at_once_and_its_clients_are_told_all_the_same() {
    let echo = Echo::start().await;
    let yaml = format!("{}drain: {{ accept_for: 5m, wait_for_backend: 5m, over: 5m }}\n", route_to(echo.address, ""));
    let mut belay = Belay::start(&yaml).await;
    let mut clients = crowd(&belay, 10).await;
    belay.terminate();
    belay.log_with("draining").await;
    let mut first = clients.pop().unwrap();
    first.send("still served".into()).await.unwrap();
    assert_eq!(client::next_text(&mut first).await, "still served");
    belay.signal(Signal::INT);
    all_are_sent_away(clients.iter_mut().chain([&mut first])).await;
    assert!(belay.ended().await.success());
}

/// As those who turn logs over send it to whatever stands in a pid file.
#[tokio::test]
async fn signals_that_mean_nothing_to_belay_end_nothing() {
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let mut client = client::connect(belay.address, "/").await;
    for (signal, name) in [(Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        belay.signal(signal);
        belay.logs_line(&[name, "asks nothing"]).await;
    }
    client.send("still here".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "still here");
}

#[tokio::test]
async fn a_port_in_use_is_said_with_what_to_do() {
    let echo = Echo::start().await;
    let first = Belay::in_front_of(echo.address, "").await;
    let yaml =
        route_to(echo.address, "").replace("{listen}", &first.address.to_string()).replace("{admin}", "127.0.0.1:0");
    let output = run_to_its_end(&yaml);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("cannot listen on {}", first.address)), "{told}");
    assert!(told.contains("another process listens there"), "{told}");
}

#[tokio::test]
async fn a_port_of_the_admin_in_use_is_said_too() {
    let echo = Echo::start().await;
    let first = Belay::in_front_of(echo.address, "").await;
    let yaml =
        route_to(echo.address, "").replace("{listen}", "127.0.0.1:0").replace("{admin}", &first.admin.to_string());
    let output = run_to_its_end(&yaml);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("admin port"), "{told}");
}

#[tokio::test]
async fn a_plain_request_that_is_under_way_is_answered_to_its_end() {
    let address = common::ports::free();
    let listener = common::backend::listen(address);
    let yaml = format!("{}drain: {{ over: 100ms }}\n", route_to(address, ""));
    let mut belay = Belay::start(&yaml).await;
    let mut idle = TcpStream::connect(belay.address).await.unwrap();
    let mut client = TcpStream::connect(belay.address).await.unwrap();
    client.write_all(b"GET /events HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
    let (mut backend, _) = soon("the request", listener.accept()).await.unwrap();
    handshake::read_head(&mut backend).await.unwrap();
    // What the kernel still keeps for a listener is reset when that closes.
    belay.metric_becomes("belay_connections_accepted_total", 2.0).await;
    backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").await.unwrap();
    belay.terminate();
    // One that asks nothing is not waited for.
    assert_eq!(soon("the end of an idle connection", idle.read(&mut [0; 1])).await.unwrap(), 0);
    backend.write_all(b"half").await.unwrap();
    let mut answer = String::new();
    soon("the whole answer", client.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nhalfhalf"), "{answer}");
    assert!(belay.ended().await.success());
}
