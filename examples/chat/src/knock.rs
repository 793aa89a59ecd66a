//! Knocking at our own front door as a stranger: a browser does not tell a page why a WebSocket was refused, so the page
//! asks here. Only ever on loopback.

use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// As much of the answer as is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the stranger heard.
#[derive(Serialize)]
pub(crate) struct Heard {
    status: String,
    body: String,
}

/// Asks for a WebSocket, without a token, at the port where the page was asked for.
pub(crate) async fn knock(port: u16) -> Option<Heard> {
    let head = format!(
        "GET /chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut answer = Vec::new();
    let asking = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(head.as_bytes()).await?;
        while !complete(&answer) && answer.len() < ANSWER_BYTES_MAX && stream.read_buf(&mut answer).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // What came until then is what was heard.
    let _ = tokio::time::timeout(PATIENCE, asking).await;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.lines().next()?.split_once(' ')?.1;
    // What follows a WebSocket's beginning is frames.
    let body = if status.starts_with("101") { "" } else { body.trim() };
    Some(Heard { status: status.to_owned(), body: body.to_owned() })
}

/// Whether the head and as much of a body as it announces are there.
fn complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}
