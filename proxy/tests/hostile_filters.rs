//! Filters that mean harm, in the real binary: whatever they do, each of their sessions ends as their policy says, and nobody
//! else notices. Beside each of them two bystanders on a route with an honest filter say something all the time, one on each
//! worker; how long their answers took is printed, and bounded so that only a worker that stood still fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;
#[path = "support/guest.rs"]
mod guest;

#[path = "hostile_filters/bystanders.rs"]
mod bystanders;
#[path = "hostile_filters/callouts.rs"]
mod callouts;
#[path = "hostile_filters/cases.rs"]
mod cases;
#[path = "hostile_filters/reloads.rs"]
mod reloads;

use std::fmt::Write;
use std::path::Path;

use bystanders::Bystanders;
use cases::{CASES, Case, Ending};
use common::backend::Echo;
use common::belay::Belay;
use common::{client, scratch};
use futures_util::SinkExt;

/// Clients of each hostile filter, one after the other: more than failures that are answered by a new instance at once.
const VICTIMS: usize = 12;

/// All of them, each on a route of its own, and the bystanders' filter on theirs.
fn yaml(echo: &Echo, folder: &Path) -> String {
    let backend = format!("ws://{}", echo.address);
    let mut filters = String::new();
    let mut routes = format!("  - {{ match: {{ path: /bystanders }}, backend: \"{backend}\", filters: [honest] }}\n");
    for (number, Case { policy, isolation, .. }) in CASES.iter().enumerate() {
        writeln!(
            filters,
            "  hostile-{number}: {{ wasm: {number}.wasm, on_failure: {policy}, isolation: {isolation}, \
             limits: {{ memory: 2MiB }} }}"
        )
        .unwrap();
        writeln!(routes, "  - {{ match: {{ path: /{number} }}, backend: \"{backend}\", filters: [hostile-{number}] }}")
            .unwrap();
    }
    let folder = folder.display().to_string();
    format!(
        "workers: 2\nlisteners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n\
         filters:\n  honest: {{ wasm: {folder}/honest.wasm }}\n{}routes:\n{routes}",
        filters.replace("wasm: ", &format!("wasm: {folder}/"))
    )
}

/// A client of a hostile filter says something. What came of it.
async fn victim(belay: &Belay, number: usize, case: &Case) -> Ending {
    let (client, answer) = client::open(belay.address, &format!("/{number}"), "").await.unwrap();
    let Some(mut client) = client else {
        assert_eq!(answer.target(), "503", "{}: {answer:?}", case.name);
        return Ending::NotLetIn;
    };
    // The session may be closed already.
    let _ = client.send("say".into()).await;
    match case.ending {
        Ending::Passes => {
            assert_eq!(client::next_text(&mut client).await, "say", "{}", case.name);
            let _ = client.close(None).await;
            client::closed(&mut client).await;
            Ending::Passes
        }
        Ending::Closed | Ending::NotLetIn => {
            let close = client::closed(&mut client).await;
            assert_eq!(close.map(|(code, _)| code), Some(1011), "{}", case.name);
            Ending::Closed
        }
    }
}

#[tokio::test]
async fn each_ends_as_its_policy_says_and_nobody_else_notices() {
    let (echo, folder) = (Echo::start().await, scratch("hostile"));
    std::fs::write(folder.join("honest.wasm"), bystanders::honest().component()).unwrap();
    for (number, case) in CASES.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.wasm")), (case.guest)().component()).unwrap();
    }
    let belay = Belay::start(&yaml(&echo, &folder)).await;
    let mut bystanders = Bystanders::arrive(belay.address, bystanders::OF_SHORT_CALLS).await;
    bystanders.watch("nothing hostile", tokio::time::sleep(std::time::Duration::from_millis(300))).await;
    for (number, case) in CASES.iter().enumerate() {
        let hostile = async {
            let mut endings = Vec::new();
            for _ in 0..VICTIMS {
                endings.push(victim(&belay, number, case).await);
            }
            endings
        };
        let endings = bystanders.watch(case.name, hostile).await;
        assert!(endings.contains(&case.ending), "{}: {endings:?}", case.name);
        // While a filter keeps failing and is not called, its policy answers handshakes too.
        let unavailable = case.policy == "deny" && case.ending != Ending::Passes;
        let as_promised = |ending: &Ending| *ending == case.ending || (unavailable && *ending == Ending::NotLetIn);
        assert!(endings.iter().all(as_promised), "{}: {endings:?}", case.name);
        if let Some(count) = case.counted {
            belay.metric_reaches(&format!("belay_filter_{count}{{filter=\"hostile-{number}\"}}"), 1.0).await;
        }
        if let Some(told) = case.told {
            belay.logs_line(&[told, &format!("hostile-{number}\"")]).await;
        }
    }
    // Each had the memory that it may have, on two workers, and no more.
    let metrics = belay.metrics().await;
    for (number, case) in CASES.iter().enumerate() {
        let bytes = metrics[&format!("belay_filter_memory_bytes{{filter=\"hostile-{number}\"}}")];
        assert!(bytes <= 2.0 * f64::from(2 << 20), "{}: {bytes} bytes", case.name);
    }
    assert_eq!(metrics["belay_filter_failures_total{filter=\"honest\"}"], 0.0);
    for direction in ["to_backend", "to_client"] {
        let of = |name: &str| metrics[&format!("belay_messages_{name}{{direction=\"{direction}\"}}")];
        assert!(of("accepted_total") >= of("delivered_total"), "{direction}");
    }
    bystanders.leave().await;
}
