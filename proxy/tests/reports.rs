//! What is told of clients, by the real binary to real endpoints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use common::backend::Echo;
use common::belay::Belay;
use common::client::{self, Client};
use common::process::EchoProcess;
use common::webhook::{Behaviour, Endpoint, SECRET, words};
use common::{PATIENCE, ports, scratch, soon, tools};
use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const TOKEN_KEY: &str = "a secret of thirty-two bytes, or a few more";

/// A YAML whose clients are who their token says; `report` is more of the report, `more` more of the file.
fn yaml(backend: SocketAddr, endpoint: SocketAddr, report: &str, more: &str) -> String {
    format!(
        "\
listeners: [{{ address: '{{listen}}' }}]
admin: {{ address: '{{admin}}' }}
workers: 2
filter_cache: {cache}
filters:
  auth:
    use: auth-jwt
    config: {{ keys: [{{ secret: '{TOKEN_KEY}' }}], token: [header, {{ query: token }}] }}
routes:
  - name: known
    match: {{ path: /known }}
    backend: ws://{backend}
    filters: [auth]
  - name: open
    backend: ws://{backend}
    hold: {{ redial: {{ backoff: fixed, every: 50ms }} }}
drain: {{ over: 100ms }}
report:
  endpoint: http://{endpoint}/hook?a=b
  secret: {{ environment: SECRET }}
  source: /belay/test
{report}
{more}
",
        cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/filters")
    )
}

async fn start(yaml: &str) -> Belay {
    Belay::start_with(yaml, |command| {
        command.env("SECRET", SECRET);
    })
    .await
}

fn token(sub: &str) -> String {
    let encode = |part: Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(json!({ "alg": "HS256" })), encode(json!({ "sub": sub, "exp": 9e9 as u64 })));
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_KEY.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

async fn connect(belay: &Belay, who: &str) -> Client {
    let header = format!("Authorization: Bearer {}\r\n", token(who));
    let (client, answer) = client::open(belay.address, "/known", &header).await.unwrap();
    client.unwrap_or_else(|| panic!("not let in: {answer:?}"))
}

async fn leave(mut client: Client) {
    client.close(None).await.unwrap();
    client::closed(&mut client).await;
}

async fn ask(belay: &Belay, query: &str) -> Value {
    let (status, body) = belay.get(&format!("/clients{query}")).await.unwrap();
    if status == 200 { serde_json::from_str(&body).unwrap() } else { Value::Null }
}

#[tokio::test]
async fn a_clients_life_is_told_in_order() {
    let (echo, mut endpoint) = (Echo::start().await, Endpoint::start().await);
    let report = "  batch: { every: 50ms }";
    let belay = start(&yaml(echo.address, endpoint.address, report, "clients: { grace: 3s }")).await;
    let client = connect(&belay, "alice").await;
    assert_eq!(endpoint.told(1).await, ["client.connected alice"]);
    let known = ask(&belay, "?identity=alice").await;
    assert_eq!((&known["state"], &known["sessions"], &known["connects"]), (&json!("connected"), &json!(1), &json!(1)));
    leave(client).await;
    let back = connect(&belay, "alice").await;
    drop(back);
    assert_eq!(
        endpoint.told(4).await,
        [
            "client.reconnecting alice client_closed",
            "client.connected alice",
            "client.reconnecting alice client_gone",
            "client.disconnected alice client_gone",
        ]
    );
    let known = ask(&belay, "?identity=alice").await;
    assert_eq!((&known["state"], &known["reconnects"]), (&json!("disconnected"), &json!(1)));
    assert_eq!(ask(&belay, "?identity=bob").await, Value::Null);
    assert_eq!(ask(&belay, "").await["clients"]["disconnected"], 1);
    belay.metric_becomes("belay_clients{state=\"disconnected\"}", 1.0).await;
    belay.metric_becomes("belay_reconnects_total{route=\"known\"}", 1.0).await;
    belay.metric_becomes("belay_report_events_delivered_total", 5.0).await;
}

#[tokio::test]
async fn sessions_are_told_with_and_without_a_name() {
    let (mut echo, mut endpoint) = (EchoProcess::start().await, Endpoint::start().await);
    let report = "  events: [session]\n  batch: { every: 50ms }";
    let mut belay = start(&yaml(echo.address, endpoint.address, report, "")).await;
    let alice = connect(&belay, "alice").await;
    assert_eq!(endpoint.told(1).await, ["session.connected alice"]);
    leave(alice).await;
    assert_eq!(endpoint.told(1).await, ["session.disconnected alice client_closed"]);
    let mut nobody = client::connect(belay.address, "/").await;
    echo.kill();
    assert_eq!(endpoint.told(2).await, ["session.connected -", "session.holding -"]);
    echo.restart().await;
    assert_eq!(endpoint.told(1).await, ["session.connected -"]);
    nobody.send("hello".into()).await.unwrap();
    assert_eq!(client::next_text(&mut nobody).await, "hello");
    belay.terminate();
    assert_eq!(client::closed(&mut nobody).await.map(|(code, _)| code), Some(1001));
    let draining = endpoint.event().await;
    let over = endpoint.event().await;
    assert_eq!([words(&draining), words(&over)], ["session.draining -", "session.disconnected - drained"]);
    assert_eq!((&over["data"]["messages"], &over["data"]["route"]), (&json!(1), &json!("open")));
    assert!(belay.ended().await.success());
}

