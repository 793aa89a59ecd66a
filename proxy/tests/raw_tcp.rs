//! Raw TCP through the real binary: messages, heartbeats, halves of connections, and a backend that is killed under its
//! clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::belay::Belay;
use common::raw::{Line, in_front_of, listen};
use common::{PATIENCE, ports, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const HEARTBEAT: &str = "    heartbeat: { answer: [{ text: { ping: PING, pong: PONG } }] }\n";

/// A listener, a client and its backend.
async fn pair(framer: &str, extra: &str) -> (Belay, TcpListener, Line, Line) {
    let listener = listen(ports::free());
    let belay = in_front_of(framer, listener.local_addr().unwrap(), extra).await;
    let client = Line::connect(belay.address).await;
    let backend = Line::accept(&listener).await;
    (belay, listener, client, backend)
}

/// Waits until the books balance, each message that was taken being somewhere: what was just heard may be counted in a
/// moment.
async fn balances(belay: &Belay) {
    let begun = Instant::now();
    loop {
        let metrics = belay.metrics().await;
        let is_balanced = |direction: &str| {
            let sum = |name: &str| {
                let named = metrics.iter().filter(|(series, _)| series.starts_with(&format!("belay_messages_{name}")));
                named.filter(|(series, _)| series.contains(direction)).map(|(_, value)| value).sum::<f64>()
            };
            let others = sum("delivered_total") + sum("held{") + sum("consumed_total") + sum("lost_total");
            sum("accepted_total") > 0.0 && sum("accepted_total") == others
        };
        if is_balanced("to_backend") && is_balanced("to_client") {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{metrics:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn heartbeats_end_at_the_edge_and_lines_pass() {
    let (belay, _listener, mut client, mut backend) = pair("lines", HEARTBEAT).await;
    client.send(b"PING\nhello\nPING\r\n").await;
    assert_eq!((client.line().await, client.line().await), ("PONG".to_owned(), "PONG\r".to_owned()));
    assert_eq!(backend.line().await, "hello");
    backend.say("hi").await;
    assert_eq!(client.line().await, "hi");
    belay.metric_becomes("belay_heartbeats_answered_total", 2.0).await;
}

#[tokio::test]
async fn a_client_that_ends_its_stream_hears_its_backends_last_words() {
    let (belay, _listener, mut client, mut backend) = pair("lines", "").await;
    client.say("the last question").await;
    client.end().await;
    assert_eq!(backend.rest().await, "the last question\n");
    backend.say("the last answer").await;
    backend.end().await;
    assert_eq!(client.rest().await, "the last answer\n");
    belay.metric_becomes("belay_sessions", 0.0).await;
}

#[tokio::test]
async fn a_client_outlives_its_backend_and_what_it_says_meanwhile_is_kept() {
    let (belay, listener, mut client, mut backend) = pair("lines", HEARTBEAT).await;
    client.say("hello").await;
    assert_eq!(backend.line().await, "hello");
    let address = listener.local_addr().unwrap();
    drop(listener);
    backend.reset();
    client.say("PING").await;
    assert_eq!(client.line().await, "PONG");
    client.say("while you were away").await;
    let listener = listen(address);
    let mut backend = Line::accept(&listener).await;
    assert_eq!(backend.line().await, "while you were away");
    backend.say("here I am").await;
    assert_eq!(client.line().await, "here I am");
    balances(&belay).await;
}

#[tokio::test]
async fn where_nothing_is_held_the_client_is_closed_after_what_it_is_due() {
    let (_belay, _listener, mut client, mut backend) = pair("lines", "    hold: off\n").await;
    backend.say("last words").await;
    drop(backend);
    assert_eq!(client.rest().await, "last words\n");
}

#[tokio::test]
async fn a_backend_is_told_the_clients_address() {
    let listener = listen(ports::free());
    let backend = listener.local_addr().unwrap();
    let extra = "    hold: { replay: { first: 1 } }\n";
    let yaml = format!(
        "listeners: [{{ name: raw, address: {{listen}}, protocol: tcp, framer: {{ length: {{ bytes: 2 }} }} }}]\n\
         admin: {{ address: {{admin}} }}\n\
         routes:\n  - match: {{ listener: raw }}\n    backend: {{ url: tcp://{backend}, proxy_protocol: v2 }}\n{extra}"
    );
    let belay = Belay::start(&yaml).await;
    let mut client = Line::connect(belay.address).await;
    client.send(b"\0\x05login").await;
    let mut headers = Vec::new();
    for _ in 0..2 {
        let mut visit = Line::accept(&listener).await;
        let header = visit.bytes(16 + 12 + 35).await;
        assert!(header.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x2F\x7F\0\0\x01\x7F\0\0\x01"), "{header:?}");
        assert_eq!(u16::from_be_bytes([header[26], header[27]]), belay.address.port());
        assert_eq!(visit.bytes(7).await, b"\0\x05login");
        headers.push(header);
        visit.reset();
    }
    assert_eq!(headers[0], headers[1], "the same client and the same session");
}

#[tokio::test]
async fn a_stream_that_cannot_be_cut_costs_that_client_alone() {
    let extra = "    messages: { message_bytes: 100B }\n";
    let (belay, listener, mut client, mut backend) = pair("{ length: { bytes: 4 } }", extra).await;
    let mut hostile = Line::connect(belay.address).await;
    let mut visit = Line::accept(&listener).await;
    hostile.send(&[0xFF; 8]).await;
    assert_eq!((hostile.rest().await, visit.rest().await), (String::new(), String::new()));
    client.send(b"\0\0\0\x02hi").await;
    assert_eq!(backend.bytes(6).await, b"\0\0\0\x02hi");
    belay.metric_becomes("belay_clients_misbehaved_total", 1.0).await;
}

#[tokio::test]
async fn clients_beyond_the_limit_are_closed_at_once() {
    let listener = listen(ports::free());
    let yaml = format!(
        "listeners:\n  - {{ name: raw, address: {{listen}}, protocol: tcp, framer: lines, limits: {{ connections: 1 }} }}\n\
         admin: {{ address: {{admin}} }}\n\
         routes: [{{ match: {{ listener: raw }}, backend: \"tcp://{}\" }}]\n",
        listener.local_addr().unwrap()
    );
    let belay = Belay::start(&yaml).await;
    let mut first = Line::connect(belay.address).await;
    let mut backend = Line::accept(&listener).await;
    assert_eq!(Line::connect(belay.address).await.rest().await, "");
    first.say("still here").await;
    assert_eq!(backend.line().await, "still here");
}

#[tokio::test]
async fn a_drain_ends_every_stream() {
    let (mut belay, _listener, mut client, mut backend) = pair("lines", "drain: { over: 100ms }\n").await;
    client.say("hello").await;
    assert_eq!(backend.line().await, "hello");
    belay.terminate();
    assert_eq!((client.rest().await, backend.rest().await), (String::new(), String::new()));
    drop((client, backend));
    assert!(belay.ended().await.success());
}

#[tokio::test]
async fn requests_and_raw_clients_each_find_their_own_backend() {
    let (raw, web) = (listen(ports::free()), listen(ports::free()));
    let second = ports::free();
    let yaml = format!(
        "listeners:\n  - {{ name: raw, address: {{listen}}, protocol: tcp, framer: lines }}\n  \
         - {{ name: web, address: {second} }}\n\
         admin: {{ address: {{admin}} }}\n\
         routes:\n  - {{ match: {{ listener: raw }}, backend: \"tcp://{}\" }}\n  \
         - {{ match: {{ listener: web }}, backend: \"ws://{}\" }}\n",
        raw.local_addr().unwrap(),
        web.local_addr().unwrap()
    );
    let belay = Belay::start(&yaml).await;
    let mut client = Line::connect(belay.address).await;
    client.say("GET / HTTP/1.1").await;
    assert_eq!(Line::accept(&raw).await.line().await, "GET / HTTP/1.1");
    let mut client = Line::connect(second).await;
    client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(Line::accept(&web).await.line().await, "GET /x HTTP/1.1\r");
}

const LIMITED: &str = "\
filters:
  limit: { use: rate-limit, config: { per: session, rate: 1/h, burst: 1, exceeded: { reply: REPLY } } }
  token: { use: auth-jwt, config: { keys: [{ secret: known-to-everybody-who-reads-this }] } }
";

#[tokio::test]
async fn filters_see_messages_and_answer_in_the_framers_form() {
    let filtered = format!("    filters: [limit]\n{}", LIMITED.replace("REPLY", "slower"));
    let (belay, _listener, mut client, mut backend) = pair("lines", &filtered).await;
    client.send(b"one\ntwo\n").await;
    assert_eq!(backend.line().await, "one");
    assert_eq!(client.line().await, "slower");
    backend.say("hi").await;
    assert_eq!(client.line().await, "hi");
    balances(&belay).await;
}

#[tokio::test]
async fn a_filters_message_that_does_not_fit_ends_the_session_and_corrupts_nothing() {
    let filtered = format!("    filters: [limit]\n{}", LIMITED.replace("REPLY", "\"two\\nlines\""));
    let (belay, _listener, mut client, mut backend) = pair("lines", &filtered).await;
    client.send(b"one\ntwo\n").await;
    assert_eq!(client.rest().await, "");
    assert_eq!(backend.rest().await, "one\n");
    belay.log_with("does not fit the listener's framer").await;
}

#[tokio::test]
async fn a_client_that_a_filter_refuses_is_closed_and_its_backend_hears_nothing() {
    let listener = listen(ports::free());
    let filtered = format!("    filters: [token]\n{LIMITED}");
    let belay = in_front_of("lines", listener.local_addr().unwrap(), &filtered).await;
    assert_eq!(Line::connect(belay.address).await.rest().await, "");
    belay.metric_becomes("belay_handshakes_refused_total{by=\"belay\"}", 1.0).await;
    assert_eq!(belay.metrics().await["belay_dials_total"], 0.0);
}

/// Each says numbers and hears them back, while connections to the backend are cut and the whole backend goes away.
#[tokio::test]
async fn the_books_balance_while_backends_die() {
    const CLIENTS: usize = 30;
    const NUMBERS: u32 = 200;
    let listener = listen(ports::free());
    let address = listener.local_addr().unwrap();
    let belay = in_front_of("lines", address, "    hold: { redial: { backoff: fixed, every: 20ms } }\n").await;
    let (all_are_here, begin) = oneshot::channel();
    let backend = tokio::spawn(dying_echo(listener, 6, begin));
    let mut arrived = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Line::connect(belay.address).await;
        // Its first word has been there and back: it meets every death.
        client.say("0").await;
        assert_eq!(client.line().await, "0");
        arrived.push(client);
    }
    all_are_here.send(()).unwrap();
    let mut clients = JoinSet::new();
    for mut client in arrived {
        clients.spawn(async move {
            let mut heard = Vec::new();
            for number in 1..NUMBERS {
                client.say(&number.to_string()).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            client.say("end").await;
            client.end().await;
            for line in client.rest().await.lines() {
                match line.parse() {
                    Ok(number) => heard.push(number),
                    Err(_) => assert_eq!(line, "end"),
                }
            }
            heard
        });
    }
    let heard: Vec<Vec<u32>> = soon("all clients", clients.join_all()).await;
    for numbers in &heard {
        assert!(numbers.is_sorted_by(|a, b| a < b), "once and in order: {numbers:?}");
    }
    let total: usize = heard.iter().map(Vec::len).sum();
    assert!(total > CLIENTS * NUMBERS as usize / 2, "{total} of {}", CLIENTS * NUMBERS as usize);
    belay.metric_reaches("belay_rebounds_total", CLIENTS as f64).await;
    balances(&belay).await;
    backend.abort();
}

/// Echoes lines; from when it is told to, so many times, after a moment, it resets every connection and listens nowhere for
/// another moment.
async fn dying_echo(mut listener: TcpListener, deaths: u32, begin: oneshot::Receiver<()>) {
    let address = listener.local_addr().unwrap();
    let mut begin = Some(begin);
    for death in 0..=deaths {
        let mut life = JoinSet::new();
        let begin = begin.take();
        let end = async move {
            if let Some(begin) = begin {
                let _ = begin.await;
            }
            tokio::time::sleep(Duration::from_millis(if death < deaths { 60 } else { 60_000 })).await;
        };
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                Ok((stream, _)) = listener.accept() => drop(life.spawn(echo(stream))),
            }
        }
        drop(listener);
        life.shutdown().await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        listener = listen(address);
    }
}

/// Cut as a crash cuts it, unless its client ends it.
async fn echo(mut stream: TcpStream) {
    let _ = stream.set_zero_linger();
    let mut buffer = [0; 1024];
    while let Ok(bytes) = stream.read(&mut buffer).await {
        if bytes == 0 {
            let _ = socket2::SockRef::from(&stream).set_linger(None);
            return;
        }
        if stream.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}
