//! The memory budget: a crowd fills it, and is not let in any more; who is in stays.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bystander::{Scene, Set};
use crate::common::belay::http_get;
use crate::common::soon;
use crate::{BINARY, FIN, UPGRADE, head, intrude};

/// What the crowd may take.
const ROOM: f64 = 16e6;

#[tokio::test]
async fn newcomers_are_turned_away_before_the_memory_is_gone_and_sessions_go_on() {
    let mut scene = Scene::set(Set { top: "limits: { memory: off }", ..Set::default() }).await;
    let used = scene.number("process_resident_memory_bytes").await;
    // A budget that fits the build that is tested: what it uses at rest, and some.
    let top = format!("limits: {{ memory: {}B }}", (used + ROOM) as u64);
    scene.change(Set { top: &top, ..Set::default() }).await;
    scene.belay.metric_becomes("belay_memory_budget_bytes", (used + ROOM).floor()).await;
    assert_eq!(scene.number("belay_memory_short").await, 0.0);

    let address = scene.address();
    let crowd = scene
        .play("half messages of a megabyte each", async move {
            let mut crowd: Vec<TcpStream> = Vec::new();
            let mut refusal = None;
            while refusal.is_none() {
                assert!(crowd.len() < 200, "no end of it");
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(UPGRADE.as_bytes()).await.unwrap();
                let mut answer = vec![0; 512];
                let length = soon("an answer", stream.read(&mut answer)).await.unwrap();
                let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
                if !answer.starts_with("HTTP/1.1 101 ") {
                    refusal = Some(answer);
                    continue;
                }
                stream.write_all(&head(FIN | BINARY, 1 << 20)).await.unwrap();
                stream.write_all(&vec![0; 1_000_000]).await.unwrap();
                // For what was sent to be read, and seen: newcomers at ten a second.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                crowd.push(stream);
            }
            let refusal = refusal.unwrap();
            assert!(refusal.starts_with("HTTP/1.1 503 ") && refusal.contains("\r\nRetry-After: 5\r\n"), "{refusal}");
            assert!(refusal.ends_with("no memory for another connection\n"), "{refusal}");
            crowd
        })
        .await;
    let (status, why) = scene.belay.get("/ready").await.unwrap();
    assert!(status == 503 && why.starts_with("memory: "), "{status} {why}");
    let metrics = scene.belay.metrics().await;
    assert_eq!(metrics["belay_memory_short"], 1.0);
    assert!(metrics[r#"belay_connections_refused_total{reason="memory"}"#] >= 1.0, "{metrics:#?}");
    assert_eq!(metrics["belay_sessions"], crowd.len() as f64 + 1.0, "who is in stays");
    scene.belay.log_with("the memory budget is used: newcomers are turned away, sessions go on").await;
    assert!(scene.growth() < 2.0 * ROOM, "{} bytes", scene.growth());

    // The budget is raised while it serves, since what an allocator gives back, and when, is its own affair.
    let top = format!("limits: {{ memory: {}B }}", (used + 10.0 * ROOM) as u64);
    scene.change(Set { top: &top, ..Set::default() }).await;
    soon("newcomers to be let in", async {
        while scene.belay.get("/ready").await.unwrap().0 != 200 {
            scene.echoes().await;
        }
    })
    .await;
    assert_ne!(http_get(address, "/none").await.unwrap().0, 503);
    drop(intrude(address).await);
    scene.belay.log_with("there is memory again: newcomers are let in").await;
}
