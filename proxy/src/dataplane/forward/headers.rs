//! Headers that change on the way: those meant for us alone go, and those that say where a request came from are added.
//! The WebSocket handshake uses the same.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A request's, for the backend.
pub(super) fn to_backend(headers: &mut HeaderMap, peer: SocketAddr, scheme: &Scheme, received: Version) {
    let takes_trailers = tokens(headers, TE).any(|coding| coding.eq_ignore_ascii_case("trailers"));
    strip_hop_by_hop(headers);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    if received < Version::HTTP_11 {
        // HTTP/1.0 knows no expectations (RFC 9110, section 10.1.1).
        headers.remove(EXPECT);
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    add_forwarded(headers, peer, host.as_deref(), scheme);
    add_via(headers, received);
}

/// An answer's, for the client.
pub(super) fn to_client(headers: &mut HeaderMap, received: Version) {
    strip_hop_by_hop(headers);
    say_length_once(headers);
    add_via(headers, received);
}

/// Whether the body is chunked and coded in no other way.
pub(super) fn is_chunked_alone(headers: &HeaderMap) -> bool {
    let mut codings = tokens(headers, TRANSFER_ENCODING);
    codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) && codings.next().is_none()
}

/// A length that is said more than once, as lists joined on the way have it, becomes one, or none if they differ, as they may
/// in answers to HEAD (RFC 9110, section 8.6).
fn say_length_once(headers: &mut HeaderMap) {
    let mut lengths = tokens(headers, CONTENT_LENGTH);
    let Some(length) = lengths.next() else { return };
    let rest: Vec<&str> = lengths.collect();
    if rest.is_empty() {
        return;
    }
    let agreed = rest.iter().all(|other| *other == length).then(|| HeaderValue::from_str(length));
    headers.remove(CONTENT_LENGTH);
    if let Some(Ok(length)) = agreed {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// Takes away what is between two neighbours: Connection, what it names, and what is known to be meant even if it does not
/// (RFC 9110, section 7.6.1). Also Content-Length beside Transfer-Encoding, which overrides it (RFC 9112, section 6.3).
/// Host stays even if named: a request is nothing without it.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> =
            tokens(headers, CONNECTION).filter_map(|name| name.parse().ok()).filter(|name| *name != HOST).collect();
        for name in named {
            headers.remove(name);
        }
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

/// Tells the backend where a request came from: X-Forwarded-For, -Proto, -Host and -Port, and Forwarded (RFC 7239). `host`
/// is the client's Host header, `scheme` what it speaks to us.
///
/// The peer is added to what X-Forwarded-For and Forwarded say already. The other three tell what the first client spoke
/// to, so they are left as they are if a proxy before us has set them. None of what stood there before is proof of anything:
/// a client may have written it. To be called after [`strip_hop_by_hop`], since a client may name any of them in Connection.
pub fn add_forwarded(headers: &mut HeaderMap, peer: SocketAddr, host: Option<&str>, scheme: &Scheme) {
    let ip = peer.ip().to_canonical();
    append_to_list(headers, X_FORWARDED_FOR, &ip.to_string());

    let node = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("\"[{ip}]\""),
    };
    let element = match host {
        Some(host) => format!("for={node};host={};proto={scheme}", token_or_quoted(host)),
        None => format!("for={node};proto={scheme}"),
    };
    append_to_list(headers, FORWARDED, &element);

    set_if_absent(headers, X_FORWARDED_PROTO, scheme.as_str());
    if let Some(host) = host {
        set_if_absent(headers, X_FORWARDED_HOST, host);
    }
    let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let port = host.and_then(|host| host.parse::<Authority>().ok()?.port_u16()).unwrap_or(default_port);
    set_if_absent(headers, X_FORWARDED_PORT, &port.to_string());
}

/// Adds us to Via (RFC 9110, section 7.6.3). `received` is the version that the message came in.
pub fn add_via(headers: &mut HeaderMap, received: Version) {
    append_to_list(headers, VIA, if received < Version::HTTP_11 { "1.0 belay" } else { "1.1 belay" });
}

/// The elements of a comma-separated header, over all its lines.
pub(super) fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

/// Into one line with what is there: some backends read only the first.
fn append_to_list(headers: &mut HeaderMap, name: HeaderName, element: &str) {
    let mut list = Vec::new();
    for value in headers.get_all(&name) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(element.as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(name, value);
    }
}

fn set_if_absent(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.entry(name).or_insert(value);
    }
}

/// RFC 7239, section 4: what is not a token is quoted, as a host with a port must be.
fn token_or_quoted(text: &str) -> Cow<'_, str> {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_token_byte) {
        return text.into();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")).into()
}
