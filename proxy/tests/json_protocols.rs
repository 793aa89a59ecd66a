//! Heartbeats of JSON protocols that have presets, with their own implementations on the ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::backend::Backend;
use common::belay::Belay;
use common::puppet::Puppet;
use common::{ports, tools};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/json_protocols").join(name)
}

fn answer(preset: &str) -> String {
    format!("    heartbeat: {{ answer: [websocket, {{ json: {preset} }}] }}\n")
}

#[tokio::test]
async fn a_graphql_server_gets_no_ping_of_its_client() {
    let test = "a_graphql_server_gets_no_ping_of_its_client";
    let Some(mut node) = tools::node(test, &["graphql-ws", "graphql", "ws"]) else { return };
    let address = ports::free();
    let mut server = Puppet::start(node.arg(script("graphql_server.cjs")).arg(address.port().to_string()));
    server.sees("listening").await;
    let belay = Belay::in_front_of(address, &answer("graphql-transport-ws")).await;
    let Some(mut node) = tools::node(test, &["graphql-ws"]) else { return };
    let mut client = Puppet::start(node.arg(script("graphql_client.cjs")).arg(belay.url("/graphql")));
    client.sees("connected").await;
    client.sees("20 pongs").await;
    client.does("ask");
    client.sees("heard hi").await;
    server.sees("got connection_init").await;
    server.sees("got subscribe").await;
    belay.metric_reaches("belay_heartbeats_answered_total", 20.0).await;
}

#[tokio::test]
async fn phoenix_hears_no_heartbeat_of_its_client_in_either_version() {
    let test = "phoenix_hears_no_heartbeat_of_its_client_in_either_version";
    for (version, pushed) in [("1.0.0", r#""topic":"room:1","event":"hello""#), ("2.0.0", r#""room:1","hello""#)] {
        let Some(mut node) = tools::node(test, &["phoenix", "ws"]) else { return };
        let mut backend = Backend::start().await;
        let belay = Belay::in_front_of(backend.address, &answer("phoenix")).await;
        let mut client = Puppet::start(node.arg(script("phoenix.cjs")).arg(belay.url("/socket")).arg(version));
        let mut visit = backend.accept().await;
        client.sees("open").await;
        client.sees("20 answers").await;
        client.does("hello");
        let heard = visit.text().await;
        assert!(heard.contains(pushed), "{version}: {heard}");
    }
}
