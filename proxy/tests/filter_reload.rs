//! Filters replaced in the real binary while clients talk: by a change of their file, by the swap of the links of a mounted
//! ConfigMap, by the admin port. Nobody is dropped, no message skipped, and what was counted goes on being counted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;
#[path = "support/guest.rs"]
mod guest;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use common::backend::Echo;
use common::belay::Belay;
use common::{client, soon};
use futures_util::SinkExt;
use guest::Guest;
use serde_json::Value;

/// Belay with the filter of this file before an echo.
async fn serving(echo: &Echo, wasm: &Path) -> Belay {
    Belay::start(&format!(
        "listeners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n\
         filters: {{ count: {{ wasm: {}, limits: {{ deadline: 1s }} }} }}\n\
         routes: [{{ backend: \"ws://{}\", filters: [count] }}]\n",
        wasm.display(),
        echo.address
    ))
    .await
}

/// Puts a component where another was, as a whole.
fn put(component: &[u8], file: &Path) {
    let part = file.with_extension("part");
    std::fs::write(&part, component).unwrap();
    std::fs::rename(&part, file).unwrap();
}

async fn says(client: &mut client::Client) -> String {
    client.send("x".into()).await.unwrap();
    client::next_text(client).await
}

/// Has its only filter looked at again: what came of it. It is asked again while it still compiles, as it does for long on a
/// busy machine, and while workers take up what the file's own watch has found.
async fn reload(belay: &Belay) -> (u16, Value) {
    soon("a reload", async {
        loop {
            match belay.post("/filters/count/reload").await {
                (202, _) => {}
                (409, told) if told.to_string().contains("try again in a moment") => {}
                answer => return answer,
            }
        }
    })
    .await
}

