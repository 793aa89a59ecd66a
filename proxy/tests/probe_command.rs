//! `belay probe`, which the chart's test pod runs, against a Belay that serves, one that does not yet, and nothing at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::process::{Command, Output};

use common::backend::{Echo, listen};
use common::belay::{Belay, route_to};
use common::{handshake, ports, soon};
use tokio::io::AsyncWriteExt;

/// Runs it with these arguments.
fn probe(arguments: &[&str]) -> impl Future<Output = Output> + use<> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    command.arg("probe").args(arguments);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    async { soon("the end of a probe", ended).await.unwrap() }
}

#[tokio::test]
async fn all_that_answers_is_told_with_what_it_answered() {
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let ready = format!("http://{}/ready", belay.admin);
    let (chat, port) = (belay.url("/chat"), format!("tcp://{}", belay.address));
    let output = probe(&[&ready, &chat, &port]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let told = format!("{ready}: 200 OK\n{chat}: 101 Switching Protocols\n{port}: connected\n");
    assert_eq!(said, told);
    // The session that it opened was ended as it should be.
    belay.metric_becomes("belay_sessions", 0.0).await;
    assert_eq!(belay.metrics().await["belay_clients_misbehaved_total"], 0.0);
}

#[tokio::test]
async fn what_answers_otherwise_is_told_with_what_it_said() {
    let echo = Echo::start().await;
    let belay = Belay::start(&route_to(echo.address, "    match: { path: /chat }\n")).await;
    for (target, said) in [
        (belay.url("/elsewhere"), "404 Not Found no route for this request"),
        (format!("http://{}/nothing", belay.admin), "404 Not Found"),
    ] {
        let output = probe(&[&target]).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(said), "{told}");
    }
}

/// Answers one request with each of these, one connection each.
async fn answer_one_after_the_other(address: std::net::SocketAddr, answers: &[&str]) {
    let listener = listen(address);
    for answer in answers {
        let (mut stream, _) = soon("a probe", listener.accept()).await.unwrap();
        handshake::read_head(&mut stream).await.unwrap();
        stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn what_does_not_answer_yet_is_asked_again_for_as_long_as_was_said() {
    let address = ports::free();
    let target = format!("http://{address}/ready");
    let output = probe(&[&target]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("onnection refused"));

    let asked = answer_one_after_the_other(address, &["503 Service Unavailable", "502 Bad Gateway", "200 OK"]);
    let (output, ()) = tokio::join!(probe(&["--within", "60", &target]), asked);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (output, ()) =
        tokio::join!(probe(&[&target]), answer_one_after_the_other(address, &["503 Service Unavailable"]));
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn what_cannot_be_asked_is_wrong_usage() {
    for target in ["https://here/", "here:80", "tcp://here", "ws:///chat"] {
        let output = probe(&[target]).await;
        assert_eq!(output.status.code(), Some(2), "{target}");
    }
}
