//! Clients that do not speak TLS, do not finish, or come in a flood.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tungstenite::Message;

use crate::common::backend::Echo;
use crate::common::belay::{Belay, route_to};
use crate::common::pki::{Authority, Leaf};
use crate::common::{PATIENCE, client, scratch, soon};
use crate::{secure, session, yaml};

/// The beginning of a record that says that it is a ClientHello of 512 bytes.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[tokio::test]
async fn who_does_not_speak_tls_is_told_of_in_the_log() {
    let authority = Authority::new(&scratch("tls"), "authority");
    let backend = Echo::start().await;
    let belay = Belay::start(&yaml(&authority.sign("server", Leaf::default()), backend.address, "", "")).await;
    let mut plain = TcpStream::connect(belay.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // An alert, which is not HTTP, and the end.
    let mut answer = Vec::new();
    let _ = soon("the end", plain.read_to_end(&mut answer)).await;
    belay.log_with("does it use ws:// or http:// where wss:// or https:// is meant?").await;
    belay.metric_becomes(r#"belay_tls_handshakes_failed_total{reason="not_tls"}"#, 1.0).await;
}

#[tokio::test]
async fn who_speaks_tls_to_a_listener_without_it_is_told_of_in_the_log() {
    let authority = Authority::new(&scratch("tls"), "authority");
    let backend = Echo::start().await;
    let belay = Belay::start(&route_to(backend.address, "")).await;
    let error = secure(&authority.client(None, None), belay.address).await.unwrap_err().to_string();
    assert!(error.contains("it does not speak TLS"), "{error}");
    belay.log_with("if it was TLS: this listener has no 'tls'").await;
}

#[tokio::test]
async fn a_flood_of_handshakes_harms_nobody_who_is_in() {
    let authority = Authority::new(&scratch("tls"), "authority");
    let backend = Echo::start().await;
    let belay = Belay::start(&yaml(&authority.sign("server", Leaf::default()), backend.address, "", "")).await;
    let tls = authority.client(None, None);
    let mut bystander = session(&tls, &belay).await;
    // Of 100 connections that the listener takes: 60 that never say a thing, or half of one, for as long as they may.
    let mut silent = Vec::new();
    for number in 0..60 {
        let mut stream = TcpStream::connect(belay.address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(HALF_A_HELLO).await.unwrap();
        }
        silent.push(stream);
    }
    // And more than it takes, with whole handshakes, again and again.
    let flood: Vec<_> = (0..8)
        .map(|_| {
            let (tls, address) = (tls.clone(), belay.address);
            tokio::spawn(async move {
                loop {
                    let Ok(stream) = TcpStream::connect(address).await else { continue };
                    drop(tls.connect(stream, "127.0.0.1").await);
                }
            })
        })
        .collect();
    let begun = Instant::now();
    let mut worst = Duration::ZERO;
    for number in 0..100 {
        let sent = Instant::now();
        bystander.send(Message::text(number.to_string())).await.unwrap();
        assert_eq!(client::next_text(&mut bystander).await, number.to_string());
        worst = worst.max(sent.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("a bystander's worst round trip during the flood: {worst:?}");
    assert!(worst < Duration::from_secs(5), "{worst:?}");
    flood.iter().for_each(tokio::task::JoinHandle::abort);
    for mut stream in silent {
        let _ = soon("the end of a half handshake", stream.read_to_end(&mut Vec::new())).await;
    }
    assert!(begun.elapsed() < PATIENCE, "half handshakes were kept for {:?}", begun.elapsed());
    belay.metric_reaches(r#"belay_tls_handshakes_failed_total{reason="timeout"}"#, 60.0).await;
    bystander.send(Message::text("bye")).await.unwrap();
    assert_eq!(client::next_text(&mut bystander).await, "bye");
}