#[tokio::test]
async fn the_libraries_of_others_take_our_batches() {
    let test = "the_libraries_of_others_take_our_batches";
    let Some(python) = tools::python(test, &["standardwebhooks", "cloudevents.core", "jsonschema"]) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let port = ports::free();
    let mut receiver = Command::new(python)
        .arg(root.join("tests/tools/webhook_receiver.py"))
        .args([&port.port().to_string(), SECRET])
        .arg(root.join("../docs/connection-state.schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["listening"], port.port());
    let echo = Echo::start().await;
    let report = "  events: [client, session]\n  batch: { every: 50ms }";
    let mut belay = start(&yaml(echo.address, port, report, "clients: { grace: 0s }")).await;
    leave(connect(&belay, "ålice \"of\" wonderland\n").await).await;
    drop(client::connect(belay.address, "/").await);
    belay.metric_reaches("belay_report_events_delivered_total", 7.0).await;
    belay.terminate();
    belay.ended().await;
    let events: Vec<Value> = (0..7).map(|_| next()).collect();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap_or("refused")).collect();
    assert_eq!(types[..2], ["belay.session.connected", "belay.client.connected"], "{events:#?}");
    assert!(types.contains(&"belay.client.disconnected"), "{events:#?}");
    assert_eq!(events[1]["subject"], "ålice \"of\" wonderland\n");
    assert!(events.iter().all(|event| event["source"] == "/belay/test"));
    assert!(events.is_sorted_by_key(|event| event["sequence"].as_str().unwrap().to_owned()));
    drop(receiver.stdin.take());
    receiver.wait().unwrap();
}

#[tokio::test]
async fn an_endpoint_that_is_away_and_then_unwell_is_told_everything_once_it_takes_it() {
    let (echo, address) = (Echo::start().await, ports::free());
    let report = "  batch: { every: 20ms, events: 2 }\n  timeout: 3s\n  retry: { from: 10ms, to: 50ms }";
    let belay = start(&yaml(echo.address, address, report, "clients: { grace: 0s }")).await;
    let alice = connect(&belay, "alice").await;
    belay.metric_reaches("belay_report_retries_total", 2.0).await;
    let unwell = [
        Behaviour::Answer(500, None),
        Behaviour::Answer(429, Some(1)),
        Behaviour::DieMidAnswer,
        Behaviour::Slow(PATIENCE),
        Behaviour::Answer(404, None),
    ];
    let mut endpoint = Endpoint::start_at(address, &unwell).await;
    leave(alice).await;
    let mut tries = Vec::new();
    for _ in 0..=unwell.len() {
        tries.push(endpoint.request().await);
    }
    for again in &tries[1..] {
        assert_eq!((&again.id, &again.body), (&tries[0].id, &tries[0].body));
    }
    assert!(tries[2].at - tries[1].at >= Duration::from_millis(950), "Retry-After");
    assert_eq!(words(&tries[0].events[0]), "client.connected alice");
    assert_eq!(endpoint.told(1).await, ["client.reconnecting alice client_closed"]);
    assert_eq!(endpoint.told(1).await, ["client.disconnected alice client_closed"]);
    let log = belay.log_with("the endpoint of reports takes them again").await;
    assert_eq!(log.matches("the endpoint of reports does not take them").count(), 1, "one line, not one an attempt");
    assert_eq!(log.matches("the endpoint of reports takes them again").count(), 1);
}

fn spool(folder: &Path, more: &str) -> String {
    format!(
        "  spool: {{ folder: '{}' }}\n  retry: {{ from: 10ms, to: 50ms }}\n  batch: {{ every: 20ms }}\n{more}",
        folder.display()
    )
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "events")).collect();
    segments.sort();
    segments
}

