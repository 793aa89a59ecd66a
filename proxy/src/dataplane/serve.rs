//! One request of a client, from its head to a session of its own, to the backend, or to a refusal. Reads from top to
//! bottom; what happens after the upgrade is the driver's. A connection without requests is [`raw`]'s.

mod guest;
pub mod raw;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode, Uri, Version};
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
use super::rewound::Rewound;
use super::route::{Came, Listener};
use super::trace::{Connect, ConnectSpan, HandshakeSpan};
use super::upstream::{self, DialError, Dialled, accept_for, has_token};
use super::worker::{RouteState, Worker};
use crate::id::SessionId;
use crate::time::Instant;
use crate::tls::{Peer, Stream};

/// What we answer with: the forwarder's bodies and texts of our own, or a backend's refusal of a handshake.
pub type Body = Either<forward::Body, Incoming>;

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
pub async fn request(worker: &Rc<Worker>, mut request: Request<Incoming>, door: &Door) -> Response<Body> {
    if !wants_websocket(&request) {
        return forward(worker, request, door).await;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let (response, newcomer) = handshake(worker, request, door).await;
    if let Some(newcomer) = newcomer {
        let (worker, slot, peer) = (Rc::clone(worker), Rc::clone(&door.slot), door.peer);
        tokio::task::spawn_local(async move {
            match upgrade.await.map(|upgraded| upgraded.downcast::<TokioIo<Rewound<Patient>>>()) {
                Ok(Ok(parts)) => {
                    let (client, rest) = parts.io.into_inner().into_parts();
                    let early = [parts.read_buf, rest].concat();
                    newcomer.enter(&worker, client.into_inner(), early.into(), &slot);
                }
                // The client left between its request and our answer.
                Ok(Err(_)) | Err(_) => debug!(%peer, "the client left during its handshake"),
            }
        });
    }
    response
}

/// Answers a request that wants to become a WebSocket. Who is let in enters once it has its answer.
pub async fn handshake<B>(
    worker: &Rc<Worker>,
    mut request: Request<B>,
    door: &Door,
) -> (Response<Body>, Option<Newcomer>) {
    let span = begin(&mut request, door);
    let outcome = match find_route(worker, &request, door, &span) {
        Ok(route) => open_session(worker, &route, request, door, &span).await,
        Err(refusal) => Err(refusal),
    };
    let (response, newcomer) = match outcome {
        Ok((response, newcomer)) => (response, Some(newcomer)),
        Err(refusal) => (*refusal, None),
    };
    span.finish(response.status().as_u16());
    (response, newcomer)
}

/// Answers any other.
async fn forward(worker: &Rc<Worker>, mut request: Request<Incoming>, door: &Door) -> Response<Body> {
    let span = begin(&mut request, door);
    let outcome = match find_route(worker, &request, door, &span) {
        Ok(route) => forward_plain(worker, &route, request, door, &span).await,
        Err(refusal) => Err(refusal),
    };
    let response = outcome.unwrap_or_else(|refusal| *refusal);
    span.finish(response.status().as_u16());
    response
}

fn begin<B>(request: &mut Request<B>, door: &Door) -> HandshakeSpan {
    forward::take_absolute_form(request);
    HandshakeSpan::start(request, door.scheme(), door.peer)
}

/// Whether it asks for a WebSocket, well or badly.
pub fn wants_websocket<B>(request: &Request<B>) -> bool {
    has_token(request.headers(), UPGRADE, "websocket")
}

fn find_route<B>(
    worker: &Worker,
    request: &Request<B>,
    door: &Door,
    span: &HandshakeSpan,
) -> Result<Rc<RouteState>, Refusal> {
    let refused = |response| {
        worker.counters.handshakes_refused.add(1);
        Box::new(response)
    };
    if let Some(refusal) = forward::refuse(request) {
        return Err(refused(refusal.map(Either::Left)));
    }
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let listener = door.listener.name.as_deref();
    let came = Came { listener, server_name: door.tls.server_name.as_deref(), host };
    let table = worker.table();
    let route = table.dataplane.routes.find(came, uri.path(), uri.query(), request.headers());
    let Some(route) = route.and_then(|route| table.route(route)).cloned() else {
        return Err(refused(plain(StatusCode::NOT_FOUND, "no route for this request\n")));
    };
    span.route(&route.route.name);
    Ok(route)
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
        let mut handshake = read_handshake(request.uri(), request.headers().clone(), door);
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

/// A client that is let in, until it has been told.
pub struct Newcomer {
    guest: Guest,
    /// Its backend's connection.
    upstream: Stream,
    /// What came with the end of that handshake.
    early: Bytes,
    connecting: Duration,
}

impl Newcomer {
    /// It has been told: its session begins, with what it has said since.
    pub fn enter(self, worker: &Rc<Worker>, client: Stream, said: Bytes, slot: &Slot) {
        let Self { guest, upstream, early, connecting } = self;
        let Some(slot) = slot.take() else { return };
        let session = guest.into_session(connecting);
        let early = Early { client: said, upstream: early };
        tokio::task::spawn_local(Driver::new(Rc::clone(worker), session, client, upstream, early, slot));
    }
}

/// Lets a client in: its handshake is sound, the filters accept it, the backend accepts it.
async fn open_session<B>(
    worker: &Rc<Worker>,
    route: &Rc<RouteState>,
    request: Request<B>,
    door: &Door,
    span: &HandshakeSpan,
) -> Result<(Response<Body>, Newcomer), Refusal> {
    let refused = |response: Refusal| {
        worker.counters.handshakes_refused.add(1);
        response
    };
    let accept = check_handshake(&request).map_err(refused)?;
    if worker.memory.is_short() {
        // Its connection is from better times.
        return Err(refused(try_later("no memory for another session\n")));
    }
    let (request, _) = request.into_parts();
    let mut handshake = read_handshake(&request.uri, request.headers, door);
    span.session(handshake.session);
    handshake.trace = span.context();
    let mut guest = Guest::new(worker, route, handshake, &door.tls, None);
    guest.ask_filters().await.inspect_err(|_| span.refused()).map_err(|answer| refused(refusal(answer)))?;
    let begun = Instant::now();
    let dialled = guest.dial().await.map_err(|error| no_upstream(&route.route.name, error))?;
    let connecting = Instant::now() - begun;
    let Dialled { stream: upstream, early, answer } = dialled;
    let response = switching_protocols(&accept, answer, guest.facts());
    Ok((response, Newcomer { guest, upstream, early, connecting }))
}

/// RFC 6455, section 4.2.1. Returns the Sec-WebSocket-Accept to answer with.
fn check_handshake<B>(request: &Request<B>) -> Result<String, Refusal> {
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
fn read_handshake(uri: &Uri, mut headers: HeaderMap, door: &Door) -> Handshake {
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
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    Handshake::new(SessionId::random(), door.peer, target, headers.iter())
}

/// Our 101, with what the backend said in its own.
fn switching_protocols(accept: &str, theirs: Option<Response<()>>, facts: Option<&Facts>) -> Response<Body> {
    let mut response = Response::new(own(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut headers = theirs.map(|theirs| theirs.into_parts().0.headers).unwrap_or_default();
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
