//! What is served over HTTP: the page, tokens, the buttons that make the backend fail, and the way to the WebSocket.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode};
use sha1::{Digest, Sha1};

use crate::knock;
use crate::outage::Outage;
use crate::room::Rooms;
use crate::socket::{self, Visitor};
use crate::token;

/// What RFC 6455, section 1.3, has a server add to the client's key.
const WEBSOCKET: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const PAGE: &str = include_str!("page.html");

/// Who the user is, as whoever checked the token says.
const USER: &str = "x-user";
/// The longest name of a user or a room, in characters.
const NAME_LENGTH_MAX: usize = 32;
/// How long the answer to "crash" has to leave before the process does.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// What the process ends with when it is told to crash.
const CRASHED: i32 = 70;
/// The longest that the backend can be told to fail.
const OUTAGE_MAX: Duration = Duration::from_secs(60);

/// What all requests share.
pub(crate) struct Chat {
    pub(crate) rooms: Rooms,
    pub(crate) outage: Outage,
}

type Answer = Response<Full<Bytes>>;

/// Answers one request.
pub(crate) async fn answer(chat: Arc<Chat>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let answer = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => text(StatusCode::OK, "text/html; charset=utf-8", PAGE),
        (&Method::GET, "/token") => match name(parameter(&request, "name")) {
            Some(name) => text(StatusCode::OK, "text/plain", token::issue(&name)),
            None => {
                text(StatusCode::BAD_REQUEST, "text/plain", "a name of 1 to 32 letters, digits, - or _ is needed\n")
            }
        },
        (&Method::GET, "/knock") => match port(&request) {
            Some(port) => match knock::knock(port).await.as_ref().map(serde_json::to_string) {
                Some(Ok(heard)) => text(StatusCode::OK, "application/json", heard),
                _ => text(StatusCode::BAD_GATEWAY, "text/plain", "there was no answer\n"),
            },
            None => text(StatusCode::BAD_REQUEST, "text/plain", "a port is needed in Host\n"),
        },
        (&Method::GET, "/chat") => upgrade(chat, request),
        (&Method::POST, "/crash") => {
            tokio::spawn(async {
                tokio::time::sleep(LAST_WORDS).await;
                // No close frames, no goodbye: as a crash would.
                std::process::exit(CRASHED);
            });
            text(StatusCode::ACCEPTED, "text/plain", "crashing\n")
        }
        (&Method::POST, "/fail") => {
            let time = parameter(&request, "seconds").and_then(|s| s.parse().ok()).map(Duration::from_secs);
            let time = time.unwrap_or(OUTAGE_MAX).min(OUTAGE_MAX);
            tokio::spawn(async move {
                tokio::time::sleep(LAST_WORDS).await;
                chat.outage.begin(time);
            });
            text(StatusCode::ACCEPTED, "text/plain", "failing\n")
        }
        _ => text(StatusCode::NOT_FOUND, "text/plain", "there is nothing here\n"),
    };
    Ok(answer)
}

/// Opens a WebSocket: RFC 6455, section 4.2.
fn upgrade(chat: Arc<Chat>, mut request: Request<Incoming>) -> Answer {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return text(StatusCode::UPGRADE_REQUIRED, "text/plain", "this is a WebSocket\n");
    };
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(WEBSOCKET).finalize());
    let Ok(accept) = HeaderValue::from_str(&accept) else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "base64 is no header\n");
    };
    let user = request.headers().get(USER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let visitor = Visitor {
        name: name(user).unwrap_or_else(|| "guest".into()),
        room: name(parameter(&request, "room")).unwrap_or_else(|| "lobby".into()),
    };
    tokio::spawn(socket::serve(chat, hyper::upgrade::on(&mut request), visitor));
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    answer
}

/// One parameter of the query. Names here need no escapes, so none are undone.
fn parameter(request: &Request<Incoming>, name: &str) -> Option<String> {
    let pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// The port that the client knows us by.
fn port(request: &Request<Incoming>) -> Option<u16> {
    request.headers().get(HOST)?.to_str().ok()?.rsplit_once(':')?.1.parse().ok()
}

/// A name that can stand in a token, a header and a page as it is.
fn name(name: Option<String>) -> Option<String> {
    name.filter(|name| {
        (1..=NAME_LENGTH_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
