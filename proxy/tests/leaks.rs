//! A hundred thousand sessions come and go, in every way there is, and leave nothing behind. It takes two minutes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;
#[path = "leaks/crowd.rs"]
mod crowd;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use common::belay::Belay;
use common::webhook::SECRET;
use common::{PATIENCE, ports, scratch, soon};
use crowd::{Backend, Crowd, Leaving};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Sessions of one kind, at a time.
const CROWD: usize = 2_000;
/// Of [`Leaving::ALL`], five of which open sessions: 100,000 of them.
const ROUNDS: usize = 10;
/// Rounds after which everything is as large as it ever is, the allocator's reserves included.
const ROUNDS_TO_GROW: usize = 2;
/// Different clients: a crowd has each, or more than one session of each.
const IDENTITIES: usize = 1_000;
/// What the process may have grown by since. A leak of 40 bytes a session would be more.
const GROWTH_MAX: f64 = 3e6;
/// It grows so once more at every such try if it leaks. An allocator that met another order of things, as on a busy machine,
/// has its reserves then.
const TRIES: usize = 2;

const TOKEN_KEY: &str = "a secret of thirty-two bytes, or a few more";

fn token(number: usize) -> String {
    let claims = format!(r#"{{"sub":"client-{}","exp":9000000000}}"#, number % IDENTITIES);
    let [header, claims] = [r#"{"alg":"HS256"}"#, &claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_KEY.as_bytes()).unwrap();
    mac.update(format!("{header}.{claims}").as_bytes());
    format!("{header}.{claims}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Waits until a metric says so.
async fn until(belay: &Belay, what: &str, is_so: impl Fn(&BTreeMap<String, f64>) -> bool) -> BTreeMap<String, f64> {
    soon(what, async {
        loop {
            let metrics = belay.metrics().await;
            if is_so(&metrics) {
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

/// Whatever is kept for what is open: series by how their names begin.
const TABLES: [&str; 9] = [
    "belay_table_entries",
    "belay_sessions_holding",
    "belay_client_sessions",
    "belay_clients{state=\"connected\"}",
    "belay_clients{state=\"reconnecting\"}",
    "belay_filter_sessions",
    "belay_messages_held",
    "belay_report_events_waiting",
    "belay_report_journal_entries",
];

/// Waits until every table is empty.
async fn all_tables_are_empty(belay: &Belay) -> BTreeMap<String, f64> {
    let begun = Instant::now();
    loop {
        let metrics = belay.metrics().await;
        let mut full = Vec::new();
        for table in TABLES {
            let mut series = metrics.iter().filter(|(name, _)| name.starts_with(table)).peekable();
            assert!(series.peek().is_some(), "there is no {table}");
            full.extend(series.filter(|(_, entries)| **entries != 0.0));
        }
        if full.is_empty() {
            return metrics;
        }
        assert!(begun.elapsed() < PATIENCE, "not empty: {full:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn round(belay: &Belay, mut backend: Backend, targets: &[String]) -> Backend {
    for leaving in Leaving::ALL {
        let target = |number: usize| targets[number % targets.len()].clone();
        if leaving == Leaving::AtTheDoor {
            Crowd::knocks(belay.address, CROWD, "/held").await;
            continue;
        }
        let crowd = Crowd::comes(belay.address, CROWD, target).await;
        if leaving == Leaving::WhileHeld {
            let address = backend.goes().await;
            until(belay, "all to be held", |metrics| metrics["belay_sessions_holding"] == CROWD as f64).await;
            crowd.goes(leaving).await;
            backend = Backend::is_back(address);
        } else {
            crowd.goes(leaving).await;
        }
        until(belay, "all to be gone", |metrics| metrics["belay_sessions"] == 0.0).await;
    }
    backend
}

#[tokio::test]
async fn a_hundred_thousand_sessions_leave_nothing_behind() {
    let (mut backend, folder) = (Backend::start(), scratch("spool"));
    let endpoint = ports::free();
    tokio::spawn(crowd::take_reports(common::backend::listen(endpoint)));
    let yaml = format!(
        "\
# A machine that stands still for a while is no slow client.
listeners: [{{ address: '{{listen}}', limits: {{ handshake_timeout: 1m }} }}]
admin: {{ address: '{{admin}}' }}
workers: 2
filters:
  auth: {{ use: auth-jwt, limits: {{ deadline: 1s }}, config: {{ keys: [{{ secret: '{TOKEN_KEY}' }}], token: [{{ query: token }}] }} }}
routes:
  - name: known
    match: {{ path: /known }}
    backend: ws://{address}
    filters: [auth]
    # These clients answer no probes; what is kept for probing is there all the same.
    heartbeat: {{ probe: {{ every: adaptive, min: 10m, max: 30m, detect_within: 30m, group: {{ prefix_v4: 24 }} }} }}
  - name: held
    backend: ws://{address}
    heartbeat: {{ answer: [websocket, {{ text: {{ ping: ping, pong: pong }} }}], probe: {{ every: 10m, timeout: 1m }} }}
telemetry: {{ sample: {{ sessions: 0 }} }}
clients: {{ grace: 500ms, entries: 1200 }}
report:
  endpoint: http://{endpoint}/
  secret: {{ environment: SECRET }}
  events: [client, session]
  batch: {{ every: 100ms, events: 1000 }}
  spool: {{ folder: '{folder}' }}
",
        address = backend.address,
        folder = folder.display()
    );
    let belay = Belay::start_with(&yaml, |command| {
        command.env("SECRET", SECRET);
    })
    .await;
    let targets: Vec<String> =
        (0..IDENTITIES).flat_map(|number| [format!("/known?token={}", token(number)), "/held".to_owned()]).collect();
    let begun = Instant::now();
    for _ in 0..ROUNDS_TO_GROW {
        backend = round(&belay, backend, &targets).await;
    }
    let mut first = all_tables_are_empty(&belay).await;
    let mut tries = 0;
    let (last, growth) = loop {
        for _ in ROUNDS_TO_GROW..ROUNDS {
            backend = round(&belay, backend, &targets).await;
        }
        let last = all_tables_are_empty(&belay).await;
        let growth = last["process_resident_memory_bytes"] - first["process_resident_memory_bytes"];
        tries += 1;
        if growth <= GROWTH_MAX || tries == TRIES {
            break (last, growth);
        }
        first = last;
    };
    eprintln!(
        "{} sessions and {} handshakes in {:?} (Belay: {:.0} s of processor); {:.1} MB when it had grown, {:+.2} MB since",
        last["belay_sessions_opened_total"],
        last["belay_connections_accepted_total"],
        begun.elapsed(),
        last["process_cpu_seconds_total"],
        first["process_resident_memory_bytes"] / 1e6,
        growth / 1e6,
    );
    assert!(last["belay_sessions_opened_total"] >= 100_000.0);
    assert!(growth <= GROWTH_MAX, "{growth} bytes");
    assert!(last["process_open_fds"] <= first["process_open_fds"] + 4.0, "{last:#?}");
    assert!(last["belay_clients{state=\"disconnected\"}"] <= IDENTITIES as f64);
    assert!(last["belay_report_spool_bytes"] <= 1.1 * 1024.0 * 1024.0, "a segment that is written to stays");
    let networks: Value = serde_json::from_str(&belay.get("/heartbeats").await.unwrap().1).unwrap();
    let networks = networks["networks"].as_array().unwrap();
    assert!(!networks.is_empty() && networks.iter().all(|network| network["sessions"] == 0), "{networks:#?}");
    drop(backend);
    drop(belay);
    std::fs::remove_dir_all(folder).unwrap();
}
