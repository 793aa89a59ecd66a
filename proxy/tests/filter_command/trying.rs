//! `belay filter run`.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::backend::Echo;
use crate::common::{client, ports, soon};
use crate::folder_of;
use crate::guest::Guest;

/// `belay filter run`, ended with the test.
struct Running {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Running {
    /// The filter of this file before an echo.
    async fn start(folder: &Path, filter: &str, echo: &Echo, more: &[&str]) -> Self {
        let (address, log) = (ports::free(), folder.join("log"));
        let written = File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
        command.args(["filter", "run", filter, "--backend", &format!("ws://{}", echo.address)]).args(more);
        command.args(["--listen", &address.to_string()]).current_dir(folder).env("XDG_CACHE_HOME", folder);
        command.stdin(Stdio::null()).stdout(written.try_clone().unwrap()).stderr(written);
        let running = Self { child: command.spawn().unwrap(), address, log };
        soon("a listener", async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        running
    }

    /// Until this is told.
    async fn tells(&self, what: &str) {
        soon(what, async {
            while !std::fs::read_to_string(&self.log).unwrap().contains(what) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_filter_is_tried_by_hand_and_replaced_when_it_is_built_again() {
    let echo = Echo::start().await;
    let folder = folder_of(&[("count.wasm", &Guest::counting('a').component())]);
    let running = Running::start(&folder, "count.wasm", &echo, &[]).await;
    let mut client = client::connect(running.address, "/chat").await;
    client.send("hello".into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, "a00000001");
    running.tells("to_backend \"hello\" -> replace \"a00000001\"").await;

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

#[tokio::test]
async fn a_filter_that_is_tried_may_ask_what_it_is_allowed_to() {
    let (echo, service) = (Echo::start().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let origin = format!("http://{}", service.local_addr().unwrap());
    let folder = folder_of(&[("ask.wasm", &Guest::asking().component())]);
    let running = Running::start(&folder, "ask.wasm", &echo, &["--allow", &origin]).await;
    let mut client = client::connect(running.address, "/chat").await;
    let url = format!("{origin}/check");
    client.send(url.clone().into()).await.unwrap();
    soon("a callout", async {
        let (mut asked, _) = service.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            asked.read_buf(&mut request).await.unwrap();
        }
        assert!(request.starts_with(b"GET /check HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&request));
        asked.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    })
    .await;
    assert_eq!(client::next_text(&mut client).await, url);
    running.tells(&format!("call_out GET \"{url}\"")).await;

    let elsewhere = "http://127.0.0.1:1/check";
    client.send(elsewhere.into()).await.unwrap();
    assert_eq!(client::next_text(&mut client).await, elsewhere);
    running.tells("`callouts.allow` does not list its origin").await;
}

#[test]
fn what_is_no_origin_is_told_so() {
    let arguments = ["run", "ask.wasm", "--backend", "ws://127.0.0.1:1", "--allow", "http://127.0.0.1:9000/path"];
    let said = crate::belay_filter(&folder_of(&[]), &arguments);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("a path or query does not belong in an origin"), "{}", said.err);
}
