//! Attackers that were let in, and send what costs much to hear and little to say.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bystander::{Scene, Set};
use crate::common::backend::Backend;
use crate::common::{handshake, soon};
use crate::{BINARY, CONTINUATION, FIN, PING, TEXT, UPGRADE, dial, frame, intrude};

const FLOOD: Duration = Duration::from_secs(2);
/// Attackers of one kind.
const ATTACKERS: usize = 4;

/// The code of the close frame that stands at the end of what came.
fn close_code(answer: &[u8]) -> Option<u16> {
    let at = memchr::memmem::rfind(answer, &[0x88])?;
    Some(u16::from_be_bytes(answer.get(at + 2..at + 4)?.try_into().ok()?))
}

/// Sends this over and over, for the time of a flood. With somebody to read what comes back, if it is read.
async fn flood(stream: TcpStream, what: Vec<u8>, reader: Reader) {
    let (mut from, mut to) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while reader == Reader::Reads && from.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
        // Kept open.
        from
    });
    let chunk = what.repeat(32 * 1024 / what.len());
    let writing = async { while to.write_all(&chunk).await.is_ok() {} };
    let _ = tokio::time::timeout(FLOOD, writing).await;
    reading.abort();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Reads,
    DoesNot,
}

async fn floods(scene: &mut Scene, name: &str, what: Vec<u8>, reader: Reader) {
    let address = scene.address();
    scene
        .play(name, async move {
            let mut attackers = tokio::task::JoinSet::new();
            for _ in 0..ATTACKERS {
                attackers.spawn(flood(intrude(address).await, what.clone(), reader));
            }
            soon("the end of a flood", attackers.join_all()).await;
        })
        .await;
    assert!(scene.growth() < 64e6, "{} bytes", scene.growth());
}

#[tokio::test]
async fn a_flood_of_pings_keeps_nobody_from_being_heard() {
    let mut scene = Scene::set(Set::default()).await;
    floods(&mut scene, "pings, read", frame(FIN | PING, b"x"), Reader::Reads).await;
    scene.belay.metric_reaches("belay_heartbeats_answered_total", 1_000.0).await;
}

#[tokio::test]
async fn a_flood_of_pings_whose_pongs_nobody_reads_stops_itself_and_is_ended() {
    let route = "    slow_client: { stall_timeout: 3s }\n";
    let mut scene = Scene::set(Set { route, ..Set::default() }).await;
    let address = scene.address();
    scene
        .play("pings, not read", async move {
            let mut attackers = tokio::task::JoinSet::new();
            for _ in 0..ATTACKERS {
                let mut stream = intrude(address).await;
                let chunk = frame(FIN | PING, &[b'x'; 125]).repeat(256);
                // Until nothing more is taken, and then until Belay ends it.
                attackers.spawn(async move { while stream.write_all(&chunk).await.is_ok() {} });
            }
            soon("the end of clients that do not read", attackers.join_all()).await;
        })
        .await;
    assert!(scene.growth() < 32e6, "{} bytes", scene.growth());
    scene.belay.metric_becomes("belay_clients_misbehaved_total", ATTACKERS as f64).await;
}

#[tokio::test]
async fn a_flood_of_one_byte_messages_keeps_nobody_from_being_heard() {
    let mut scene = Scene::set(Set::default()).await;
    floods(&mut scene, "messages of one byte", frame(FIN | TEXT, b"x"), Reader::Reads).await;
}

#[tokio::test]
async fn a_flood_of_empty_messages_keeps_nobody_from_being_heard() {
    let mut scene = Scene::set(Set::default()).await;
    floods(&mut scene, "messages of no byte, not read", frame(FIN | BINARY, b""), Reader::DoesNot).await;
}

#[tokio::test]
async fn fragments_of_one_byte_are_put_together_at_a_bounded_price() {
    let mut scene = Scene::set(Set::default()).await;
    let mut message = frame(TEXT, b"x");
    (0..1_000).for_each(|_| message.extend(frame(CONTINUATION, b"x")));
    message.extend(frame(FIN | CONTINUATION, b"x"));
    floods(&mut scene, "fragments of one byte", message, Reader::Reads).await;
    assert_eq!(scene.number("belay_clients_misbehaved_total").await, 0.0);
}

#[tokio::test]
async fn empty_fragments_for_ever_are_closed_with_1008() {
    let mut scene = Scene::set(Set::default()).await;
    let address = scene.address();
    let closed = scene
        .play("fragments of no byte", async move {
            let (begun, mut codes) = (Instant::now(), Vec::new());
            let fragments = frame(CONTINUATION, b"").repeat(4 * 1024);
            while begun.elapsed() < FLOOD || codes.len() < 3 {
                let mut stream = intrude(address).await;
                stream.write_all(&frame(TEXT, b"")).await.unwrap();
                let _ = stream.write_all(&fragments).await;
                let mut answer = Vec::new();
                let _ = soon("the end", stream.read_to_end(&mut answer)).await;
                codes.push(close_code(&answer));
            }
            codes
        })
        .await;
    assert!(closed.len() > 2, "{closed:?}");
    // One whose connection was reset may not have read it.
    assert!(closed.iter().all(|code| code.is_none_or(|code| code == 1008)), "{closed:?}");
    scene.belay.metric_becomes("belay_clients_misbehaved_total", closed.len() as f64).await;
    assert!(scene.growth() < 32e6, "{} bytes", scene.growth());
}

#[tokio::test]
async fn a_compression_bomb_finds_nobody_to_set_it_off() {
    let mut backend = Backend::start().await;
    let mut scene = Scene::set(Set { backend: Some(backend.address), ..Set::default() }).await;
    let address = scene.address();
    let attack = async move {
        let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
        let request = format!("{}{offer}", UPGRADE.trim_end_matches("\r\n").to_owned() + "\r\n");
        let mut stream = dial(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = soon("the answer", handshake::read_head(&mut stream)).await.unwrap();
        // A gigabyte of zeros begins like this in deflate; as a frame it has the reserved bit of an extension.
        let bomb = frame(FIN | 0x40 | BINARY, &[&[0xec, 0xc1, 0x01][..], &[0; 60_000]].concat());
        let _ = stream.write_all(&bomb).await;
        let mut end = Vec::new();
        let _ = soon("the end", stream.read_to_end(&mut end)).await;
        (answer, end)
    };
    let ((answer, end), visit) = tokio::join!(scene.play("a compression bomb", attack), backend.accept());
    assert_eq!((answer.target(), answer.header("sec-websocket-extensions")), ("101", None));
    assert_eq!(visit.request.header("sec-websocket-extensions"), None);
    assert!(close_code(&end).is_none_or(|code| code == 1002), "{end:?}");
    scene.belay.metric_becomes("belay_clients_misbehaved_total", 1.0).await;
    assert!(scene.growth() < 16e6, "{} bytes", scene.growth());
}
