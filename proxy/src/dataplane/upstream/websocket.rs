//! The handshake with a WebSocket backend: what it is asked, and whether its answer is a WebSocket (RFC 6455, section 4). How
//! question and answer go over the connection is [`shake`]'s, and hyper's where the answer is no 101.

mod retold;
mod shake;

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};

use self::retold::Retold;
use self::shake::Answer;
use super::{Attempt, Connection, DialError, Dialled};
use crate::dataplane::chain::Facts;
use crate::dataplane::route::Backend;
use crate::tls::Stream;

/// The backend is told the session's stable name.
const BELAY_SESSION: HeaderName = HeaderName::from_static("belay-session");
/// Which connection of this session to a backend it is, tried ones counted, from 1.
const BELAY_ATTEMPT: HeaderName = HeaderName::from_static("belay-attempt");
/// `true` when the session had a backend before.
const BELAY_RESUMED: HeaderName = HeaderName::from_static("belay-resumed");

/// What the backend is asked: what the client asked, with what filters changed, and who we are talking about.
pub(super) fn request(attempt: &Attempt<'_>) -> Request<Empty<Bytes>> {
    let Attempt { route, handshake, facts, number, connection, .. } = *attempt;
    let backend = &route.backend;
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::GET;
    let target = format!("{}{}", backend.path_prefix, handshake.target());
    *request.uri_mut() = target.parse().unwrap_or_default();
    let headers = request.headers_mut();
    for (name, value) in handshake.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    apply_facts(headers, facts);
    if let Some(offered) = facts.inner().and_then(|facts| facts.offered_subprotocols.as_ref()) {
        headers.remove(SEC_WEBSOCKET_PROTOCOL);
        if let (false, Ok(offered)) = (offered.is_empty(), HeaderValue::try_from(offered.join(", "))) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, offered);
        }
    }
    if let (false, Ok(authority)) = (headers.contains_key(HOST), HeaderValue::try_from(&*backend.authority)) {
        headers.insert(HOST, authority);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    let key = BASE64_STANDARD.encode(rand::random::<[u8; 16]>());
    for (name, value) in
        [(SEC_WEBSOCKET_KEY, key), (BELAY_SESSION, handshake.session.to_string()), (BELAY_ATTEMPT, number.to_string())]
    {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if connection == Connection::Resumed {
        headers.insert(BELAY_RESUMED, HeaderValue::from_static("true"));
    }
    request
}

/// Puts the headers that filters want in place of the client's.
pub fn apply_facts(headers: &mut HeaderMap, facts: &Facts) {
    for (name, value) in facts.inner().into_iter().flat_map(|facts| facts.upstream_headers.iter()) {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), _) if value.is_empty() => drop(headers.remove(name)),
            (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
            _ => {}
        }
    }
}

/// Connects, and shakes hands.
pub(super) async fn dial(backend: &Backend, request: Request<Empty<Bytes>>) -> Result<Dialled, DialError> {
    let expected = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| accept_for(key.as_bytes()));
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
    let mut stream = super::secure(backend, super::connect(backend).await?).await?;
    let answer = shake::hands(&mut stream, &request).await.map_err(|cause| DialError::unreachable(backend, cause))?;
    let (answer, stream, early) = match answer {
        Answer::Switches(answer, early) => (answer, stream, early),
        // Rare and large.
        Answer::Other(heard) => Box::pin(hear_out(backend, request, Retold::new(stream, heard))).await?,
    };
    check_answer(answer.headers(), expected.as_deref(), offered.as_ref()).map_err(DialError::NotWebSocket)?;
    Ok(Dialled { stream, early, answer: Some(answer) })
}

/// What an answer comes to that is no 101, or not at once.
async fn hear_out(
    backend: &Backend,
    request: Request<Empty<Bytes>>,
    stream: Retold,
) -> Result<(Response<()>, Stream, Bytes), DialError> {
    let broken = |error: hyper::Error| DialError::unreachable(backend, io::Error::other(error));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // The connection has a task of its own: a refusal's body is still read from it when this function is done.
    tokio::task::spawn_local(connection.with_upgrades());
    let mut response = sender.send_request(request).await.map_err(broken)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(DialError::Refused(Box::new(response)));
    }
    let upgraded = hyper::upgrade::on(&mut response).await.map_err(broken)?;
    let parts = upgraded.downcast::<TokioIo<Retold>>().map_err(|_| DialError::NotWebSocket("no connection"))?;
    let (stream, rest) = parts.io.into_inner().into_parts();
    let early = [parts.read_buf, rest].concat();
    let (head, _) = response.into_parts();
    Ok((Response::from_parts(head, ()), stream, early.into()))
}

/// RFC 6455, section 4.1, "the client MUST validate the server's response".
fn check_answer(headers: &HeaderMap, accept: Option<&str>, offered: Option<&HeaderValue>) -> Result<(), &'static str> {
    let names = |name, token: &str| has_token(headers, name, token);
    if !names(UPGRADE, "websocket") {
        return Err("Upgrade does not say websocket");
    }
    if !names(CONNECTION, "upgrade") {
        return Err("Connection does not say Upgrade");
    }
    if headers.get(SEC_WEBSOCKET_ACCEPT).and_then(|value| value.to_str().ok()) != accept {
        return Err("Sec-WebSocket-Accept does not fit the key");
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err("it speaks an extension that was not offered");
    }
    if let Some(picked) = headers.get(SEC_WEBSOCKET_PROTOCOL) {
        let offered = offered.and_then(|offered| offered.to_str().ok()).unwrap_or_default();
        if !offered.split(',').any(|name| name.trim().as_bytes() == picked.as_bytes()) {
            return Err("it picked a subprotocol that was not offered");
        }
    }
    Ok(())
}

/// Whether a header is a list that has this token, in any case.
pub fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, section 4.2.2).
pub fn accept_for(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests;
