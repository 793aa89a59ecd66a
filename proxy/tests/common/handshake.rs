//! The opening handshake of RFC 6455 for clients and backends inside tests, as plain text: a test sees each header, and
//! says what it likes.

use std::io::{Error, Result};

use base64::Engine as _;
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt};
use tungstenite::protocol::WebSocketConfig;

/// The head of a request or an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// The first line.
    pub line: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first value of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// The second word of the first line: a request's target, or an answer's status.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// Reads up to the empty line and not a byte more.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Head> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await?);
    }
    let text = String::from_utf8(text).map_err(Error::other)?;
    let mut lines = text.trim_end().split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Head { line, headers })
}

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
pub fn accept_of(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// Limits are for Belay to have, not for its tests.
pub fn unlimited() -> WebSocketConfig {
    WebSocketConfig::default().max_frame_size(None).max_message_size(None)
}
