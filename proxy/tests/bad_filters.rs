//! Filters that do what they should not, in the real binary: before it serves they keep it from starting with a clear
//! error, and while it serves they hurt only their own route's messages, as their policy says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
#[path = "support/guest.rs"]
mod guest;

use std::path::PathBuf;
use std::process::Command;

use common::backend::Echo;
use common::belay::Belay;
use common::client;
use futures_util::SinkExt;
use guest::Guest;

/// Traps on messages that begin with `t`, and on no other.
const TRAPS_ON_T: &str = "
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 116)) (then unreachable))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.const 0)";
/// Never ends.
const LOOPS: &str = "(loop $for_ever (br $for_ever)) (i32.const 0)";
/// Takes memory until there is none, then traps.
const ALLOCATES: &str = "
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable";

/// Writes a component where a YAML can name it.
fn write(component: &[u8]) -> PathBuf {
    let file = common::scratch("filter").join("filter.wasm");
    std::fs::write(&file, component).unwrap();
    file
}

/// A route with this filter, and one without any.
fn yaml(backend: &Echo, filter: &str) -> String {
    format!(
        "listeners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n\
         filters: {{ bad: {{ {filter} }} }}\nroutes:\n  \
         - {{ match: {{ path: /filtered }}, backend: \"ws://{address}\", filters: [bad] }}\n  \
         - {{ match: {{ path: /plain }}, backend: \"ws://{address}\" }}\n",
        address = backend.address
    )
}

/// The error that this component keeps Belay from starting with; `check` says the same.
async fn refusal(component: &[u8]) -> String {
    let echo = Echo::start().await;
    let filter = format!("wasm: {}", write(component).display());
    let file = common::scratch("bad-filter").join("belay.yaml");
    let text = yaml(&echo, &filter).replace("{listen}", "127.0.0.1:0").replace("{admin}", "127.0.0.1:0");
    std::fs::write(&file, text).unwrap();
    let told = |subcommand: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_belay")).arg(subcommand).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let (run, check) = (told("run"), told("check"));
    assert!(check.contains("filter bad: ") && run.contains("filter bad: "), "{check}\n{run}");
    check
}

/// Belay with a filter that misbehaves, and a bystander on a route without it.
async fn serving(on_message: &'static str, policy: &str) -> (Echo, Belay, client::Client) {
    let echo = Echo::start().await;
    let component = write(&Guest::answering(on_message).component());
    let filter = format!("wasm: {}, on_failure: {policy}, limits: {{ memory: 2MiB }}", component.display());
    let belay = Belay::start(&yaml(&echo, &filter)).await;
    let bystander = client::connect(belay.address, "/plain").await;
    (echo, belay, bystander)
}

async fn echoes(client: &mut client::Client, text: &str) {
    client.send(text.to_owned().into()).await.unwrap();
    assert_eq!(client::next_text(client).await, text);
}

#[tokio::test]
async fn what_is_no_component_is_said_to_be_none() {
    assert!(refusal(b"#!/bin/sh\n").await.contains("not a WebAssembly component"));
    assert!(refusal(&Guest::default().module()).await.contains("a core WebAssembly module"));
}

#[tokio::test]
async fn a_component_of_another_version_is_told_both_versions() {
    let change = Some(("package belay:filter@0.1.0;", "package belay:filter@9.0.0;"));
    let told = refusal(&Guest { wit_change: change, ..Guest::default() }.component()).await;
    assert!(told.contains("9.0.0") && told.contains("0.1.0"), "{told}");
}

#[tokio::test]
async fn a_filter_that_loops_while_it_is_configured_keeps_us_from_starting_but_not_for_ever() {
    let told = refusal(&Guest { configure: LOOPS, ..Guest::default() }.component()).await;
    assert!(told.contains("config"), "{told}");
}

#[tokio::test]
async fn a_trap_closes_the_session_whose_message_it_was_and_no_other() {
    let (_echo, belay, mut bystander) = serving(TRAPS_ON_T, "deny").await;
    let mut same_filter = client::connect(belay.address, "/filtered").await;
    let mut unlucky = client::connect(belay.address, "/filtered").await;
    echoes(&mut unlucky, "fine").await;
    unlucky.send("trap".into()).await.unwrap();
    assert_eq!(client::closed(&mut unlucky).await.map(|(code, _)| code), Some(1011));
    echoes(&mut same_filter, "still here").await;
    echoes(&mut bystander, "still here").await;
    belay.metric_becomes("belay_filter_traps_total{filter=\"bad\"}", 1.0).await;
}

