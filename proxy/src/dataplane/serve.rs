//! One request of a client, from its head to a session of its own, to the backend, or to a refusal. Reads from top to
//! bottom; what happens after the upgrade is the driver's. A connection without requests is [`raw`]'s.

mod guest;
pub mod raw;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tracing::debug;

use self::guest::Guest;
use super::chain::{self, Facts};
use super::driver::{Driver, Early};
use super::forward;
use super::handshake::Handshake;
use super::listener::{ConnectionSlot, Patience, Patient};
use super::route::{Came, Listener};
use super::trace::{Connect, ConnectSpan, HandshakeSpan};
use super::upstream::{self, DialError, Dialled, accept_for, has_token};
use super::worker::{RouteState, Worker};
use crate::id::SessionId;
use crate::time::Instant;
use crate::tls::Peer;

/// What we answer with: the forwarder's bodies and texts of our own, or a backend's refusal of a handshake.
type Body = Either<forward::Body, Incoming>;

/// An answer that ends a handshake. Boxed, as it is rare and large.
type Refusal = Box<Response<Body>>;

/// The connection's place, until a session takes it along.
pub type Slot = Rc<Cell<Option<ConnectionSlot>>>;

/// Where a request came in.
pub struct Door {
    /// The listener's.
    pub listener: Rc<Listener>,
    /// The client.
    pub peer: SocketAddr,
    /// Who it has shown to be.
    pub tls: Peer,
    /// How long it may read nothing.
    pub patience: Patience,
    /// The connection's place.
    pub slot: Slot,
}

/// Where a connection without requests came in.
pub struct Entrance {
    /// The client.
    pub peer: SocketAddr,
    /// Who it has shown to be.
    pub tls: Peer,
    /// The connection's place.
    pub slot: ConnectionSlot,
}

impl Door {
    /// What the client speaks to us.
    fn scheme(&self) -> &'static Scheme {
        match self.listener.tls {
            None => &Scheme::HTTP,
            Some(_) => &Scheme::HTTPS,
        }
    }
}

/// Answers one request.
pub async fn request(worker: Rc<Worker>, mut request: Request<Incoming>, door: &Door) -> Response<Body> {
    forward::take_absolute_form(&mut request);
    let span = HandshakeSpan::start(&request, door.scheme(), door.peer);
    let response = respond(worker, request, door, &span).await;
    span.finish(response.status().as_u16());
    response
}

async fn respond(worker: Rc<Worker>, request: Request<Incoming>, door: &Door, span: &HandshakeSpan) -> Response<Body> {
    if let Some(refusal) = forward::refuse(&request) {
        worker.counters.handshakes_refused.add(1);
        return refusal.map(Either::Left);
    }
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let listener = door.listener.name.as_deref();
    let came = Came { listener, server_name: door.tls.server_name.as_deref(), host };
    let table = worker.table();
    let route = table.dataplane.routes.find(came, uri.path(), uri.query(), request.headers());
    let Some(route) = route.and_then(|route| table.route(route)).cloned() else {
        worker.counters.handshakes_refused.add(1);
        return plain(StatusCode::NOT_FOUND, "no route for this request\n");
    };
    span.route(&route.route.name);
    let outcome = if has_token(request.headers(), UPGRADE, "websocket") {
        open_session(&worker, &route, request, door, span).await
    } else {
        forward_plain(&worker, &route, request, door, span).await
    };
    outcome.unwrap_or_else(|refusal| *refusal)
}

/// Passes a plain request on, if the filters that guard the route's handshakes let it: what they keep from the backend's
/// WebSockets they keep from its other doors too.
async fn forward_plain(
    worker: &Rc<Worker>,
    route: &Rc<RouteState>,
    mut request: Request<Incoming>,
    door: &Door,
    span: &HandshakeSpan,
) -> Result<Response<Body>, Refusal> {
    if route.chain.guards_handshakes() {
        let mut handshake = read_handshake(&request, door);
        handshake.trace = span.context();
        let mut guest = Guest::new(worker, route, handshake, &door.tls, None);
        guest
            .ask_filters()
            .await
            .map_err(refusal)
            .inspect_err(|_| span.refused())
            .inspect_err(|_| worker.counters.handshakes_refused.add(1))?;
        if let Some(facts) = guest.facts() {
            upstream::apply_facts(request.headers_mut(), facts);
        }
    }
    door.patience.set(route.route.slow_client.stall_timeout);
    worker.counters.requests_forwarded.add(1);
    let connect = ConnectSpan::start(&span.context(), &Connect::of_request(&route.route, &request));
    connect.inject(request.headers_mut());
    let is_overheard = route.route.heartbeat.overhears(request.uri().query().unwrap_or_default());
    let response = worker.forwarder.forward(&route.route, request, door.peer, door.scheme()).await;
    connect.answered(response.status().as_u16());
    if !is_overheard {
        return Ok(response.map(Either::Left));
    }
    let overheard = Arc::clone(&route.overheard);
    Ok(response.map(|body| match body {
        Either::Left(streamed) => Either::Left(Either::Left(streamed.overheard_by(move |part| overheard.hear(part)))),
        ours @ Either::Right(_) => Either::Left(ours),
    }))
}

