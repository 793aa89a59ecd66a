//! `examples/who-is-connected` as its README has it, with a shorter grace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::backend::Echo;
use common::belay::Belay;
use common::puppet::Puppet;
use common::webhook::SECRET;
use common::{client, ports, scratch, tools};

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/who-is-connected").join(file)
}

async fn presence(python: &Path, address: SocketAddr) -> Puppet {
    let mut command = Command::new(python);
    command.arg(example("presence.py")).arg(address.port().to_string()).env("BELAY_REPORT_SECRET", SECRET);
    let mut presence = Puppet::start(&mut command);
    assert_eq!(presence.next().await, "listening");
    presence
}

#[tokio::test]
async fn who_comes_and_goes_is_known_whatever_dies_meanwhile() {
    let test = "who_comes_and_goes_is_known_whatever_dies_meanwhile";
    let Some(python) = tools::program(test, "python3") else { return };
    let (echo, address, folder) = (Echo::start().await, ports::free(), scratch("spool"));
    let yaml = std::fs::read_to_string(example("belay.yaml")).unwrap();
    let yaml = yaml
        .replace("127.0.0.1:7000", "'{listen}'")
        .replace("127.0.0.1:9901", "'{admin}'")
        .replace("127.0.0.1:9000", &echo.address.to_string())
        .replace("127.0.0.1:7002", &address.to_string())
        .replace("grace: 5s", "grace: 1s")
        .replace("./spool", &folder.display().to_string());
    let start = || {
        Belay::start_with(&yaml, |command| {
            command.env("BELAY_REPORT_SECRET", SECRET);
        })
    };
    let token = Command::new(&python).arg(example("presence.py")).args(["token", "alice"]).output().unwrap();
    let target = format!("/socket?token={}", String::from_utf8(token.stdout).unwrap().trim());

    let belay = start().await;
    let mut first = presence(&python, address).await;
    let alice = client::connect(belay.address, &target).await;
    assert_eq!(first.next().await, "alice is connected; there: 1");
    // Killed before it answers, it would be told again.
    belay.metric_becomes("belay_report_events_waiting", 0.0).await;
    first.kill();
    drop(alice);
    let mut second = presence(&python, address).await;
    assert_eq!(second.next().await, "alice is reconnecting (client_gone); there: 0");
    assert_eq!(second.next().await, "alice is disconnected (client_gone); there: 0");

    let _alice = client::connect(belay.address, &target).await;
    assert_eq!(second.next().await, "alice is connected; there: 1");
    drop(belay);
    let belay = start().await;
    assert_eq!(second.next().await, "alice is reconnecting (proxy_died); there: 0");
    assert_eq!(second.next().await, "alice is disconnected (proxy_died); there: 0");
    drop(belay);
    std::fs::remove_dir_all(folder).unwrap();
}
