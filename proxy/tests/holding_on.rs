//! What must always be true, under faults: hundreds of sessions whose clients and backends number what they say, while
//! connections to the backend end at random moments in every way that they can end, and now and then the whole backend
//! dies. Nothing is missing that was not reported, nothing comes twice or out of order, and the books balance.
//!
//! The faults come from seeds; when they strike is also up to the machine. The state machine alone, in virtual time, is
//! tested beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod common;

#[path = "holding_on/client.rs"]
mod client;
#[path = "holding_on/faulty.rs"]
mod faulty;
#[path = "holding_on/verdict.rs"]
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use client::Told;
use common::belay::Belay;
use common::{ports, soon};
use faulty::{Book, FaultyBackend};
use tokio::task::JoinSet;

/// Sessions of a wave live at the same time, and share the deaths of their backend.
const WAVES: u64 = 12;
const SESSIONS_PER_WAVE: u64 = 40;

/// What the route does with messages that may or may not have arrived.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Mode {
    /// They are lost, and the client is told how many.
    Report,
    /// They are sent again.
    Resend,
}

/// One session: half of the seeds for each mode.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Session {
    mode: Mode,
    seed: u64,
}

impl Session {
    fn of(seed: u64) -> Self {
        Self { mode: if seed.is_multiple_of(2) { Mode::Report } else { Mode::Resend }, seed }
    }

    /// How the backend knows it again.
    fn path(self) -> String {
        let mode = if self.mode == Mode::Report { "report" } else { "resend" };
        format!("/{mode}/{}", self.seed)
    }

    fn of_path(path: &str) -> Self {
        Self::of(path.rsplit('/').next().unwrap().parse().unwrap())
    }
}

#[tokio::test]
async fn nothing_is_lost_in_silence_when_backends_fail_at_random_moments() {
    let backend = ports::free();
    let belay = Belay::start(&format!(
        "\
listeners:
  - address: {{listen}}
admin:
  address: {{admin}}
routes:
  - match: {{ path_prefix: /report }}
    backend: ws://{backend}
    hold: {{ confirm_after: 5ms, redial: {{ backoff: exponential, from: 5ms, to: 20ms }}, notice: {{ holding: 'away {{unconfirmed}}' }} }}
  - match: {{ path_prefix: /resend }}
    backend: ws://{backend}
    hold: {{ unconfirmed: resend, confirm_after: 5ms, redial: {{ backoff: fixed, every: 10ms }}, notice: {{ holding: 'away {{unconfirmed}}' }} }}
"
    ))
    .await;

    let mut told = BTreeMap::new();
    let mut books = BTreeMap::new();
    for wave in 0..WAVES {
        let backend = FaultyBackend::start(backend, wave);
        let mut clients = JoinSet::new();
        for number in 0..SESSIONS_PER_WAVE {
            let session = Session::of(wave * SESSIONS_PER_WAVE + number);
            let address = belay.address;
            clients.spawn(async move { (session, client::talk(address, session).await) });
        }
        told.extend(soon("the end of a wave", clients.join_all()).await);
        books.extend(backend.stop().await);
    }

    let faults: Vec<String> =
        told.iter().flat_map(|(session, told)| verdict::of(*session, told, &books[session])).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    the_books_balance(&belay, &told, &books).await;
}

/// Belay's own counts, beside those of both ends.
async fn the_books_balance(belay: &Belay, told: &BTreeMap<Session, Told>, books: &BTreeMap<Session, Book>) {
    let metrics = soon("the end of all sessions", async {
        loop {
            let metrics = belay.metrics().await;
            if metrics["belay_sessions"] == 0.0 {
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let count =
        |name: &str, direction: &str| metrics[&format!("belay_messages_{name}{{direction=\"{direction}\"}}")] as u64;
    let lost = |direction: &str| -> u64 {
        let of = format!("belay_messages_lost_total{{direction=\"{direction}\"");
        metrics.iter().filter(|(name, _)| name.starts_with(&of)).map(|(_, value)| *value as u64).sum()
    };
    for direction in ["to_backend", "to_client"] {
        let accepted = count("accepted_total", direction);
        let accounted = count("delivered_total", direction) + count("consumed_total", direction) + lost(direction);
        assert_eq!(accepted, accounted, "{direction}: accepted, and delivered, consumed or lost: {metrics:#?}");
        assert_eq!(count("held", direction), 0, "{direction}: no session is left to hold anything");
    }
    let sent: u64 = told.values().map(|told| u64::from(told.sent)).sum();
    assert_eq!(count("accepted_total", "to_backend"), sent, "messages that clients sent");
    let heard: u64 = told.values().map(|told| told.heard.len() as u64 + told.ends).sum();
    assert_eq!(count("delivered_total", "to_client"), heard, "messages that clients heard");
    let reported: u64 =
        told.iter().filter(|(session, _)| session.mode == Mode::Report).map(|(_, told)| told.reported).sum();
    assert_eq!(lost("to_backend"), reported, "losses that clients were told of");

    let connections: usize = books.values().map(|book| book.connections.len()).sum();
    println!("{} sessions, {connections} connections to the backend, {sent} and {heard} messages", told.len());
    println!("{reported} messages reported as perhaps lost");
    assert!(connections > 2 * told.len(), "too few faults to prove anything");
}
