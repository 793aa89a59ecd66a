//! The dashboard in a real browser, on the real binary with clients and a filter, light and dark, wide and narrow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;

use common::backend::Echo;
use common::belay::{Belay, route_to};
use common::{client, soon, tools};
use futures_util::SinkExt;

const TEST: &str = "the_dashboard_shows_searches_opens_and_closes_sessions";
/// More than a page.
const CLIENTS: usize = 60;

#[tokio::test]
async fn the_dashboard_shows_searches_opens_and_closes_sessions() {
    let Some(mut node) = tools::node(TEST, &["playwright-core"]) else { return };
    let Some(chromium) = tools::program(TEST, "chromium") else { return };
    let echo = Echo::start().await;
    let filters = "    name: chat\n    filters: [limit]\n    heartbeat: { probe: { every: 3s, timeout: 3s } }\n";
    let limit = "filters: { limit: { use: rate-limit, config: { per: session, rate: 100/s } } }\n";
    let belay = Belay::start(&(route_to(echo.address, filters) + limit)).await;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let mut client = client::connect(belay.address, &format!("/room/{number}")).await;
        client.send("hello".into()).await.unwrap();
        assert_eq!(client::next_text(&mut client).await, "hello");
        // Answers probes, until it is closed.
        clients.spawn(async move { client::closed(&mut client).await });
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    node.arg(root.join("tests/dashboard/browser.cjs")).arg(format!("http://{}/", belay.admin));
    node.arg(root.join("../target/screenshots")).env("CHROMIUM", chromium);
    let browsed = tokio::task::spawn_blocking(move || node.output().unwrap());
    let output = tokio::time::timeout(std::time::Duration::from_secs(120), browsed).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // The one that the browser closed.
    let closed = soon("a close", clients.join_next()).await.unwrap().unwrap();
    assert_eq!(closed, Some((4007, "by hand".to_owned())));
}
