//! What a request asks for: whether we answer such requests at all, and where it is at the backend.

use http::header::{CONNECTION, HOST, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Response, StatusCode, Uri};

use super::Body;
use super::answer::plain;
use crate::dataplane::route::{Backend, has_dot_segments};

/// Our answer to a request that no route can take, to be asked before a route is chosen; nothing for any other.
///
/// These are requests to a forward proxy (CONNECT, and targets in absolute form), to the server as a whole (`OPTIONS *`),
/// those without one Host (RFC 9112, section 3.2), those whose path has dot segments and might so lead out of its route's
/// prefix, and those that want to speak another protocol than WebSocket. The last are refused since a client that asks for
/// a protocol mostly speaks no other; but `h2c` is an offer that clients make in every request and do without.
pub fn refuse(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response<Body>> {
    let refuse = |status, text: &str| Some(plain(status, &format!("belay: {text}")));
    if method == Method::CONNECT {
        return refuse(StatusCode::NOT_IMPLEMENTED, "CONNECT is for forward proxies; this is none");
    }
    if uri.scheme().is_some() || uri.authority().is_some() {
        return refuse(StatusCode::BAD_REQUEST, "a full URL as request target is for forward proxies; send the path");
    }
    if uri.path() == "*" {
        return refuse(StatusCode::NOT_IMPLEMENTED, "requests for * are not answered here");
    }
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return refuse(StatusCode::BAD_REQUEST, "more than one Host header");
    }
    if has_dot_segments(uri.path()) {
        return refuse(StatusCode::BAD_REQUEST, "a path with dot segments; send the path that it resolves to");
    }
    if let Some(protocol) = foreign_upgrade(headers) {
        return refuse(StatusCode::NOT_IMPLEMENTED, &format!("an upgrade to {protocol}; only websocket is known here"));
    }
    None
}

/// The first protocol that the client wants to upgrade to, unless we know one of those it names or it can do without.
fn foreign_upgrade(headers: &HeaderMap) -> Option<&str> {
    super::headers::tokens(headers, CONNECTION).find(|option| option.eq_ignore_ascii_case("upgrade"))?;
    let mut protocols = super::headers::tokens(headers, UPGRADE).peekable();
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
