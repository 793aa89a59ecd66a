//! Clients that send what they should not: each costs itself its connection and nobody else anything. A bystander chats
//! through all of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::net::SocketAddr;

use common::backend::Echo;
use common::belay::{Belay, http_get};
use common::client::{self, Client};
use common::soon;
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Belay with tight limits, and a session that has nothing to do with what the test does.
async fn with_bystander() -> (Echo, Belay, Client) {
    let echo = Echo::start().await;
    let yaml = format!(
        "listeners:\n  - address: {{listen}}\n    limits: {{ handshake_timeout: 3s, connections: 20 }}\n\
         admin: {{ address: \"{{admin}}\" }}\n\
         routes:\n  - match: {{ path_prefix: / }}\n    backend: ws://{}\n    \
         messages: {{ message_bytes: 1KiB, frame_bytes: 1KiB, fragments: 8 }}\n",
        echo.address
    );
    let belay = Belay::start(&yaml).await;
    let bystander = client::connect(belay.address, "/chat").await;
    (echo, belay, bystander)
}

async fn still_chats(bystander: &mut Client) {
    bystander.send("still here".into()).await.unwrap();
    assert_eq!(client::next_text(bystander).await, "still here");
}

/// Sends raw bytes and reads until the connection ends.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be answered before it has said all.
    let _ = stream.write_all(bytes).await;
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset after the answer ends it as well.
    let _ = soon("the end of the connection", stream.read_to_end(&mut answer)).await;
    answer
}

/// Upgrades, sends raw bytes, and returns the code of the close frame that answers them.
async fn close_code_after(address: SocketAddr, frames: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    stream.write_all(frames).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let frame = &answer[end..];
    assert_eq!(frame[0], 0x88, "a close frame, not {frame:?}");
    u16::from_be_bytes([frame[2], frame[3]])
}

/// A masked frame with an all-zero mask.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut bytes = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test]
async fn garbage_before_the_upgrade_is_answered_400() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let answer = exchange(belay.address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http\r\n\r\n").await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn garbage_after_the_upgrade_is_closed_with_1002() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    assert_eq!(close_code_after(belay.address, b"GET / HTTP/1.1\r\n\r\n").await, 1002);
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn unmasked_frames_are_closed_with_1002() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    assert_eq!(close_code_after(belay.address, &[0x81, 2, b'h', b'i']).await, 1002);
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn a_frame_over_the_limit_is_closed_with_1009_before_it_has_come() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let announces_2_to_the_60 = [0x82, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(close_code_after(belay.address, &announces_2_to_the_60).await, 1009);
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn a_message_of_too_many_fragments_is_closed_with_1008() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let mut frames = frame(0x01, b"x");
    for _ in 0..100 {
        frames.extend(frame(0x00, b""));
    }
    assert_eq!(close_code_after(belay.address, &frames).await, 1008);
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn text_that_is_no_utf_8_is_closed_with_1007() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    assert_eq!(close_code_after(belay.address, &frame(0x81, &[0xff, 0xfe])).await, 1007);
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn half_a_handshake_for_ever_is_ended_by_its_timeout() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let answer = exchange(belay.address, b"GET /chat HTTP/1.1\r\nHost: te").await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn a_head_without_end_is_answered_431() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let request = format!("GET /chat HTTP/1.1\r\nHost: test\r\nX-Long: {}\r\n\r\n", "x".repeat(64 * 1024));
    let answer = exchange(belay.address, request.as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer[..answer.len().min(80)]));
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn another_version_of_websocket_is_answered_426_with_ours() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let request = UPGRADE.replace("Version: 13", "Version: 8").replace("Upgrade\r\n", "Upgrade, close\r\n");
    let answer = String::from_utf8(exchange(belay.address, request.as_bytes()).await).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 426 "), "{answer}");
    assert!(answer.contains("sec-websocket-version: 13"), "{answer}");
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn a_key_that_is_no_key_is_answered_400() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let request = UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", "short").replace("Upgrade\r\n", "Upgrade, close\r\n");
    let answer = exchange(belay.address, request.as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    still_chats(&mut bystander).await;
}

#[tokio::test]
async fn connections_over_the_limit_are_told_503_and_those_that_are_in_stay() {
    let (_echo, belay, mut bystander) = with_bystander().await;
    let mut guests = Vec::new();
    for _ in 0..19 {
        guests.push(client::connect(belay.address, "/chat").await);
    }
    let (status, body) = http_get(belay.address, "/chat").await.unwrap();
    assert_eq!((status, body.trim()), (503, "too many connections"));
    still_chats(&mut bystander).await;
    drop(guests);
    soon("a place to be free again", async {
        while http_get(belay.address, "/none").await.map_or(503, |(status, _)| status) == 503 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn at_the_file_limit_new_clients_are_told_and_old_ones_served() {
    let echo = Echo::start().await;
    let yaml = common::belay::route_to(echo.address, "");
    // Room for 22 clients: 300 files, less 256 for the process itself, two for each session.
    let belay = Belay::start_with(&yaml, |command| {
        let script = "ulimit -n 300 && exec \"$0\" \"$@\"";
        let mut limited = std::process::Command::new("sh");
        limited.arg("-c").arg(script).arg(command.get_program()).args(command.get_args());
        limited.current_dir(command.get_current_dir().unwrap());
        limited.stdin(std::process::Stdio::null());
        *command = limited;
    })
    .await;
    let mut inside = Vec::new();
    for _ in 0..22 {
        inside.push(client::connect(belay.address, "/").await);
    }
    assert_eq!(http_get(belay.address, "/").await.unwrap().0, 503);
    for client in &mut inside {
        still_chats(client).await;
    }
}