#[tokio::test]
async fn a_belay_that_is_killed_is_told_of_by_the_next_and_nothing_is_lost() {
    let (echo, address, folder) = (Echo::start().await, ports::free(), scratch("spool"));
    let report = spool(&folder, "  events: [client, session]");
    let yaml = yaml(echo.address, address, &report, "clients: { grace: 4s }");
    let first = start(&yaml).await;
    let _alice = connect(&first, "alice").await;
    let _bob = connect(&first, "bob").await;
    leave(client::connect(first.address, "/").await).await;
    first.metric_reaches("belay_report_events_waiting", 6.0).await;
    // SIGKILL; and the machine tears what was being written.
    drop(first);
    let last = segments(&folder).pop().unwrap();
    let mut torn = std::fs::read(&last).unwrap();
    torn.extend_from_slice(&[200, 1, 0, 0, 9, 9]);
    std::fs::write(&last, torn).unwrap();

    let second = start(&yaml).await;
    let _alice = connect(&second, "alice").await;
    let mut endpoint = Endpoint::start_at(address, &[]).await;
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "client.disconnected bob proxy_died") {
        told.push(words(&endpoint.event().await));
    }
    let mut expected = [
        "session.connected alice",
        "client.connected alice",
        "session.connected bob",
        "client.connected bob",
        "session.connected -",
        "session.disconnected - client_closed",
        "session.disconnected alice proxy_died",
        "session.disconnected bob proxy_died",
        "client.reconnecting alice proxy_died",
        "client.reconnecting bob proxy_died",
        "session.connected alice",
        "client.connected alice",
        "client.disconnected bob proxy_died",
    ];
    // The journal has no order.
    told[6..8].sort();
    told[8..10].sort();
    expected[6..8].sort_unstable();
    assert_eq!(told, expected);
    second.metric_becomes("belay_report_events_waiting", 0.0).await;
    // Alice, and her session.
    second.metric_becomes("belay_report_journal_entries", 2.0).await;
    drop(second);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn killed_at_any_moment_belay_tells_the_end_of_every_session_whose_beginning_it_told() {
    let (echo, address, folder) = (Echo::start().await, ports::free(), scratch("spool"));
    let unwell = [Behaviour::DieMidAnswer, Behaviour::Answer(503, None), Behaviour::Slow(Duration::from_millis(90))];
    let mut endpoint = Endpoint::start_at(address, &unwell.repeat(10)).await;
    let report = spool(&folder, "  events: [client, session]").replace("every: 20ms", "every: 5ms, events: 40");
    let yaml = yaml(echo.address, address, &report, "clients: { grace: 50ms }");
    for life in 0..6 {
        let mut belay = start(&yaml).await;
        let to = belay.address;
        let crowd: Vec<_> = (0..8)
            .map(|who| {
                let header = format!("Authorization: Bearer {}\r\n", token(&format!("client-{who}")));
                tokio::spawn(async move {
                    loop {
                        // Until Belay is killed, in the middle of whatever it is doing.
                        let Ok((Some(mut client), _)) = client::open(to, "/known", &header).await else { return };
                        let _ = client.send("hello".into()).await;
                        if client.next().await.is_none_or(|answer| answer.is_err()) {
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                })
            })
            .collect();
        belay.metric_reaches("belay_sessions_opened_total", 25.0).await;
        tokio::time::sleep(Duration::from_millis(50 + 37 * life)).await;
        if life == 5 {
            belay.metric_until("belay_report_events_waiting", "nearly none", |waiting| waiting <= 100.0).await;
            belay.terminate();
            assert!(belay.ended().await.success());
        }
        drop(belay);
        for client in crowd {
            client.await.unwrap();
        }
    }
    let (mut seen, mut open) = (BTreeMap::new(), BTreeMap::new());
    let mut told = Vec::new();
    while let Some(request) = endpoint.request_that_came() {
        told.extend(request.events);
    }
    for event in told {
        let id = event["id"].as_str().unwrap().to_owned();
        let first = seen.entry(id).or_insert_with(|| event.clone());
        assert_eq!(*first, event, "what is told again is told as before");
    }
    let mut events: Vec<_> = seen.into_values().collect();
    events.sort_by_key(|event| event["sequence"].as_str().unwrap().to_owned());
    for event in &events {
        let who = event["subject"].as_str().unwrap().to_owned();
        open.insert(who, event["data"]["state"].as_str().unwrap().to_owned());
    }
    assert!(open.len() > 100, "{} sessions and clients", open.len());
    let left: Vec<_> = open.iter().filter(|(_, state)| *state != "disconnected").collect();
    assert!(left.is_empty(), "told to come, and not to go: {left:#?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_full_spool_tells_what_it_lost() {
    let (echo, address, folder) = (Echo::start().await, ports::free(), scratch("spool"));
    let report = spool(&folder, "").replace("' }", "', bytes: 1MiB }");
    let belay = start(&yaml(echo.address, address, &report, "clients: { grace: 0s }")).await;
    let who = |number: u32| format!("{number:03}{}", "x".repeat(2000));
    for number in 0..100 {
        leave(connect(&belay, &who(number)).await).await;
    }
    belay.metric_reaches("belay_report_events_lost_total{reason=\"full\"}", 1.0).await;
    let bytes: u64 = segments(&folder).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(bytes <= 1 << 20, "{bytes}");
    let mut endpoint = Endpoint::start_at(address, &[]).await;
    let (mut lost, mut heard) = (0, 0);
    let mut sequence = String::new();
    while heard + lost < 300 {
        let event = endpoint.event().await;
        let before = std::mem::replace(&mut sequence, event["sequence"].as_str().unwrap().to_owned());
        assert!(before < sequence, "{before} {sequence}");
        match event["type"].as_str() {
            Some("belay.report.lost") => lost += event["data"]["reasons"]["full"].as_u64().unwrap(),
            _ => heard += 1,
        }
    }
    assert_eq!(heard + lost, 300);
    assert!(heard > 100 && lost > 0, "{heard} heard, {lost} lost");
    let log = belay.log_with("events of clients are being lost").await;
    assert_eq!(log.matches("events of clients are being lost").count(), 1, "{log}");
    drop(belay);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_batch_that_nobody_wants_does_not_stop_the_others_for_ever() {
    let (echo, address) = (Echo::start().await, ports::free());
    let report = "  batch: { every: 20ms, events: 1 }\n  retry: { from: 1ms, to: 5ms }";
    let belay = start(&yaml(echo.address, address, report, "")).await;
    let mut endpoint = Endpoint::start_at(address, &[Behaviour::Answer(400, None); 16]).await;
    let _alice = connect(&belay, "alice").await;
    for _ in 0..16 {
        assert_eq!(words(&endpoint.request().await.events[0]), "client.connected alice");
    }
    let event = endpoint.event().await;
    assert_eq!((&event["type"], &event["data"]["reasons"]["refused"]), (&json!("belay.report.lost"), &json!(1)));
    belay.metric_becomes("belay_report_events_lost_total{reason=\"refused\"}", 1.0).await;
}

#[tokio::test]
async fn a_drain_tells_the_last_of_everybody() {
    let (echo, mut endpoint) = (Echo::start().await, Endpoint::start().await);
    let mut belay = start(&yaml(echo.address, endpoint.address, "  batch: { every: 1h }", "")).await;
    let mut alice = connect(&belay, "alice").await;
    leave(connect(&belay, "bob").await).await;
    belay.terminate();
    client::closed(&mut alice).await;
    assert!(belay.ended().await.success());
    let mut told = endpoint.told(6).await;
    told.sort();
    assert_eq!(
        told,
        [
            "client.connected alice",
            "client.connected bob",
            "client.disconnected alice drained",
            "client.disconnected bob client_closed",
            "client.reconnecting alice drained",
            "client.reconnecting bob client_closed",
        ]
    );
}

#[tokio::test]
async fn an_endpoint_that_hangs_does_not_hold_up_the_end_and_the_spool_keeps_what_it_did_not_take() {
    let (echo, folder) = (Echo::start().await, scratch("spool"));
    let endpoint = Endpoint::start_at(ports::free(), &[Behaviour::Hang]).await;
    let mut belay = start(&yaml(echo.address, endpoint.address, &spool(&folder, ""), "")).await;
    let _alice = connect(&belay, "alice").await;
    let begun = Instant::now();
    belay.terminate();
    assert!(belay.ended().await.success());
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    belay.log_with("stay in the spool").await;
    assert!(!segments(&folder).is_empty());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_storm_is_one_line_and_not_one_a_client() {
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let storm = "belay_reconnect_storm{route=\"*\"}";
    assert_eq!(belay.metrics().await[storm], 0.0);
    let clients = soon("a crowd", async {
        let mut clients = Vec::new();
        while belay.metrics().await[storm] == 0.0 {
            for _ in 0..40 {
                clients.push(client::connect(belay.address, "/").await);
            }
        }
        clients
    })
    .await;
    assert!(clients.len() >= 80, "{}", clients.len());
    let log = belay.log_with("clients come in a storm").await;
    assert_eq!(log.matches("clients come in a storm").count(), 1, "{log}");
    belay.metric_becomes(storm, 0.0).await;
    let log = belay.log_with("the storm of clients is over").await;
    assert_eq!(log.matches("the storm of clients is over").count(), 1, "{log}");
    belay.metric_reaches("belay_arrivals_total{route=\"*\"}", 80.0).await;
}

#[tokio::test]
async fn a_report_that_cannot_be_signed_is_said_at_the_start() {
    let folder = scratch("report");
    let file = folder.join("belay.yaml");
    let yaml =
        yaml(ports::free(), ports::free(), "", "").replace("{listen}", "127.0.0.1:0").replace("{admin}", "127.0.0.1:0");
    std::fs::write(&file, yaml).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_belay")).arg("run").arg(&file).env_remove("SECRET").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot sign reports") && told.contains("$SECRET"), "{told}");
}
