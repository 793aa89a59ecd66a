//! Attacks, one a test, on the real binary with one worker: what becomes of the attacker, of Belay's memory, and of a bystander
//! whose session is on that worker. Its latencies are printed, and docs/limits.md has some; what is asserted is that it is
//! served at all times. Handshakes of TLS, in floods and in halves, are attacked in tls/hostile.rs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;

#[path = "attacks/bystander.rs"]
mod bystander;
#[path = "attacks/connections.rs"]
mod connections;
#[path = "attacks/files.rs"]
mod files;
#[path = "attacks/frames.rs"]
mod frames;
#[path = "attacks/memory.rs"]
mod memory;
#[path = "attacks/slow.rs"]
mod slow;

use std::net::SocketAddr;

use common::{handshake, soon};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

/// A handshake that is sound.
const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const PING: u8 = 0x9;

/// Attackers come from here, the bystander from 127.0.0.1. There is little room for what they do not read: to fill more takes
/// a slow machine longer than a test has.
async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(64 * 1024)?;
    socket.bind("127.0.0.66:0".parse().unwrap())?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An attacker that was let in: from here on it says what it likes.
async fn intrude(address: SocketAddr) -> TcpStream {
    let mut stream = dial(address).await.unwrap();
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let answer = soon("the answer to a handshake", handshake::read_head(&mut stream)).await.unwrap();
    assert_eq!(answer.target(), "101", "{answer:?}");
    stream
}

/// A masked frame whose key is zeros, so that what follows stands in the clear.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&head(first, payload.len()), payload].concat()
}

/// Its head.
fn head(first: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}
