//! What it costs to look at many sessions, and what those who are not looked at notice of it. Figures are printed, and none is
//! asserted: `BELAY_SESSIONS=9800` for as many as a limit of 20,000 files allows, `BELAY_BINARY` for an optimised build.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, dead_code, reason = "tests")]

mod common;
#[path = "leaks/crowd.rs"]
mod crowd;
#[path = "operators/made_up.rs"]
mod made_up;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use common::backend::Echo;
use common::belay::{Belay, http_get};
use common::client::{self, Client};
use common::tools;
use crowd::{Backend, Crowd};
use futures_util::SinkExt;
use serde_json::Value;

/// In CI; what is to be seen of it is seen.
const SESSIONS: usize = 2_000;
/// That have a backend at a time, and so a second file each in Belay and in this process: all others are held, with one.
const BATCH: usize = 500;
/// How often the bystander says something with nobody looking, to compare.
const UNDISTURBED: usize = 500;

/// What a dashboard is to be quick with.
const MANY: usize = 20_000;

fn sessions() -> usize {
    std::env::var("BELAY_SESSIONS").map_or(SESSIONS, |count| count.parse().unwrap())
}

/// One worker, so that the bystander shares it with all others; a route and a backend for each batch. The crowd answers no
/// probes.
fn yaml(echo: &Echo, backends: &[SocketAddr]) -> String {
    let mut yaml = format!(
        "listeners: [{{ address: '{{listen}}', limits: {{ connections: 100000 }} }}]\nadmin: {{ address: '{{admin}}' }}\n\
         workers: 1\nroutes:\n  - {{ name: bystander, match: {{ path: /by }}, backend: 'ws://{}' }}\n",
        echo.address
    );
    for (number, backend) in backends.iter().enumerate() {
        yaml += &format!(
            "  - {{ name: r{number}, match: {{ path_prefix: /crowd/{number}/ }}, backend: 'ws://{backend}', heartbeat: {{ \
             probe: off }}, hold: {{ for: 24h, redial: {{ backoff: fixed, every: 1h }} }} }}\n"
        );
    }
    yaml
}

async fn page(admin: SocketAddr, query: &str) -> (Value, usize, Duration) {
    let begun = Instant::now();
    let (status, body) = http_get(admin, &format!("/sessions{query}")).await.unwrap();
    assert_eq!(status, 200, "{body}");
    (serde_json::from_str(&body).unwrap(), body.len(), begun.elapsed())
}

/// One word there and back.
async fn round(client: &mut Client) -> Duration {
    let begun = Instant::now();
    client.send("hello".into()).await.unwrap();
    client::next_text(client).await;
    begun.elapsed()
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    eprintln!("{what}: {} rounds, median {:?}, p99 {:?}, most {:?}", times.len(), at(0.5), at(0.99), at(1.0));
}

/// Every session, each exactly once, a page at a time; then what the dashboard asks for, and searches through all.
async fn look(admin: SocketAddr, count: usize) {
    let (mut seen, mut after, mut pages) = (BTreeSet::new(), String::new(), 0);
    let begun = Instant::now();
    loop {
        let (found, ..) = page(admin, &format!("?limit=1000{after}")).await;
        pages += 1;
        for row in found["sessions"].as_array().unwrap() {
            assert!(seen.insert(row["id"].as_str().unwrap().to_owned()), "a session came twice");
        }
        let Some(next) = found["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), count);
    eprintln!("all {count} sessions in {pages} pages of 1000: {:?}", begun.elapsed());
    let (first, bytes, took) = page(admin, "?limit=25").await;
    eprintln!("the dashboard's page of {}: {bytes} bytes in {took:?}", first["sessions"].as_array().unwrap().len());
    let mut searches = Vec::new();
    for _ in 0..20 {
        let (none, _, took) = page(admin, "?text=there-is-no-such-session").await;
        assert_eq!(none["sessions"].as_array().unwrap().len(), 0);
        searches.push(took);
    }
    told("a search through all that finds nothing", searches);
    let begun = Instant::now();
    let (_, text) = http_get(admin, "/metrics").await.unwrap();
    eprintln!("/metrics: {} bytes in {:?}", text.len(), begun.elapsed());
}

#[tokio::test]
async fn a_crowd_is_looked_at_and_a_bystander_talks_on() {
    let (echo, count) = (Echo::start().await, sessions());
    let mut backends: Vec<Backend> = (0..count.div_ceil(BATCH)).map(|_| Backend::start()).collect();
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let belay = Belay::start(&yaml(&echo, &addresses)).await;
    let mut crowd = Vec::new();
    for (batch, backend) in backends.drain(..).enumerate() {
        let size = BATCH.min(count - batch * BATCH);
        crowd.push(Crowd::comes(belay.address, size, |number| format!("/crowd/{batch}/{number}")).await);
        backend.goes().await;
    }
    let mut bystander = client::connect(belay.address, "/by").await;
    belay.metric_becomes("belay_sessions", (count + 1) as f64).await;

    let mut undisturbed = Vec::new();
    for _ in 0..UNDISTURBED {
        undisturbed.push(round(&mut bystander).await);
    }
    // On a thread of its own: reading what is answered is not to be taken for the bystander's waiting.
    let admin = belay.admin;
    let looking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(look(admin, count + 1));
    });
    let mut meanwhile = Vec::new();
    while !looking.is_finished() {
        meanwhile.push(round(&mut bystander).await);
    }
    looking.join().unwrap();
    told("the bystander, with nobody looking", undisturbed);
    told("the bystander, while all are looked at", meanwhile);
    in_a_browser(belay.admin, count + 1).await;
    drop(crowd);
}

/// More than there are files for, so there is none: what workers would show is made up.
#[tokio::test]
async fn twenty_thousand_sessions_are_paged_searched_and_shown() {
    let port = made_up::admin(MANY);
    let admin = port.address();
    look(admin, MANY).await;
    for (query, wanted) in [
        ("?state=holding&limit=1000&text=user", MANY / made_up::HELD),
        ("?attribute=user=u7&limit=1000", MANY / made_up::USERS),
        ("?peer=10.0.1.&limit=1000", 256),
    ] {
        let (mut found, mut after, begun) = (0, String::new(), Instant::now());
        loop {
            let (page, ..) = page(admin, &format!("{query}{after}")).await;
            found += page["sessions"].as_array().unwrap().len();
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, wanted, "{query}");
        eprintln!("{query}: {found} of {MANY} in {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    let (status, one) = http_get(admin, &format!("/sessions/{:032x}", MANY - 1)).await.unwrap();
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((status, one["path"].as_str()), (200, Some("/by")));
    eprintln!("the last of {MANY}, by its id: {:?}", begun.elapsed());
    assert_eq!(http_get(admin, &format!("/sessions/{MANY:032x}")).await.unwrap().0, 404);
    in_a_browser(admin, MANY).await;
}

/// The dashboard in front of them: it stays quick.
async fn in_a_browser(admin: SocketAddr, count: usize) {
    const TEST: &str = "the_dashboard_with_many_sessions";
    let Some(mut node) = tools::node(TEST, &["playwright-core"]) else { return };
    let Some(chromium) = tools::program(TEST, "chromium") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboard/many.cjs");
    node.arg(script).arg(format!("http://{admin}/")).arg(count.to_string()).env("CHROMIUM", chromium);
    let browsed = tokio::task::spawn_blocking(move || node.output().unwrap());
    let output = tokio::time::timeout(Duration::from_secs(120), browsed).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    eprint!("{said}");
}
