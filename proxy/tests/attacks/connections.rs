//! Attackers that never get as far as a session: they are slow to ask, or ask too often.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bystander::{Scene, Set};
use crate::common::belay::http_get;
use crate::common::{PATIENCE, client, soon};
use crate::{UPGRADE, dial};

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_request_that_comes_a_byte_at_a_time_is_ended_by_its_timeout() {
    let mut scene = Scene::set(Set { listener: "handshake_timeout: 1s", ..Set::default() }).await;
    let address = scene.address();
    let ended = scene
        .play("slowloris, 200 connections", async move {
            let mut attackers = tokio::task::JoinSet::new();
            for _ in 0..200 {
                let mut stream = dial(address).await.unwrap();
                attackers.spawn(async move {
                    let begun = Instant::now();
                    for byte in UPGRADE.as_bytes().iter().cycle().take(100) {
                        if stream.write_all(&[*byte]).await.is_err() {
                            break;
                        }
                        // Its own pace, which is the attack.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        if stream.try_read(&mut [0; 1024]).is_ok() {
                            break;
                        }
                    }
                    begun.elapsed()
                });
            }
            soon("the end of all", attackers.join_all()).await
        })
        .await;
    assert_eq!(ended.len(), 200);
    let longest = ended.into_iter().max().unwrap();
    assert!(longest < Duration::from_secs(8), "{longest:?}");
    scene.belay.metric_becomes("belay_sessions_opened_total", 1.0).await;
}

#[tokio::test]
async fn connections_that_say_nothing_or_no_more_are_ended() {
    let mut scene = Scene::set(Set { listener: "handshake_timeout: 1s", ..Set::default() }).await;
    let address = scene.address();
    scene
        .play("silence, 200 connections", async move {
            let mut silent = Vec::new();
            for number in 0..200 {
                let mut stream = dial(address).await.unwrap();
                if number % 2 == 0 {
                    // Answered, and kept open for another that never comes.
                    stream.write_all(b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
                }
                silent.push(stream);
            }
            for mut stream in silent {
                let _ = soon("the end of a silent connection", stream.read_to_end(&mut Vec::new())).await;
            }
        })
        .await;
}

#[tokio::test]
async fn a_flood_of_connections_from_one_address_shuts_nobody_else_out() {
    // None of those inside gives its place back meanwhile.
    let listener = "handshake_timeout: 5m, peer: { connections: 20, accept_rate: 100/s, accept_burst: 100 }";
    let mut scene = Scene::set(Set { listener, ..Set::default() }).await;
    let address = scene.address();
    let counts = scene
        .play("connections, as fast as they go", async move {
            let flooders = (0..4).map(|_| {
                tokio::spawn(async move {
                    let (begun, mut inside, mut told) = (Instant::now(), Vec::new(), 0_u64);
                    // However slow the machine is, somebody is told.
                    while begun.elapsed() < FLOOD || (told == 0 && begun.elapsed() < PATIENCE) {
                        let Ok(mut stream) = dial(address).await else { continue };
                        if inside.len() < 50 {
                            inside.push(stream);
                            continue;
                        }
                        let mut answer = Vec::new();
                        if stream.write_all(UPGRADE.as_bytes()).await.is_ok() {
                            let _ = soon("the end", stream.read_to_end(&mut answer)).await;
                        }
                        told += u64::from(answer.starts_with(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: "));
                    }
                    told
                })
            });
            let mut told = 0;
            for flooder in flooders.collect::<Vec<_>>() {
                told += flooder.await.unwrap();
            }
            // Another's place is not touched by it.
            drop(client::connect(address, "/bystander").await);
            told
        })
        .await;
    assert!(counts > 0, "nobody was told");
    let metrics = scene.belay.metrics().await;
    let refused = |reason: &str| metrics[&format!("belay_connections_refused_total{{reason=\"{reason}\"}}")];
    assert!(refused("peer_connections") > 0.0 && refused("connections") == 0.0, "{metrics:#?}");
    eprintln!("{} were refused, {counts} of them read why", refused("peer_connections") + refused("peer_rate"));
    assert!(scene.growth() < 64e6, "{} bytes", scene.growth());
    scene.belay.log_with("one address has as many connections as limits.peer.connections allows").await;
}

#[tokio::test]
async fn who_comes_too_fast_is_told_to_come_later_and_then_let_in() {
    let listener = "accept_rate: 5/s, accept_burst: 10, peer: { accept_rate: 2/s, accept_burst: 4 }";
    let scene = Scene::set(Set { listener, ..Set::default() }).await;
    let mut refused = 0;
    // The bystander took one of the four.
    soon("a refusal", async {
        while refused == 0 {
            refused += u64::from(http_get(scene.address(), "/none").await.unwrap().0 == 429);
        }
    })
    .await;
    soon("a token", async {
        while http_get(scene.address(), "/none").await.is_ok_and(|(status, _)| status == 429) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let metrics = scene.belay.metrics().await;
    assert!(metrics[r#"belay_connections_refused_total{reason="peer_rate"}"#] > 0.0, "{metrics:#?}");
    assert_eq!(metrics[r#"belay_connections_refused_total{reason="rate"}"#], 0.0);
}
