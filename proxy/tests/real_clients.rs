//! Clients and backends that people use, with Belay between them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use common::client;
use common::process::EchoProcess;
use futures_util::SinkExt;

#[tokio::test]
async fn a_backend_process_can_be_killed_and_comes_back_where_it_was() {
    let mut backend = EchoProcess::start().await;
    for _ in 0..2 {
        let mut client = client::connect(backend.address, "/").await;
        client.send("hello".into()).await.unwrap();
        assert_eq!(client::next_text(&mut client).await, "hello");
        backend.kill();
        assert_eq!(client::closed(&mut client).await, None);
        backend.restart().await;
    }
}
