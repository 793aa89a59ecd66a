//! The YAML taken up by the real binary while clients talk: by a change of the file, by the swap of the links of a mounted
//! ConfigMap, by SIGHUP and by the admin port. Nobody is dropped, nothing is lost, and what is wrong changes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;
#[path = "support/guest.rs"]
mod guest;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use common::backend::Echo;
use common::belay::Belay;
use common::{client, ports, soon};
use futures_util::SinkExt;
use guest::Guest;
use rustix::process::Signal;
use serde_json::{Value, json};

/// Listener, admin port and these routes, in flow style.
fn yaml(routes: &str) -> String {
    format!("listeners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\nroutes: [{routes}]\n")
}

async fn says(client: &mut client::Client, text: &str) -> String {
    client.send(text.into()).await.unwrap();
    client::next_text(client).await
}

/// Applied by every worker.
async fn reload(belay: &Belay) -> Value {
    let (status, answer) = belay.post("/config/reload").await;
    assert_eq!((status, &answer["outcome"], &answer["state"]), (200, &json!("applied"), &json!("serving")), "{answer}");
    answer
}

async fn config(belay: &Belay) -> Value {
    serde_json::from_str(&belay.get("/config").await.unwrap().1).unwrap()
}

async fn until(what: &str, belay: &Belay, is: impl Fn(&Value) -> bool) {
    soon(what, async {
        while !is(&config(belay).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Every message was accepted and delivered. What a backend was sent is delivered when it proves so, a second later.
async fn is_balanced(belay: &Belay, said: u64) {
    let counts = async |direction: &str| {
        let metrics = belay.metrics().await;
        ["accepted_total", "delivered_total", "held"]
            .map(|name| metrics[&format!("belay_messages_{name}{{direction=\"{direction}\"}}")])
    };
    for direction in ["to_backend", "to_client"] {
        soon("the books to balance", async {
            while counts(direction).await != [said as f64, said as f64, 0.0] {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_changes_is_told_and_what_takes_a_restart_too() {
    let echo = Echo::start().await;
    let belay = Belay::start(&yaml(&format!("{{ name: a, backend: \"ws://{}\" }}", echo.address))).await;
    assert_eq!(belay.post("/config/reload").await.1["outcome"], "unchanged");
    let more = "workers: 1\ntelemetry: { log: { level: debug } }\n";
    belay.write(&(yaml(&format!("{{ name: a, backend: \"ws://{}\", hold: {{ for: 5s }} }}", echo.address)) + more));
    let answer = reload(&belay).await;
    assert_eq!(answer["needs_restart"], json!(["workers"]));
    let changed = [
        json!({ "key": "routes.a.hold.for", "how": "changed", "effect": "live" }),
        json!({ "key": "workers", "how": "added", "effect": "needs a restart" }),
        json!({ "key": "telemetry.log.level", "how": "changed", "effect": "live" }),
    ];
    assert_eq!(answer["changes"], 3, "{answer}");
    for change in changed {
        assert!(answer["changed"].as_array().unwrap().contains(&change), "{answer}");
    }
    assert_eq!(belay.get("/log").await.unwrap().1, "debug\n");
    belay.metric_becomes("belay_config_generation", 2.0).await;
    belay.metric_becomes("belay_config_needs_restart", 1.0).await;
    belay.metric_becomes("belay_config_reloads_total{outcome=\"unchanged\"}", 1.0).await;
    let digest = config(&belay).await["sha256"].as_str().unwrap().to_owned();
    belay.metric_becomes(&format!("belay_config_info{{sha256=\"{digest}\"}}"), 1.0).await;
    belay.log_with("what the configuration says here needs a restart").await;
}

#[tokio::test]
async fn a_file_with_mistakes_changes_nothing_and_says_what_they_are() {
    let echo = Echo::start().await;
    let good = yaml(&format!("{{ backend: \"ws://{}\" }}", echo.address));
    let belay = Belay::start(&good).await;
    let mut client = client::connect(belay.address, "/").await;
    belay.write(&good.replace("backend", "backed"));
    let (status, answer) = belay.post("/config/reload").await;
    assert_eq!((status, &answer["outcome"], &answer["generation"]), (409, &json!("refused"), &json!(1)));
    let [mistake, ..] = &answer["errors"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!((&mistake["path"], &mistake["place"]["line"]), (&json!("routes[0].backed"), &json!(3)), "{answer}");
    assert_eq!(belay.get("/ready").await.unwrap().0, 200);
    belay.metric_becomes("belay_config_last_reload_successful", 0.0).await;
    belay.log_with("the configuration was not reloaded").await;

    // A filter that cannot be loaded, an address that cannot be had, a file that is gone.
    let filters = "filters: { limit: { use: rate-limit, config: { rate: often } } }\n";
    belay.write(&(good.clone() + filters));
    // An answer does not wait for as long as a slow machine compiles: it is asked again.
    let answer = soon("what came of it", async {
        loop {
            let (status, answer) = belay.post("/config/reload").await;
            assert_ne!(status, 200, "{answer}");
            if answer["errors"].is_array() {
                return answer;
            }
        }
    })
    .await;
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("filter limit: it does not accept its config"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = format!("[{{ address: \"{}\" }}, {{ address", taken.local_addr().unwrap());
    belay.write(&good.replacen("[{ address", &other, 1));
    let answer = belay.post("/config/reload").await.1;
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("another process listens there"), "{answer}");
    std::fs::remove_file(belay.folder.join("belay.yaml")).unwrap();
    assert_eq!(belay.post("/config/reload").await.0, 409);
    assert_eq!(says(&mut client, "x").await, "x");
    belay.write(&good);
    assert_eq!(belay.post("/config/reload").await.1["outcome"], "unchanged");
    belay.metric_becomes("belay_config_last_reload_successful", 1.0).await;
}

#[tokio::test]
async fn a_changed_file_a_swapped_link_and_a_signal_each_bring_it() {
    use std::os::unix::fs::symlink;
    let echo = Echo::start().await;
    let with_hold =
        |seconds: u8| yaml(&format!("{{ backend: \"ws://{}\", hold: {{ for: {seconds}s }} }}", echo.address));
    let belay = Belay::start(&with_hold(1)).await;
    belay.write(&with_hold(2));
    until("a changed file", &belay, |config| config["generation"] == 2).await;
    // As the kubelet mounts a ConfigMap. Belay may look at any moment.
    let (folder, file) = (&belay.folder, belay.folder.join("belay.yaml"));
    let text = std::fs::read_to_string(&file).unwrap();
    for (version, hold) in [("..1", "for: 3s"), ("..2", "for: 4s")] {
        std::fs::create_dir(folder.join(version)).unwrap();
        std::fs::write(folder.join(version).join("belay.yaml"), text.replace("for: 2s", hold)).unwrap();
    }
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/belay.yaml", folder.join("link")).unwrap();
    std::fs::rename(folder.join("link"), &file).unwrap();
    until("a link", &belay, |config| config["generation"] == 3).await;
    symlink("..2", folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    until("a swapped link", &belay, |config| config["generation"] == 4).await;
    belay.write(&with_hold(5));
    belay.signal(Signal::HUP);
    until("a signal", &belay, |config| config["generation"] == 5).await;
    belay.log_with("\"trigger\":\"SIGHUP\"").await;
}

#[tokio::test]
async fn routes_and_listeners_come_and_go_and_their_sessions_stay() {
    let (here, there) = (Echo::start().await, Echo::start().await);
    let route =
        |path: &str, backend: SocketAddr| format!("{{ match: {{ path: {path} }}, backend: \"ws://{backend}\" }}");
    let belay = Belay::start(&yaml(&route("/a", here.address))).await;
    let mut of_a = client::connect(belay.address, "/a").await;
    let second = ports::free();
    let two = format!("[{{ address: \"{second}\" }}, {{ address");
    belay.write(&yaml(&route("/b", there.address)).replacen("[{ address", &two, 1));
    reload(&belay).await;
    let mut of_b = client::connect(second, "/b").await;
    let (nobody, answer) = client::open(belay.address, "/a", "").await.unwrap();
    assert!(nobody.is_none() && answer.target() == "404", "{answer:?}");
    assert_eq!((says(&mut of_a, "old").await, says(&mut of_b, "new").await), ("old".to_owned(), "new".to_owned()));
    belay.write(&yaml(&route("/b", there.address)));
    reload(&belay).await;
    soon("the listener to be gone", async {
        while tokio::net::TcpStream::connect(second).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!((says(&mut of_a, "old").await, says(&mut of_b, "on").await), ("old".to_owned(), "on".to_owned()));
    is_balanced(&belay, 4).await;
}

#[tokio::test]
async fn a_held_session_finds_the_backend_s_new_address() {
    let here = Echo::start().await;
    let slow = "hold: { redial: { backoff: fixed, every: 10m } }";
    let to = |address| yaml(&format!("{{ name: a, backend: \"ws://{address}\", {slow} }}"));
    let belay = Belay::start(&to(here.address)).await;
    let mut client = client::connect(belay.address, "/").await;
    assert_eq!(says(&mut client, "one").await, "one");
    drop(here);
    belay.log_with("the backend is away").await;
    client.send("two".into()).await.unwrap();
    let there = Echo::start().await;
    belay.write(&to(there.address));
    reload(&belay).await;
    assert_eq!(client::next_text(&mut client).await, "two");
}

/// The chain of this variant: it goes through all orders and lengths.
fn chain(variant: usize) -> &'static str {
    ["a, b", "b, a", "a", "b, c, a", "c", "a, c"][variant % 6]
}

/// Each filter with another config in each variant.
fn variant(echo: SocketAddr, wasm: &Path, variant: usize) -> String {
    let filter = |name: &str| {
        format!("{name}: {{ wasm: \"{}\", config: {{ n: {variant} }}, limits: {{ deadline: 1s }} }}", wasm.display())
    };
    let filters = ["a", "b", "c"].map(filter).join(", ");
    let route = format!("{{ name: chat, backend: \"ws://{echo}\", filters: [{}] }}", chain(variant));
    yaml(&route) + &format!("filters: {{ {filters} }}\n")
}

/// Puts a mark behind each message, and the count of those behind it in the session.
fn marking() -> Vec<u8> {
    Guest::counting('m').component()
}

const CLIENTS: usize = 300;
const RELOADS: usize = 30;

#[tokio::test]
async fn hundreds_of_clients_notice_nothing_of_dozens_of_reloads() {
    let (echo, folder) = (Echo::start().await, common::scratch("config-reload"));
    let wasm = folder.join("mark.wasm");
    std::fs::write(&wasm, marking()).unwrap();
    let belay = Belay::start(&variant(echo.address, &wasm, 0)).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let mut client = client::connect(belay.address, "/").await;
        let over = Arc::clone(&over);
        clients.spawn(async move {
            let mut said = 0;
            while !over.load(Relaxed) {
                let answer = says(&mut client, "x").await;
                // Every chain has a filter that replaces: what comes back is a mark, whatever chain it met.
                assert_eq!((answer.len(), &answer[..1]), (9, "m"), "client {number}");
                said += 1;
                tokio::time::sleep(Duration::from_millis(100 + number as u64 % 50)).await;
            }
            client.close(None).await.unwrap();
            client::closed(&mut client).await;
            said
        });
    }
    for reloads in 1..=RELOADS {
        if reloads % 5 == 0 {
            belay.write("listeners: nonsense");
            assert_eq!(belay.post("/config/reload").await.0, 409);
        }
        belay.write(&variant(echo.address, &wasm, reloads));
        soon("a reload", async {
            while belay.post("/config/reload").await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    over.store(true, Relaxed);
    let mut said = 0;
    while let Some(client) = clients.join_next().await {
        said += client.unwrap();
    }
    is_balanced(&belay, said).await;
    let metrics = belay.metrics().await;
    assert!(metrics["belay_config_generation"] >= RELOADS as f64 / 2.0);
    for filter in ["a", "b", "c"] {
        assert_eq!(metrics[&format!("belay_filter_failures_total{{filter=\"{filter}\"}}")], 0.0);
        assert_eq!(metrics[&format!("belay_filter_states_lost_total{{filter=\"{filter}\"}}")], 0.0);
    }
    eprintln!("{said} messages of {CLIENTS} clients in {RELOADS} reloads, {} of them refused", RELOADS / 5);
}

#[tokio::test]
async fn a_process_that_is_going_away_takes_up_no_configuration() {
    let echo = Echo::start().await;
    let drain = "drain: { over: 20s }\n";
    let mut belay = Belay::start(&(yaml(&format!("{{ backend: \"ws://{}\" }}", echo.address)) + drain)).await;
    let clients = [client::connect(belay.address, "/").await, client::connect(belay.address, "/").await];
    belay.terminate();
    belay.log_with("draining").await;
    belay.write(&yaml("{ backend: \"ws://127.0.0.1:1\" }"));
    let (status, answer) = belay.post("/config/reload").await;
    assert_eq!((status, &answer["outcome"]), (503, &json!("refused")), "{answer}");
    drop(clients);
    assert!(belay.ended().await.success());
}

#[tokio::test]
async fn a_filter_s_file_that_is_not_the_one_that_is_pinned_is_refused() {
    let (echo, folder) = (Echo::start().await, common::scratch("pins"));
    let wasm = folder.join("mark.wasm");
    std::fs::write(&wasm, marking()).unwrap();
    let digest = sha256(&wasm);
    let pinned = |digest: &str| {
        yaml(&format!("{{ backend: \"ws://{}\", filters: [mark] }}", echo.address))
            + &format!("filters: {{ mark: {{ wasm: \"{}\", sha256: {digest} }} }}\n", wasm.display())
    };
    let belay = Belay::start(&pinned(&digest)).await;
    let mut client = client::connect(belay.address, "/").await;
    assert_eq!(says(&mut client, "x").await, "m00000001");
    std::fs::write(&wasm, Guest::counting('n').component()).unwrap();
    let (status, told) = belay.post("/filters/mark/reload").await;
    let error = told["last_error"].as_str().unwrap();
    assert_eq!(status, 409);
    assert!(error.contains(&digest) && error.contains(&sha256(&wasm)), "{error}");
    assert_eq!(says(&mut client, "x").await, "m00000002");
    // The YAML says that it is meant.
    belay.write(&pinned(&sha256(&wasm)));
    reload(&belay).await;
    assert_eq!(says(&mut client, "x").await, "n00000003");
    // What is pinned is not even looked at: this is no component.
    std::fs::write(&wasm, "nonsense").unwrap();
    belay.write(&pinned(&digest));
    let answer = belay.post("/config/reload").await.1;
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("is not the component that sha256 pins"));
    assert_eq!(says(&mut client, "x").await, "n00000004");
}

/// As people get it.
fn sha256(file: &Path) -> String {
    let said = std::process::Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(said.stdout).unwrap()[..64].to_owned()
}
