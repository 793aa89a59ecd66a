//! `belay filter run`.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::SinkExt;

use crate::common::backend::Echo;
use crate::common::{client, ports, soon};
use crate::folder_of;
use crate::guest::Guest;

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_filter_is_tried_by_hand_and_replaced_when_it_is_built_again() {
    let echo = Echo::start().await;
    let folder = folder_of(&[("count.wasm", &Guest::counting('a').component())]);
    let (address, log) = (ports::free(), folder.join("log"));
    let written = File::create(&log).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    command.args(["filter", "run", "count.wasm", "--backend", &format!("ws://{}", echo.address)]);
    command.args(["--listen", &address.to_string()]).current_dir(&folder).env("XDG_CACHE_HOME", &folder);
    let _running =
        Running(command.stdin(Stdio::null()).stdout(written.try_clone().unwrap()).stderr(written).spawn().unwrap());
    soon("a listener", async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;

    let mut client = client::connect(address, "/chat").await;
    client.send("hello".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "a00000001");
    let told = || std::fs::read_to_string(&log).unwrap();
    soon("the verdict", async {
        while !told().contains("to_backend \"hello\" -> replace \"a00000001\"") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;

    std::fs::write(folder.join("next"), Guest::counting('b').component()).unwrap();
    std::fs::rename(folder.join("next"), folder.join("count.wasm")).unwrap();
    soon("the next version", async {
        loop {
            client.send("x".into()).await.unwrap();
            if client::next_text(&mut client).await.starts_with('b') {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}
