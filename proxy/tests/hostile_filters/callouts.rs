//! Filters that ask and ask: a service that never answers, one that answers at once, one that they may not ask, more than they may
//! send. What they may have under way is bounded; who asks on and on fails; nobody else waits for any of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::common::client::Client;
use crate::guest::{ASK, Guest};

/// Clients of each filter, all at once.
const CLIENTS: usize = 40;
/// What each filter may have under way.
const IN_FLIGHT: usize = 8;
/// What the service may see at a time: those, and as many that Belay gave up a moment ago, whose ends come later than those that
/// took their places. A flood without a bound is of [`CLIENTS`].
const SEEN_MAX: usize = 2 * IN_FLIGHT;

/// A client that is answered stays for so long: what its filter does goes on.
const STAY: Duration = Duration::from_millis(300);

/// What a client of such a filter hears at last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hears {
    /// Its own message.
    Echo,
    /// 1011.
    Closed,
}

struct Flood {
    name: &'static str,
    guest: fn() -> Guest,
    policy: &'static str,
    /// The message is the URL that is asked: a path of the service, or elsewhere.
    asks: &'static str,
    hears: Hears,
    /// The outcome that is counted at least so often.
    counted: (&'static str, usize),
}

/// As [`ASK`], with a body of 1.5 MB.
const ASK_LARGE: &str = "
    (drop (memory.grow (i32.const 25)))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.store8 (i32.const 0) (i32.const 7))
    (i32.store (i32.const 4) (i32.const 2000)) (i32.store (i32.const 8) (i32.const 3))
    (i32.store (i32.const 12) (local.get $at)) (i32.store (i32.const 16) (local.get $len))
    (i32.store (i32.const 28) (i32.const 65536)) (i32.store (i32.const 32) (i32.const 1500000))
    (i32.const 0)";

/// Asks again after each answer.
fn on_and_on() -> Guest {
    Guest { on_message_answer: ASK, ..Guest::asking() }
}

/// Asks at each tick of a clock that never stops.
fn ticking() -> Guest {
    Guest {
        items: "(data (i32.const 2000) \"GET\") (global $length (mut i32) (i32.const 0))",
        on_timer: "
            (call $set_timer (i32.const 1) (i64.const 0))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 0) (i32.const 3))
            (i32.store (i32.const 4) (i32.const 2000)) (i32.store (i32.const 8) (i32.const 3))
            (i32.store (i32.const 12) (i32.const 3000)) (i32.store (i32.const 16) (global.get $length))
            (i32.const 0)",
        ..Guest::answering(
            "(memory.copy (i32.const 3000) (local.get $at) (local.get $len)) (global.set $length (local.get $len))
            (call $set_timer (i32.const 1) (i64.const 0))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        )
    }
}

fn large() -> Guest {
    Guest { on_message: ASK_LARGE, ..Guest::asking() }
}

const FLOODS: &[Flood] = &[
    Flood {
        name: "asks one that never answers",
        guest: Guest::asking,
        policy: "deny",
        asks: "/never",
        hears: Hears::Echo,
        counted: ("busy", 1),
    },
    Flood {
        name: "asks on and on",
        guest: on_and_on,
        policy: "deny",
        asks: "/ok",
        hears: Hears::Closed,
        counted: ("busy", 1),
    },
    Flood {
        name: "asks on and on, and may fail",
        guest: on_and_on,
        policy: "allow",
        asks: "/ok",
        hears: Hears::Echo,
        counted: ("busy", 1),
    },
    Flood {
        name: "asks on and on what it may not",
        guest: on_and_on,
        policy: "deny",
        asks: "http://127.0.0.1:1/",
        hears: Hears::Closed,
        counted: ("forbidden", CLIENTS),
    },
    Flood {
        name: "asks at each tick",
        guest: ticking,
        policy: "deny",
        asks: "/never",
        hears: Hears::Echo,
        counted: ("busy", 1),
    },
    Flood {
        name: "asks with more than it may send",
        guest: large,
        policy: "deny",
        asks: "/ok",
        hears: Hears::Echo,
        counted: ("forbidden", CLIENTS),
    },
];

/// Answers every request but those for `/never`.
struct Service {
    origin: String,
    /// Requests that wait now, and the most that ever did.
    waiting: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let waiting: Arc<(AtomicUsize, AtomicUsize)> = Arc::default();
        let of_them = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let waiting = Arc::clone(&of_them);
                tokio::spawn(async move {
                    let _ = answer(connection, &waiting).await;
                });
            }
        });
        Self { origin, waiting }
    }
}