#[tokio::test]
async fn a_trap_of_a_filter_that_may_fail_lets_the_message_pass() {
    let (_echo, belay, mut bystander) = serving(TRAPS_ON_T, "allow").await;
    let mut lucky = client::connect(belay.address, "/filtered").await;
    echoes(&mut lucky, "trap").await;
    echoes(&mut lucky, "and on").await;
    echoes(&mut bystander, "still here").await;
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_deadline() {
    let (_echo, belay, mut bystander) = serving(LOOPS, "deny").await;
    let mut looping = client::connect(belay.address, "/filtered").await;
    looping.send("go".into()).await.unwrap();
    assert_eq!(client::closed(&mut looping).await.map(|(code, _)| code), Some(1011));
    echoes(&mut bystander, "still here").await;
    belay.metric_becomes("belay_filter_deadlines_total{filter=\"bad\"}", 1.0).await;
    let metrics = belay.metrics().await;
    // The first call of an instance is one of those that are timed.
    let timed = |bound: &str| metrics[&format!("belay_filter_call_seconds_bucket{{filter=\"bad\",le=\"{bound}\"}}")];
    assert!(timed("+Inf") >= 1.0 && timed("0.00000025") <= timed("+Inf"), "{metrics:#?}");
}

#[tokio::test]
async fn a_filter_that_allocates_without_end_comes_to_its_limit() {
    let (_echo, belay, mut bystander) = serving(ALLOCATES, "deny").await;
    let mut greedy = client::connect(belay.address, "/filtered").await;
    greedy.send("more".into()).await.unwrap();
    assert_eq!(client::closed(&mut greedy).await.map(|(code, _)| code), Some(1011));
    echoes(&mut bystander, "still here").await;
    belay.metric_becomes("belay_filter_traps_total{filter=\"bad\"}", 1.0).await;
}

#[tokio::test]
async fn with_instances_of_their_own_a_session_too_many_is_refused_and_no_other_hurt() {
    let echo = Echo::start().await;
    let component = write(&Guest::answering(TRAPS_ON_T).component());
    let filter = format!("wasm: {}, isolation: session, limits: {{ instances: 2 }}", component.display());
    let belay = Belay::start(&yaml(&echo, &filter)).await;
    let mut steady = client::connect(belay.address, "/filtered").await;
    let mut unlucky = client::connect(belay.address, "/filtered").await;
    let (refused, answer) = client::open(belay.address, "/filtered", "").await.unwrap();
    assert!(refused.is_none() && answer.target() == "503", "{answer:?}");
    unlucky.send("trap".into()).await.unwrap();
    assert_eq!(client::closed(&mut unlucky).await.map(|(code, _)| code), Some(1011));
    echoes(&mut steady, "still here").await;
    // The place of the one that is gone is free again.
    let mut next = client::connect(belay.address, "/filtered").await;
    echoes(&mut next, "hello").await;
    belay.metric_becomes("belay_filter_instances_refused_total{filter=\"bad\"}", 1.0).await;
}

#[tokio::test]
async fn more_instances_than_the_machine_can_have_keep_us_from_starting() {
    let echo = Echo::start().await;
    let filter = format!(
        "wasm: {}, isolation: session, limits: {{ instances: 4000000000 }}",
        write(&Guest::default().component()).display()
    );
    let file = common::scratch("bad-filter").join("belay.yaml");
    let text = yaml(&echo, &filter).replace("{listen}", "127.0.0.1:0").replace("{admin}", "127.0.0.1:0");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_belay")).arg("check").arg(&file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let all =
        ["filter bad: isolation: session", "memory maps", "lower its limits.instances to ", "raise vm.max_map_count"];
    assert!(output.status.code() == Some(1) && all.iter().all(|part| told.contains(part)), "{told}");
}

#[tokio::test]
async fn more_instances_than_the_machine_can_have_are_refused_at_a_reload_and_the_old_go_on() {
    let echo = Echo::start().await;
    let component = write(&Guest::counting('a').component());
    let filter =
        |limits: &str| yaml(&echo, &format!("wasm: {}, isolation: session, limits: {limits}", component.display()));
    let belay = Belay::start(&filter("{ instances: 2 }")).await;
    let mut client = client::connect(belay.address, "/filtered").await;
    client.send("x".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "a00000001");
    belay.write(&filter("{ instances: 4000000000 }"));
    let (status, answer) = belay.post("/config/reload").await;
    let told = answer["errors"][0]["message"].as_str().unwrap();
    assert!(status == 409 && told.contains("lower its limits.instances to "), "{answer}");
    client.send("x".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "a00000002");
}

#[tokio::test]
async fn sessions_share_an_instance_or_have_their_own_as_the_yaml_says() {
    let (echo, component) = (Echo::start().await, write(&Guest::counting_together('n').component()));
    for (isolation, second) in [("shared", "n00000002"), ("session", "n00000001")] {
        let filter = format!("wasm: {}, isolation: {isolation}", component.display());
        let belay = Belay::start(&format!("workers: 1\n{}", yaml(&echo, &filter))).await;
        for expected in ["n00000001", second] {
            let mut client = client::connect(belay.address, "/filtered").await;
            client.send("x".into()).await.unwrap();
            assert_eq!(client::next_text(&mut client).await, expected, "{isolation}");
        }
    }
}
