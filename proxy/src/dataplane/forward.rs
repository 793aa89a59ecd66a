//! A plain HTTP request on a route goes to the route's backend as an ordinary reverse-proxied request. Bodies stream both
//! ways, frame by frame: server-sent events, long polls, uploads and trailers pass as they come. Choosing the route, and
//! requests that become sessions, are others'.
//!
//! A backend that dies after its answer has begun ends the client's connection in the middle of the body, so that nobody
//! takes a part for the whole; only with HTTP/1.0, where the end of the connection is the end of the body, can that not be
//! told. Informational answers end here, as hyper's server cannot send them; `100 Continue` is the exception: a client that
//! waits for it is told to go on when the backend says so.

mod answer;
mod dial;
mod headers;
mod target;
mod upload;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{EXPECT, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::{Body as _, Incoming};
use hyper::ext::ReasonPhrase;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use self::answer::Failure;
use self::dial::{Dialer, Uses};
use self::upload::{Upload, Watch};
use super::route::{Backend, Route};
use crate::tls::{self, ClientTls};

pub use answer::{Streamed, plain};
pub use headers::{add_forwarded, add_via, strip_hop_by_hop};
pub use target::{refuse, take_absolute_form};

/// The body of an answer: the backend's, as it streams, or ours.
pub type Body = Either<Streamed, Full<Bytes>>;

/// From the end of a request to the head of its answer. Longer than any long poll in use; a backend that takes longer
/// without a word is taken for hung.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// Idle connections to one backend, kept by one worker. More are closed when they become idle.
const POOL_IDLE_MAX: usize = 64;

/// After this long an idle connection is closed: before Node's default of 5 s, the shortest in wide use, as a request that
/// meets the backend's closing is lost if it may not be repeated.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The head of an answer.
const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;

/// Passes plain requests on. One a worker; its connections are kept for later requests of that worker.
#[derive(Debug)]
pub struct Forwarder {
    plain: Pool,
    /// One pool for each way to trust and to be trusted: connections of one are no good for another.
    tls: Mutex<Vec<(Arc<ClientTls>, Pool)>>,
}

type Pool = Client<Dialer, Upload>;

/// Pools that are kept; what is configured has fewer, and one that was dropped is made anew.
const TLS_POOLS_MAX: usize = 256;

impl Default for Forwarder {
    fn default() -> Self {
        Self::new()
    }
}

impl Forwarder {
    /// Without any connection yet. To be used within one tokio runtime.
    pub fn new() -> Self {
        Self { plain: pool(None), tls: Mutex::default() }
    }

    fn pool(&self, backend: &Backend) -> Pool {
        let Some(tls) = &backend.tls else { return self.plain.clone() };
        let mut pools = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(known, _)| Arc::ptr_eq(known, tls)) {
            return pool.clone();
        }
        if pools.len() >= TLS_POOLS_MAX {
            pools.clear();
        }
        let pool = pool(Some(Arc::clone(tls)));
        pools.push((Arc::clone(tls), pool.clone()));
        pool
    }

    /// The backend's answer to `request`, or ours if there is none: 502 if the backend is away or goes away, 504 if it
    /// takes too long. The request is one that [`refuse`] lets pass. `scheme` is what the client speaks to us.
    ///
    /// To be dropped when the client goes away, which ends the request at the backend too.
    pub async fn forward(
        &self,
        route: &Route,
        request: Request<Incoming>,
        peer: SocketAddr,
        scheme: &Scheme,
    ) -> Response<Body> {
        let received = request.version();
        match self.answer(route, request, peer, scheme).await {
            Ok(answer) => answer,
            Err(failure) => {
                failure.log(route);
                let mut answer = failure.answer(route);
                add_via(answer.headers_mut(), received);
                answer
            }
        }
    }

    async fn answer(
        &self,
        route: &Route,
        request: Request<Incoming>,
        peer: SocketAddr,
        scheme: &Scheme,
    ) -> Result<Response<Body>, Failure> {
        let (parts, body) = request.into_parts();
        let mut outgoing = Outgoing {
            method: parts.method,
            uri: target::at_backend(&route.backend, &parts.uri).ok_or(Failure::Target)?,
            headers: parts.headers,
        };
        let expects = outgoing.headers.contains_key(EXPECT);
        headers::to_backend(&mut outgoing.headers, peer, scheme, parts.version);

        let answer = if body.is_end_stream() {
            self.ask_again_if_stale(route, outgoing).await?
        } else {
            let (upload, watch) = if expects { Upload::awaited(body) } else { Upload::streamed(body) };
            self.ask(route, outgoing, upload, watch).await?
        };

        let (mut parts, body) = answer.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::Switched);
        }
        if parts.headers.contains_key(TRANSFER_ENCODING) && !headers::is_chunked_alone(&parts.headers) {
            return Err(Failure::Coded);
        }
        headers::to_client(&mut parts.headers, parts.version);
        // What it is sent as is between the client and hyper's server.
        parts.version = Version::HTTP_11;
        let reason = parts.extensions.remove::<ReasonPhrase>();
        parts.extensions.clear();
        if let Some(reason) = reason {
            parts.extensions.insert(reason);
        }
        Ok(Response::from_parts(parts, Either::Left(body)))
    }

    /// A request without a body. A connection that was kept may have been closed by the backend just as we used it; a
    /// request that may be repeated is then repeated, once (RFC 9112, section 9.3.1).
    async fn ask_again_if_stale(&self, route: &Route, outgoing: Outgoing) -> Result<Response<Streamed>, Failure> {
        let again = outgoing.method.is_idempotent().then(|| outgoing.clone());
        let (upload, watch) = Upload::none();
        match (self.ask(route, outgoing, upload, watch).await, again) {
            (Err(Failure::LostStale), Some(outgoing)) => {
                let (upload, watch) = Upload::none();
                self.ask(route, outgoing, upload, watch).await
            }
            (answer, _) => answer,
        }
    }

    async fn ask(
        &self,
        route: &Route,
        outgoing: Outgoing,
        upload: Upload,
        watch: Watch,
    ) -> Result<Response<Streamed>, Failure> {
        let mut request = outgoing.with(upload);
        watch.hear_continue(&mut request);
        let mut connection = capture_connection(&mut request);
        let connected = timeout(route.backend.connect_timeout, connection.wait_for_connection_metadata());
        let mut answer = pin!(self.pool(&route.backend).request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            Err(_) = connected => return Err(Failure::ConnectTimedOut),
            overdue = watch.overdue(route) => return Err(overdue),
        };
        match answer {
            Ok(answer) => {
                if let Some(uses) = answer.extensions().get::<Uses>() {
                    uses.count();
                }
                Ok(answer.map(|body| Streamed::new(body, watch)))
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

fn pool(tls: Option<Arc<ClientTls>>) -> Pool {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_MAX)
        .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
        .build(Dialer(tls::Dialer::new(tls)))
}

/// A request as the backend gets it, without its body.
#[derive(Clone)]
struct Outgoing {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Outgoing {
    fn with(self, upload: Upload) -> Request<Upload> {
        let mut request = Request::new(upload);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}