async fn answer(mut connection: TcpStream, (now, most): &(AtomicUsize, AtomicUsize)) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            if connection.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        if request.starts_with(b"GET /never") {
            most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
            // Until the other side gives up.
            let gone = connection.read_u8().await;
            now.fetch_sub(1, Relaxed);
            return gone.map(drop);
        }
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        request.clear();
    }
}

/// A client says what is to be asked.
async fn asks(mut client: Client, url: String, hears: Hears) {
    client.send(url.clone().into()).await.unwrap();
    match hears {
        Hears::Echo => {
            assert_eq!(client::next_text(&mut client).await, url);
            tokio::time::sleep(STAY).await;
        }
        Hears::Closed => assert_eq!(client::closed(&mut client).await.map(|(code, _)| code), Some(1011)),
    }
}

#[tokio::test]
async fn who_floods_a_service_with_questions_is_bounded_and_nobody_else_waits() {
    let (echo, folder, service) = (Echo::start().await, scratch("floods"), Service::start().await);
    std::fs::write(folder.join("honest.wasm"), bystanders::honest().component()).unwrap();
    let (backend, place) = (format!("ws://{}", echo.address), folder.display());
    let mut filters = format!("  honest: {{ wasm: {place}/honest.wasm }}\n");
    let mut routes = format!("  - {{ match: {{ path: /bystanders }}, backend: \"{backend}\", filters: [honest] }}\n");
    for (number, Flood { guest, policy, .. }) in FLOODS.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.wasm")), guest().component()).unwrap();
        writeln!(
            filters,
            "  flood-{number}: {{ wasm: {place}/{number}.wasm, on_failure: {policy}, limits: {{ memory: 4MiB, deadline: 1s }}, \
             callouts: {{ allow: [\"{}\"], timeout: 2s, in_flight: {IN_FLIGHT} }} }}",
            service.origin
        )
        .unwrap();
        writeln!(routes, "  - {{ match: {{ path: /{number} }}, backend: \"{backend}\", filters: [flood-{number}] }}")
            .unwrap();
    }
    let belay = Belay::start(&format!(
        "workers: 2\nlisteners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n\
         filters:\n{filters}routes:\n{routes}"
    ))
    .await;
    let mut bystanders = Bystanders::arrive(belay.address, bystanders::OF_LONG_CALLS).await;
    for (number, flood) in FLOODS.iter().enumerate() {
        let url = if flood.asks.starts_with('/') {
            format!("{}{}", service.origin, flood.asks)
        } else {
            flood.asks.to_owned()
        };
        let flooding = async {
            let mut connected = Vec::new();
            for _ in 0..CLIENTS {
                connected.push(client::connect(belay.address, &format!("/{number}")).await);
            }
            let mut clients = JoinSet::new();
            for client in connected {
                clients.spawn(asks(client, url.clone(), flood.hears));
            }
            while let Some(client) = clients.join_next().await {
                client.unwrap_or_else(|error| panic!("{}: {error}", flood.name));
            }
        };
        bystanders.watch(flood.name, flooding).await;
        let (outcome, least) = flood.counted;
        let series = format!("belay_filter_callouts_total{{filter=\"flood-{number}\",outcome=\"{outcome}\"}}");
        belay.metric_reaches(&series, least as f64).await;
        belay.metric_becomes(&format!("belay_filter_sessions{{filter=\"flood-{number}\"}}"), 0.0).await;
        let metrics = belay.metrics().await;
        let of = |name: &str| metrics[&format!("belay_filter_{name}{{filter=\"flood-{number}\"}}")];
        assert!(of("callouts_in_flight") <= IN_FLIGHT as f64, "{}", flood.name);
        // Who asks on after it was told `busy` has failed, and the log says so.
        let failed = (of("failures_total"), of("misuses_total"));
        let as_wanted = if flood.name.contains("on and on") {
            failed.0 > 0.0 && failed.0 == failed.1
        } else {
            failed == (0.0, 0.0)
        };
        assert!(as_wanted, "{}: {failed:?}", flood.name);
    }
    belay.log_with("it asked on after it was told `busy`").await;
    let most = service.waiting.1.load(Relaxed);
    assert!((1..=SEEN_MAX).contains(&most), "{most} were under way at a time");
    common::soon("the service to be left alone", async {
        while service.waiting.0.load(Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    bystanders.leave().await;
}
