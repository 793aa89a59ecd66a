//! Ends that do not read, or write as little as they can.

use std::time::Duration;

use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tungstenite::Message;

use crate::bystander::{Scene, Set};
use crate::common::backend::{self, Backend};
use crate::common::belay::http_get;
use crate::common::{ports, soon};
use crate::{BINARY, FIN, dial, frame, head, intrude};

/// Attackers of one kind.
const ATTACKERS: usize = 20;

#[tokio::test]
async fn clients_that_never_read_are_ended_and_hold_little_meanwhile() {
    let mut backend = Backend::start().await;
    let route = "    slow_client: { stall_timeout: 2s }\n";
    let mut scene = Scene::set(Set { route, backend: Some(backend.address), ..Set::default() }).await;
    let address = scene.address();
    scene
        .play("clients that never read", async move {
            let mut floods = tokio::task::JoinSet::new();
            let mut clients = Vec::new();
            for _ in 0..ATTACKERS {
                clients.push(intrude(address).await);
                let mut visit = backend.accept().await;
                floods.spawn(async move { while visit.ws.send(Message::binary(vec![0; 16 * 1024])).await.is_ok() {} });
            }
            // Belay gives them up; the backend is told so.
            soon("the end of all", floods.join_all()).await;
            drop(clients);
        })
        .await;
    scene.belay.metric_becomes("belay_clients_misbehaved_total", ATTACKERS as f64).await;
    let lost = r#"belay_messages_lost_total{direction="to_client",reason="slow_client"}"#;
    scene.belay.metric_reaches(lost, 1.0).await;
    assert!(scene.growth() < 64e6, "{} bytes", scene.growth());
}

#[tokio::test]
async fn clients_of_a_backend_that_never_reads_are_held_back() {
    let mut backend = Backend::start().await;
    let mut scene = Scene::set(Set { backend: Some(backend.address), ..Set::default() }).await;
    let address = scene.address();
    scene
        .play("a backend that never reads", async move {
            let mut visits = Vec::new();
            let mut floods = tokio::task::JoinSet::new();
            for _ in 0..ATTACKERS {
                let mut stream = intrude(address).await;
                visits.push(backend.accept().await);
                floods.spawn(async move {
                    let message = frame(FIN | BINARY, &[0; 16 * 1024]);
                    let writing = async { while stream.write_all(&message).await.is_ok() {} };
                    // As much as fits between here and there, and then no more.
                    tokio::time::timeout(Duration::from_secs(3), writing).await.is_err()
                });
            }
            let held_back = soon("the end of all", floods.join_all()).await;
            assert!(held_back.iter().all(|&held_back| held_back));
        })
        .await;
    assert!(scene.growth() < 64e6, "{} bytes", scene.growth());
}

#[tokio::test]
async fn messages_that_come_a_byte_at_a_time_are_kept_within_the_process_s_bytes() {
    let top = "limits: { held_bytes: 4MiB }";
    let mut scene = Scene::set(Set { top, ..Set::default() }).await;
    let address = scene.address();
    let ended = scene
        .play("messages of a megabyte, a byte at a time", async move {
            let mut attackers = tokio::task::JoinSet::new();
            for _ in 0..ATTACKERS {
                let mut stream = intrude(address).await;
                // Half of it at once, so that there is something to keep.
                stream.write_all(&head(FIN | BINARY, 1 << 20)).await.unwrap();
                let _ = stream.write_all(&[0; 512 * 1024]).await;
                attackers.spawn(async move {
                    for _ in 0..60 {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        if stream.write_all(&[0]).await.is_err() {
                            return 1;
                        }
                        let mut answer = [0; 1024];
                        if stream.try_read(&mut answer).is_ok() {
                            return 1;
                        }
                    }
                    0
                });
            }
            soon("the end of all", attackers.join_all()).await.iter().sum::<usize>()
        })
        .await;
    // Seven halves are within the bound, an eighth is not.
    assert!((ATTACKERS - 8..=ATTACKERS - 6).contains(&ended), "{ended}");
    assert!(scene.growth() < 32e6, "{} bytes", scene.growth());
}

#[tokio::test]
async fn who_asks_for_a_page_and_does_not_read_it_is_ended() {
    let backend = ports::free();
    let listener = backend::listen(backend);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
                while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
            });
        }
    });
    let route = "    slow_client: { stall_timeout: 2s }\n";
    let mut scene = Scene::set(Set { route, backend: Some(backend), ..Set::default() }).await;
    let (address, admin) = (scene.address(), scene.belay.admin);
    scene
        .play("pages that nobody reads", async move {
            let mut attackers = Vec::new();
            for _ in 0..ATTACKERS {
                let mut stream = dial(address).await.unwrap();
                stream.write_all(b"GET /page HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
                attackers.push(stream);
            }
            // Asleep for as long as Belay has patience.
            let given_up = format!("\nbelay_clients_misbehaved_total {ATTACKERS}\n");
            soon("the end of patience", async {
                while !http_get(admin, "/metrics").await.unwrap().1.contains(&given_up) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
            .await;
            for mut stream in attackers {
                let mut read = Vec::new();
                let _ = soon("the end of a page", stream.read_to_end(&mut read)).await;
                assert!(!read.is_empty());
            }
        })
        .await;
    scene.belay.metric_becomes("belay_clients_misbehaved_total", ATTACKERS as f64).await;
    assert!(scene.growth() < 64e6, "{} bytes", scene.growth());
}
