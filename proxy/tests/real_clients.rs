//! Clients that people use, with Belay between them and a backend that is killed: Python's `websockets`, Node's `ws`,
//! `curl` for plain HTTP, Python's `irc` over raw TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

#[path = "real_clients/irc.rs"]
mod irc;
#[path = "real_clients/people.rs"]
mod people;

use std::process::Stdio;
use std::time::Duration;

use common::backend::{Backend, listen};
use common::belay::Belay;
use common::process::EchoProcess;
use common::{client, handshake, ports, soon, tools};
use futures_util::SinkExt;
use people::{Library, Person};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tungstenite::protocol::CloseFrame;

/// Notices mark the moments that a test has to wait for.
const HOLD: &str = "    heartbeat: { answer: [websocket, { text: { ping: ping, pong: pong } }] }
    hold:
      redial: { backoff: fixed, every: 50ms }
      notice: { holding: away, bound: back }
";

#[tokio::test]
async fn a_python_client_chats_on_through_a_backend_that_is_killed_and_comes_back() {
    chats_on("a_python_client_chats_on", Library::PythonWebsockets).await;
}

#[tokio::test]
async fn a_node_client_chats_on_through_a_backend_that_is_killed_and_comes_back() {
    chats_on("a_node_client_chats_on", Library::NodeWs).await;
}

async fn chats_on(test: &str, library: Library) {
    let mut backend = EchoProcess::start().await;
    let belay = Belay::in_front_of(backend.address, HOLD).await;
    let Some(mut person) = Person::connect(test, library, &belay.url("/chat")).await else { return };
    let mut number = 0;
    for _ in 0..3 {
        for _ in 0..20 {
            number += 1;
            person.says(&number.to_string());
            person.hears(&number.to_string()).await;
        }
        backend.kill();
        person.hears("away").await;
        let held = number + 1..=number + 20;
        for number in held.clone() {
            person.says(&number.to_string());
        }
        person.does("ping");
        person.sees("pong").await;
        person.says("ping");
        person.hears("pong").await;
        backend.restart().await;
        person.hears("back").await;
        for number in held {
            person.hears(&number.to_string()).await;
        }
        number += 20;
    }
    person.does("close 1000 bye");
    person.sees("closed 1000 bye").await;
}

/// Messages are under way at the moment of the kill. Where they are sent again, some may come twice, and none is missing.
#[tokio::test]
async fn nothing_is_missing_for_a_client_that_talks_while_its_backend_is_killed() {
    let test = "nothing_is_missing_for_a_client_that_talks_while_its_backend_is_killed";
    let mut backend = EchoProcess::start().await;
    let hold = "    hold: { unconfirmed: resend, confirm_after: 5ms, redial: { backoff: fixed, every: 20ms } }\n";
    let belay = Belay::in_front_of(backend.address, hold).await;
    let Some(mut person) = Person::connect(test, Library::NodeWs, &belay.url("/")).await else { return };
    for number in 1..=600 {
        person.says(&number.to_string());
        if number % 200 == 100 {
            backend.kill();
        } else if number % 200 == 150 {
            backend.restart().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut last = 0;
    while last < 600 {
        let heard: u32 = person.next().await.strip_prefix("heard ").unwrap().parse().unwrap();
        assert!(heard <= last + 1, "{heard} came after {last}");
        last = last.max(heard);
    }
}

#[tokio::test]
async fn a_deliberate_close_of_the_backend_is_seen_by_python_and_node_as_it_was_meant() {
    for library in [Library::PythonWebsockets, Library::NodeWs] {
        let mut backend = Backend::start().await;
        let belay = Belay::in_front_of(backend.address, HOLD).await;
        let Some(mut person) = Person::connect("a_deliberate_close", library, &belay.url("/")).await else { continue };
        let mut visit = backend.accept().await;
        let frame = CloseFrame { code: 4002.into(), reason: "not here".into() };
        visit.ws.close(Some(frame)).await.unwrap();
        person.sees("closed 4002 not here").await;
    }
}

#[tokio::test]
async fn a_clients_close_reaches_the_backend_with_its_code() {
    for library in [Library::PythonWebsockets, Library::NodeWs] {
        let mut backend = Backend::start().await;
        let belay = Belay::in_front_of(backend.address, HOLD).await;
        let Some(mut person) = Person::connect("a_clients_close", library, &belay.url("/")).await else { continue };
        let mut visit = backend.accept().await;
        person.does("close 4003 going home");
        assert_eq!(client::closed(&mut visit.ws).await, Some((4003, "going home".to_owned())));
        person.sees("closed 4003 going home").await;
    }
}

#[tokio::test]
async fn a_client_whose_backend_stays_away_is_told_to_try_again_later() {
    for library in [Library::PythonWebsockets, Library::NodeWs] {
        let mut backend = EchoProcess::start().await;
        let hold = "    hold: { for: 200ms, redial: { backoff: fixed, every: 20ms } }\n";
        let belay = Belay::in_front_of(backend.address, hold).await;
        let Some(mut person) = Person::connect("told_to_try_again", library, &belay.url("/")).await else { continue };
        backend.kill();
        let end = person.next().await;
        assert!(end.starts_with("closed 1013"), "{library:?}: {end}");
    }
}

/// The backend answers by what the request was, and streams: each part is sent when curl has printed the one before.
#[tokio::test]
async fn curl_gets_plain_http_through_belay_as_it_streams() {
    let Some(curl) = tools::program("curl_gets_plain_http_through_belay_as_it_streams", "curl") else { return };
    let address = ports::free();
    let listener = listen(address);
    let belay = Belay::in_front_of(address, "").await;
    let mut command = std::process::Command::new(curl);
    command.args(["-sN", "--data-binary", "question"]).arg(format!("http://{}/events?from=7", belay.address));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = std::io::BufReader::new(child.stdout.take().unwrap());

    let (mut backend, _) = soon("the request", listener.accept()).await.unwrap();
    let request = handshake::read_head(&mut backend).await.unwrap();
    assert_eq!(request.line, "POST /events?from=7 HTTP/1.1");
    assert_eq!(request.header("host"), Some(&*belay.address.to_string()));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    let mut body = [0; 8];
    backend.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"question");
    backend.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    for part in ["one\n", "two\n", "three\n"] {
        backend.write_all(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes()).await.unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut printed, &mut line).unwrap();
            (line, printed)
        });
        let line;
        (line, printed) = soon("a part of the stream", read).await.unwrap();
        assert_eq!(line, part);
    }
    backend.write_all(b"0\r\n\r\n").await.unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
    assert!(soon("the end of curl", ended).await.unwrap().success());
}

#[tokio::test]
async fn a_backend_process_can_be_killed_and_comes_back_where_it_was() {
    let mut backend = EchoProcess::start().await;
    for _ in 0..2 {
        let mut client = client::connect(backend.address, "/").await;
        client.send("hello".into()).await.unwrap();
        assert_eq!(client::next_text(&mut client).await, "hello");
        backend.kill();
        assert_eq!(client::closed(&mut client).await, None);
        backend.restart().await;
    }
}