/// Lets a client in: its handshake is sound, the filters accept it, the backend accepts it.
async fn open_session(
    worker: &Rc<Worker>,
    route: &Rc<RouteState>,
    mut request: Request<Incoming>,
    door: &Door,
    span: &HandshakeSpan,
) -> Result<Response<Body>, Refusal> {
    let refused = |response: Refusal| {
        worker.counters.handshakes_refused.add(1);
        response
    };
    let accept = check_handshake(&request).map_err(refused)?;
    if worker.memory.is_short() {
        // Its connection is from better times.
        return Err(refused(try_later("no memory for another session\n")));
    }
    let mut handshake = read_handshake(&request, door);
    span.session(handshake.session);
    handshake.trace = span.context();
    let mut guest = Guest::new(worker, route, handshake, &door.tls, None);
    guest.ask_filters().await.inspect_err(|_| span.refused()).map_err(|answer| refused(refusal(answer)))?;
    let begun = Instant::now();
    let dialled = guest.dial().await.map_err(|error| no_upstream(&route.route.name, error))?;
    let connecting = Instant::now() - begun;
    let response = switching_protocols(&accept, &dialled, guest.facts());

    let upgrade = hyper::upgrade::on(&mut request);
    let (worker, slot, peer) = (Rc::clone(worker), Rc::clone(&door.slot), door.peer);
    tokio::task::spawn_local(async move {
        match upgrade.await.map(|upgraded| upgraded.downcast::<TokioIo<Patient>>()) {
            Ok(Ok(parts)) => {
                // A copy of its own length: the original keeps hyper's whole read buffer alive.
                let early = Early { client: Bytes::copy_from_slice(&parts.read_buf), upstream: dialled.early };
                let Some(slot) = slot.take() else { return };
                let session = guest.into_session(connecting);
                let client = parts.io.into_inner().into_inner();
                tokio::task::spawn_local(Driver::new(worker, session, client, dialled.stream, early, slot));
            }
            // The client left between its request and our answer.
            Ok(Err(_)) | Err(_) => debug!(%peer, "the client left during its handshake"),
        }
    });
    Ok(response)
}

/// RFC 6455, section 4.2.1. Returns the Sec-WebSocket-Accept to answer with.
fn check_handshake(request: &Request<Incoming>) -> Result<String, Refusal> {
    let headers = request.headers();
    let bad = |why: &'static str| Box::new(plain(StatusCode::BAD_REQUEST, why));
    if request.method() != Method::GET || request.version() < Version::HTTP_11 {
        return Err(bad("a WebSocket handshake is a GET of HTTP/1.1\n"));
    }
    if !has_token(headers, CONNECTION, "upgrade") {
        return Err(bad("a WebSocket handshake has Connection: Upgrade\n"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version.as_bytes() != b"13") {
        // RFC 6455, section 4.4.
        let mut response = plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket of version 13\n");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err(Box::new(response));
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        // 16 bytes in base64.
        (Some(key), None) if key.len() == 24 && key.as_bytes().ends_with(b"==") => Ok(accept_for(key.as_bytes())),
        _ => Err(bad("a WebSocket handshake has one Sec-WebSocket-Key of 16 bytes in base64\n")),
    }
}

/// What of the request the backend will be told, now and after each loss.
fn read_handshake(request: &Request<Incoming>, door: &Door) -> Handshake {
    let mut headers = request.headers().clone();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    forward::add_forwarded(&mut headers, door.peer, host.as_deref(), door.scheme());
    forward::strip_hop_by_hop(&mut headers);
    // Ours to say to the backend, whatever the client says.
    for name in [SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, SEC_WEBSOCKET_EXTENSIONS] {
        headers.remove(name);
    }
    let ours: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with("belay-")).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    Handshake::new(SessionId::random(), door.peer, target, headers.iter())
}

/// Our 101, with what the backend said in its own.
fn switching_protocols(accept: &str, dialled: &Dialled, facts: Option<&Facts>) -> Response<Body> {
    let mut response = Response::new(own(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut headers: HeaderMap = dialled.answer.as_ref().map(|answer| answer.headers().clone()).unwrap_or_default();
    forward::strip_hop_by_hop(&mut headers);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    let fallback = facts.and_then(Facts::inner).and_then(|facts| facts.default_subprotocol.as_deref());
    if let (false, Some(Ok(name))) = (headers.contains_key(SEC_WEBSOCKET_PROTOCOL), fallback.map(HeaderValue::try_from))
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    *response.headers_mut() = headers;
    response
}

/// A filter's refusal, in its words.
fn refusal(refusal: chain::Refusal) -> Refusal {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = plain(status, refusal.body);
    for (name, value) in &refusal.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&**name), HeaderValue::try_from(&**value)) {
            response.headers_mut().append(name, value);
        }
    }
    Box::new(response)
}

fn no_upstream(route: &str, error: DialError) -> Refusal {
    let status = match error {
        DialError::Refused(response) => return Box::new(pass_back(*response)),
        DialError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        DialError::NotWebSocket(_) | DialError::Tls { .. } => StatusCode::BAD_GATEWAY,
        DialError::Unreachable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = plain(status, format!("the backend of route '{route}' does not answer\n"));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    Box::new(response)
}

fn try_later(why: &'static str) -> Refusal {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    Box::new(response)
}

/// The backend's own refusal, as it is.
fn pass_back(mut response: Response<Incoming>) -> Response<Body> {
    forward::strip_hop_by_hop(response.headers_mut());
    response.map(Either::Right)
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(own(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn own(text: Bytes) -> Body {
    Either::Left(Either::Right(Full::new(text)))
}
