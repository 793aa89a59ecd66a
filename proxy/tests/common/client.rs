//! A WebSocket client inside the test, with another implementation's framing than ours.

use std::io::{Error, Result};
use std::net::SocketAddr;

use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::protocol::Role;

use super::handshake::{self, Head};
use super::soon;

/// A client's connection.
pub type Client = WebSocketStream<TcpStream>;

/// The key of every client here (the RFC's own example); it is no secret.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Connects to a path.
pub async fn connect(address: SocketAddr, path: &str) -> Client {
    let (client, answer) = open(address, path, "").await.unwrap();
    client.unwrap_or_else(|| panic!("not let in: {answer:?}"))
}

/// Asks to connect, with more headers (whole lines). If let in the connection comes back, and the answer in any case.
pub async fn open(address: SocketAddr, path: &str, headers: &str) -> Result<(Option<Client>, Head)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    over(stream, address, path, headers).await
}

/// The same over a connection that stands.
pub async fn over<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    address: SocketAddr,
    path: &str,
    headers: &str,
) -> Result<(Option<WebSocketStream<S>>, Head)> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let answer = soon("the answer to a handshake", handshake::read_head(&mut stream)).await?;
    if answer.target() != "101" {
        return Ok((None, answer));
    }
    if answer.header("sec-websocket-accept") != Some(&*handshake::accept_of(KEY)) {
        return Err(Error::other(format!("a wrong Sec-WebSocket-Accept: {answer:?}")));
    }
    let client = WebSocketStream::from_raw_socket(stream, Role::Client, Some(handshake::unlimited())).await;
    Ok((Some(client), answer))
}

/// The next text message; anything else but a ping or a pong fails the test.
pub async fn next_text(ws: &mut (impl Stream<Item = tungstenite::Result<Message>> + Unpin)) -> String {
    loop {
        match soon("a text message", ws.next()).await {
            Some(Ok(Message::Text(text))) => return text.to_string(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => (),
            other => panic!("expected a text message, got {other:?}"),
        }
    }
}

/// Waits for the end: the code and reason of the close frame, or nothing if there was none.
pub async fn closed(ws: &mut (impl Stream<Item = tungstenite::Result<Message>> + Unpin)) -> Option<(u16, String)> {
    let mut frame = None;
    loop {
        match soon("the end of the connection", ws.next()).await {
            Some(Ok(Message::Close(close))) => frame = close.map(|f| (f.code.into(), f.reason.to_string())),
            Some(Ok(_)) => (),
            None | Some(Err(_)) => return frame,
        }
    }
}
