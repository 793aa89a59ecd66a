//! One WebSocket: what its client may say, and what it is told.
//!
//! A client says from which number on it wants to hear the room (`since`), and again whenever it may have missed
//! something. What was said while a backend was away, or while this client's connection to it was, is then told from the
//! room's memory: no proxy can know what a backend has said to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::journal::Said;
use crate::web::Chat;

/// The longest message that a client may send, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The longest id, in characters.
const ID_LENGTH_MAX: usize = 64;

/// Counts connections, to tell them apart.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// What the handshake said.
pub(crate) struct Visitor {
    pub(crate) name: String,
    pub(crate) room: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum FromClient {
    Say {
        id: String,
        text: String,
    },
    /// `connection` is the one that was welcomed: a proxy that sends again what may be lost may bring an old one.
    Since {
        number: u64,
        connection: String,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ToClient<'a> {
    Welcome {
        name: &'a str,
        room: &'a str,
        process: u32,
        connection: &'a str,
    },
    /// Heard from which number on the client wants to be told.
    Telling,
    Said(&'a Said),
    Refused {
        why: &'a str,
    },
}

/// Serves one WebSocket to its end.
pub(crate) async fn serve(chat: Arc<Chat>, upgrade: OnUpgrade, visitor: Visitor) {
    let Ok(upgraded) = upgrade.await else { return };
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let outage = chat.outage.begun();
    tokio::select! {
        // Nobody waits for how a client went away.
        _ = talk(&chat, &mut socket, &visitor) => {}
        _ = outage => {}
    }
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

async fn talk(chat: &Chat, socket: &mut Socket, visitor: &Visitor) -> Result<(), Error> {
    let Some(mut last) = chat.rooms.enter(&visitor.room) else {
        tell(socket, &ToClient::Refused { why: "there are too many rooms" }).await?;
        return socket.close(None).await;
    };
    let process = std::process::id();
    let connection = format!("{process}-{}", CONNECTIONS.fetch_add(1, Relaxed));
    let welcome = ToClient::Welcome { name: &visitor.name, room: &visitor.room, process, connection: &connection };
    tell(socket, &welcome).await?;
    // The number of the last message that this client has; unknown until it says so.
    let mut told: Option<u64> = None;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                None | Some(Ok(Message::Close(_))) => return Ok(()),
                Some(Err(error)) => return Err(error),
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(FromClient::Say { id, text }) if id.len() <= ID_LENGTH_MAX => {
                        if let Err(error) = chat.rooms.say(&visitor.room, &visitor.name, id, text) {
                            tell(socket, &ToClient::Refused { why: &error.to_string() }).await?;
                        }
                    }
                    Ok(FromClient::Say { .. }) => tell(socket, &ToClient::Refused { why: "the id is too long" }).await?,
                    Ok(FromClient::Since { number, connection: meant }) => {
                        if meant == connection {
                            told = Some(number);
                            last.mark_changed();
                            tell(socket, &ToClient::Telling).await?;
                        }
                    }
                    // A heartbeat that nobody answered before it came here.
                    Err(_) if text.as_str() == "ping" => socket.send(Message::text("pong")).await?,
                    Err(error) => tell(socket, &ToClient::Refused { why: &error.to_string() }).await?,
                },
                // Pings are answered by the library; binary messages mean nothing here.
                Some(Ok(_)) => {}
            },
            changed = last.changed(), if told.is_some() => {
                if changed.is_err() {
                    return Ok(());
                }
                for said in chat.rooms.after(&visitor.room, told.unwrap_or_default()) {
                    tell(socket, &ToClient::Said(&said)).await?;
                    told = Some(said.number);
                }
            }
        }
    }
}

async fn tell(socket: &mut Socket, what: &ToClient<'_>) -> Result<(), Error> {
    let text = serde_json::to_string(what).map_err(|error| Error::Io(error.into()))?;
    socket.send(Message::text(text)).await
}
