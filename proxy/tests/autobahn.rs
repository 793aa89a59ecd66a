//! The Autobahn test suite, through Belay, in both roles: as the server that clients talk to, and as the client that
//! talks to backends. Run by `kosoku`, which plays Autobahn's own cases. Left out: 12.* and 13.*, compression, which Belay
//! does not offer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

#[path = "autobahn/report.rs"]
mod report;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::backend::Echo;
use common::belay::Belay;
use common::{client, ports, scratch, soon, tools};
use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The largest cases are of 16 MiB, and 65,536 fragments.
const NO_LIMITS: &str = "    messages: { message_bytes: 64MiB, fragments: 1000000 }\n";

/// The suite takes 15 s on an idle machine.
const SUITE_TIME_MAX: Duration = Duration::from_secs(170);

#[tokio::test]
async fn as_a_server_belay_passes_autobahn() {
    let Some(kosoku) = tools::python_script("as_a_server_belay_passes_autobahn", "kosoku") else { return };
    let backend = Echo::start().await;
    let belay = Belay::in_front_of(backend.address, NO_LIMITS).await;

    let folder = scratch("autobahn-server");
    let mut suite = play(&kosoku, "fuzzingclient", belay.address, &folder);
    ended(&mut suite).await;
    report::check(&folder);
}

/// The suite is the backend, a case for each connection. Belay holds nothing here: a backend that breaks the protocol on
/// purpose would be dialled again, and play its case twice. Nor does it ask for proof of what was read: a case that takes
/// more than a second, as on a busy machine, would hear a ping that is not in its part.
#[tokio::test]
async fn as_a_client_belay_passes_autobahn() {
    let Some(kosoku) = tools::python_script("as_a_client_belay_passes_autobahn", "kosoku") else { return };
    let folder = scratch("autobahn-client");
    let backend = ports::free();
    let mut suite = play(&kosoku, "fuzzingserver", backend, &folder);
    soon("the suite", async {
        while tokio::net::TcpStream::connect(backend).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let belay =
        Belay::in_front_of(backend, &format!("{NO_LIMITS}    hold: {{ codes: [], confirm_after: 0s }}\n")).await;

    let mut count = client::connect(backend, "/getCaseCount").await;
    let cases: u32 = client::next_text(&mut count).await.parse().unwrap();
    timeout(SUITE_TIME_MAX, play_all(belay.address, cases)).await.expect("the cases take too long");

    let mut update = client::connect(backend, "/updateReports?agent=belay").await;
    client::closed(&mut update).await;
    ended(&mut suite).await;
    report::check(&folder);
}

/// Each case on its own connection through Belay, a few at a time: some cases only wait.
async fn play_all(belay: SocketAddr, cases: u32) {
    let mut playing = JoinSet::new();
    for case in 1..=cases {
        if playing.len() == 4 {
            playing.join_next().await.unwrap().unwrap();
        }
        playing.spawn(async move {
            let mut client = client::connect(belay, &format!("/runCase?case={case}&agent=belay")).await;
            while let Some(Ok(message)) = client.next().await {
                if (message.is_text() || message.is_binary()) && client.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
    while let Some(played) = playing.join_next().await {
        played.unwrap();
    }
}

fn play(kosoku: &Path, mode: &str, address: SocketAddr, folder: &Path) -> Child {
    let mut command = Command::new(kosoku);
    command.args(["-m", mode, "-x", "12.*", "-x", "13.*", "-o"]).arg(folder).arg(address.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Its exit status says nothing that the report does not.
async fn ended(suite: &mut Child) {
    let begun = std::time::Instant::now();
    while suite.try_wait().unwrap().is_none() {
        if begun.elapsed() > SUITE_TIME_MAX {
            suite.kill().unwrap();
            panic!("the suite did not end within {SUITE_TIME_MAX:?}");
        }
        sleep(Duration::from_millis(50)).await;
    }
}
