//! What a request asks for: whether we answer such requests at all, and where it is at the backend.

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use super::Body;
use super::answer::plain;
use super::headers::{is_chunked_alone, tokens};
use crate::dataplane::route::{Backend, has_dot_segments};

/// Makes of a target in absolute form the path that it means; its host is the request's, whatever Host says (RFC 9112,
/// section 3.2.2). Any other target stays. To be called first of all.
pub fn take_absolute_form<B>(request: &mut Request<B>) {
    let uri = request.uri();
    let is_http = uri.scheme().is_some_and(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
    let Some(authority) = uri.authority().filter(|_| is_http) else { return };
    let Ok(host) = HeaderValue::try_from(authority.as_str()) else { return };
    let target = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = target.into();
}

/// Our answer to a request that no route can take, to be asked before a route is chosen; nothing for any other.
///
/// These are requests to a forward proxy (CONNECT), to the server as a whole (`OPTIONS *`), those without one valid Host
/// (RFC 9112, section 3.2), those whose bodies are coded for the way in any way but chunked, as the coding would be lost
/// (section 6.1), those whose path has dot segments and might so lead out of its route's prefix, and those that want to
/// speak another protocol than WebSocket. The last are refused since a client that asks for a protocol mostly speaks no
/// other; but `h2c` is an offer that clients make in every request and do without.
pub fn refuse<B>(request: &Request<B>) -> Option<Response<Body>> {
    let refuse = |status, text: &str| Some(plain(status, &format!("belay: {text}")));
    let (uri, headers) = (request.uri(), request.headers());
    if request.method() == Method::CONNECT {
        return refuse(StatusCode::NOT_IMPLEMENTED, "CONNECT is for forward proxies; this is none");
    }
    if uri.path() == "*" {
        return refuse(StatusCode::NOT_IMPLEMENTED, "requests for * are not answered here");
    }
    if uri.scheme().is_some() || !uri.path().starts_with('/') {
        return refuse(StatusCode::BAD_REQUEST, "a request target that is neither a path nor a URL of http");
    }
    if let Err(why) = check_host(headers, request.version()) {
        return refuse(StatusCode::BAD_REQUEST, why);
    }
    if headers.contains_key(TRANSFER_ENCODING) && !is_chunked_alone(headers) {
        return refuse(StatusCode::NOT_IMPLEMENTED, "a transfer coding; only chunked is known here");
    }
    if has_dot_segments(uri.path()) {
        return refuse(StatusCode::BAD_REQUEST, "a path with dot segments; send the path that it resolves to");
    }
    if let Some(protocol) = foreign_upgrade(headers) {
        return refuse(StatusCode::NOT_IMPLEMENTED, &format!("an upgrade to {protocol}; only websocket is known here"));
    }
    None
}

/// RFC 9112, section 3.2. An empty Host is valid, and HTTP/1.0 needs none.
fn check_host(headers: &HeaderMap, version: Version) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => return Ok(()),
        (None, _) => return Err("no Host header"),
        (Some(_), Some(_)) => return Err("more than one Host header"),
        (Some(host), None) => host.as_bytes(),
    };
    let is_valid = host.is_empty() || (Authority::try_from(host).is_ok() && !host.contains(&b'@'));
    if is_valid { Ok(()) } else { Err("a Host header that is no host with or without a port") }
}

/// The first protocol that the client wants to upgrade to, unless we know one of those it names or it can do without.
fn foreign_upgrade(headers: &HeaderMap) -> Option<&str> {
    tokens(headers, CONNECTION).find(|option| option.eq_ignore_ascii_case("upgrade"))?;
    let mut protocols = tokens(headers, UPGRADE).peekable();
    let first = *protocols.peek()?;
    let known = |protocol: &str| ["websocket", "h2c"].iter().any(|known| protocol.eq_ignore_ascii_case(known));
    (!protocols.any(known)).then_some(first)
}

/// Where the request goes: path and query as the client sent them, behind the backend's prefix.
pub(super) fn at_backend(backend: &Backend, uri: &Uri) -> Option<Uri> {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let target = if backend.path_prefix.is_empty() {
        uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"))
    } else {
        PathAndQuery::try_from(format!("{}{target}", backend.path_prefix)).ok()?
    };
    let authority = Authority::try_from(&*backend.authority).ok()?;
    Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(target).build().ok()
}