/// `/filters`, its only entry.
async fn shown(belay: &Belay) -> Value {
    let (status, body) = belay.get("/filters").await.unwrap();
    assert_eq!(status, 200, "{body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    page["filters"][0].clone()
}

/// Until all workers have this generation.
async fn generation(belay: &Belay, generation: u64) {
    soon("a reload", async {
        loop {
            let filter = shown(belay).await;
            if filter["generation"] == generation && filter["state"] == "serving" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

fn folder() -> PathBuf {
    common::scratch("reload")
}

#[tokio::test]
async fn a_changed_file_is_taken_up_and_a_session_goes_on_where_it_was() {
    let (echo, file) = (Echo::start().await, folder().join("count.wasm"));
    put(&Guest::counting('a').component(), &file);
    let belay = serving(&echo, &file).await;
    let mut client = client::connect(belay.address, "/").await;
    assert_eq!(says(&mut client).await, "a00000001");
    put(&Guest::counting('b').component(), &file);
    generation(&belay, 2).await;
    assert_eq!(says(&mut client).await, "b00000002");
    belay.metric_becomes("belay_filter_generation{filter=\"count\"}", 2.0).await;
    belay.metric_becomes("belay_filter_reloads_total{filter=\"count\",outcome=\"accepted\"}", 1.0).await;
    belay.metric_becomes("belay_filter_states_carried_total{filter=\"count\"}", 1.0).await;
}

#[tokio::test]
async fn the_links_of_a_mounted_config_map_may_be_swapped() {
    use std::os::unix::fs::symlink;
    let (echo, folder) = (Echo::start().await, folder());
    for (version, name) in [("..1", 'a'), ("..2", 'b')] {
        std::fs::create_dir(folder.join(version)).unwrap();
        std::fs::write(folder.join(version).join("count.wasm"), Guest::counting(name).component()).unwrap();
    }
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/count.wasm", folder.join("count.wasm")).unwrap();
    let belay = serving(&echo, &folder.join("count.wasm")).await;
    let mut client = client::connect(belay.address, "/").await;
    assert_eq!(says(&mut client).await, "a00000001");
    symlink("..2", folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    generation(&belay, 2).await;
    assert_eq!(says(&mut client).await, "b00000002");
}

#[tokio::test]
async fn a_bad_version_is_refused_and_told_and_the_old_goes_on() {
    let (echo, file) = (Echo::start().await, folder().join("count.wasm"));
    put(&Guest::counting('a').component(), &file);
    let belay = serving(&echo, &file).await;
    let mut client = client::connect(belay.address, "/").await;
    assert_eq!(says(&mut client).await, "a00000001");
    put(b"not a component", &file);
    let (status, told) = reload(&belay).await;
    assert_eq!((status, &told["generation"]), (409, &Value::from(1)));
    assert!(told["last_error"].as_str().unwrap().contains("not a WebAssembly component"), "{told}");
    assert_eq!(says(&mut client).await, "a00000002");
    // The file's own watch may have been first, and have refused it too.
    belay.metric_reaches("belay_filter_reloads_total{filter=\"count\",outcome=\"refused\"}", 1.0).await;
    belay.log_with("a filter was not reloaded").await;

    assert_eq!(belay.post("/filters/nobody/reload").await.0, 404);
    assert_eq!(belay.get("/filters/count/reload").await.unwrap().0, 405);
    put(&Guest::counting('b').component(), &file);
    let (status, told) = reload(&belay).await;
    assert_eq!((status, &told["last_error"]), (200, &Value::Null), "{told}");
    generation(&belay, 2).await;
    assert_eq!(says(&mut client).await, "b00000003");
}

#[tokio::test]
async fn a_version_that_wants_nothing_is_not_asked_any_more() {
    const WANTS_NOTHING: &str = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
    let (echo, file) = (Echo::start().await, folder().join("count.wasm"));
    put(&Guest::counting('a').component(), &file);
    let belay = serving(&echo, &file).await;
    let mut client = client::connect(belay.address, "/").await;
    assert_eq!(says(&mut client).await, "a00000001");
    put(&Guest { configure: WANTS_NOTHING, ..Guest::default() }.component(), &file);
    assert_eq!(reload(&belay).await.0, 200);
    generation(&belay, 2).await;
    let calls = belay.metrics().await["belay_filter_calls_total{filter=\"count\"}"];
    assert_eq!(says(&mut client).await, "x");
    assert_eq!(belay.metrics().await["belay_filter_calls_total{filter=\"count\"}"], calls);
}

const CLIENTS: usize = 1000;
const SWAPS: u64 = 20;

/// What happens in the meantime.
#[derive(Clone, Copy)]
enum Stage {
    Arriving,
    AtRest,
    Swapping,
    Settling,
    Leaving,
}

/// What one client has seen.
#[derive(Default)]
struct Seen {
    said: u64,
    at_rest: Vec<Duration>,
    swapping: Vec<Duration>,
    versions: std::collections::BTreeSet<u8>,
}

#[tokio::test]
async fn a_thousand_clients_notice_nothing_of_twenty_swaps() {
    let (echo, file) = (Echo::start().await, folder().join("count.wasm"));
    put(&Guest::counting('a').component(), &file);
    let belay = serving(&echo, &file).await;
    // Made before anything is measured: clients and swaps share this test's one thread.
    let versions: Vec<Vec<u8>> =
        (1..=SWAPS).map(|swap| Guest::counting(char::from(b'a' + swap as u8)).component()).collect();
    let stage = Arc::new(AtomicU8::new(Stage::Arriving as u8));
    let (last, arrived) = (b'a' + SWAPS as u8, Arc::new(AtomicUsize::new(0)));
    let enter = |next: Stage| stage.store(next as u8, Relaxed);
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let mut client = client::connect(belay.address, "/").await;
        let (stage, arrived) = (Arc::clone(&stage), Arc::clone(&arrived));
        clients.spawn(async move {
            let mut seen = Seen::default();
            while stage.load(Relaxed) != Stage::Leaving as u8 {
                let (begun, during) = (Instant::now(), stage.load(Relaxed));
                let answer = says(&mut client).await;
                let took = begun.elapsed();
                seen.said += 1;
                assert_eq!(answer[1..], format!("{:08}", seen.said), "client {number} lost count");
                if seen.versions.insert(answer.as_bytes()[0]) && answer.as_bytes()[0] == last {
                    arrived.fetch_add(1, Relaxed);
                }
                match during {
                    stage if stage == Stage::AtRest as u8 => seen.at_rest.push(took),
                    stage if stage == Stage::Swapping as u8 => seen.swapping.push(took),
                    _ => {}
                }
                tokio::time::sleep(Duration::from_millis(200 + number as u64 % 50)).await;
            }
            client.close(None).await.unwrap();
            let _ = client::closed(&mut client).await;
            seen
        });
    }
    enter(Stage::AtRest);
    tokio::time::sleep(Duration::from_secs(4)).await;
    enter(Stage::Swapping);
    let begun = Instant::now();
    for version in &versions {
        put(version, &file);
        let before = shown(&belay).await["generation"].as_u64().unwrap();
        let (status, told) = reload(&belay).await;
        assert_eq!(status, 200, "{told}");
        generation(&belay, told["generation"].as_u64().unwrap().max(before)).await;
    }
    let swaps_took = begun.elapsed();
    enter(Stage::Settling);
    soon("everybody in the last version", async {
        while arrived.load(Relaxed) < CLIENTS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    enter(Stage::Leaving);
    let mut all = Seen::default();
    while let Some(seen) = clients.join_next().await {
        let seen = seen.unwrap();
        all.said += seen.said;
        all.at_rest.extend(seen.at_rest);
        all.swapping.extend(seen.swapping);
        assert_eq!(seen.versions.last(), Some(&last));
    }
    for direction in ["to_backend", "to_client"] {
        for (name, count) in [("accepted_total", all.said), ("delivered_total", all.said), ("held", 0)] {
            belay.metric_becomes(&format!("belay_messages_{name}{{direction=\"{direction}\"}}"), count as f64).await;
        }
    }
    let metrics = belay.metrics().await;
    let of = |name: &str| metrics[&format!("belay_filter_{name}{{filter=\"count\"}}")];
    assert!(of("generation") > SWAPS as f64);
    assert_eq!((of("states_lost_total"), of("failures_total")), (0.0, 0.0));
    eprintln!(
        "{} messages of {CLIENTS} clients, {SWAPS} swaps in {:.1} s, {} states carried over; \
         p50 and p99 at rest {:.1?} and {:.1?} ({} messages), while swapping {:.1?} and {:.1?} ({} messages)",
        all.said,
        swaps_took.as_secs_f64(),
        of("states_carried_total"),
        percentile(&mut all.at_rest, 50),
        percentile(&mut all.at_rest, 99),
        all.at_rest.len(),
        percentile(&mut all.swapping, 50),
        percentile(&mut all.swapping, 99),
        all.swapping.len(),
    );
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}
