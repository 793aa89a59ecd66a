//! Makes callouts: one exchange each over a connection that may have served before, within its time and its bytes. What comes
//! back is handed on as it is: no redirect is followed.

use std::cell::RefCell;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tracing::debug;

use super::dial::Dialer;
use super::{Answer, CalloutError, Request, Response, Terms};
use crate::dataplane::trace::{CalloutSpan, TraceContext};

/// A callout under way. Dropping it gives it up.
pub type Asking = Pin<Box<dyn Future<Output = Answer>>>;

type HttpClient = Client<Dialer, Full<Bytes>>;

/// After this long an idle connection is closed: before Node's default of 5 s, the shortest in wide use.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Idle connections to one origin, kept for one filter by one worker.
const POOL_IDLE_MAX: usize = 16;
/// The head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// One worker's callouts, and the connections that are kept for later ones.
#[derive(Default)]
pub struct Caller {
    /// A filter trusts roots of its own, so no connection of another will do.
    clients: RefCell<Vec<(Arc<Terms>, HttpClient)>>,
}

impl Caller {
    /// Asks on these terms; without any, nothing is allowed. The span hangs under `parent`.
    pub fn ask(&self, request: &Request, terms: Option<&Arc<Terms>>, parent: &TraceContext) -> Asking {
        let Some(terms) = terms else { return Box::pin(std::future::ready(Err(CalloutError::Forbidden))) };
        let sendable = terms.check(request).and_then(|http| Ok((http, terms.enter()?)));
        let (mut http, place) = match sendable {
            Ok(sendable) => sendable,
            Err(error) => {
                terms.counts.count(&Err(error));
                return Box::pin(std::future::ready(Err(error)));
            }
        };
        let span = CalloutSpan::start(parent, &terms.filter, http.method(), http.uri());
        span.inject(http.headers_mut());
        let (client, terms, time) = (self.client(terms), Arc::clone(terms), terms.time_for(request));
        Box::pin(async move {
            let _place = place;
            let begun = Instant::now();
            let exchange = exchange(&client, http, terms.policy.body_bytes_max, &terms.filter);
            let answer = tokio::time::timeout(time, exchange).await.unwrap_or(Err(CalloutError::Timeout));
            terms.counts.count_timed(&answer, begun.elapsed());
            span.finish(&answer);
            answer
        })
    }

    fn client(&self, terms: &Arc<Terms>) -> HttpClient {
        let mut clients = self.clients.borrow_mut();
        if let Some((_, client)) = clients.iter().find(|(of, _)| Arc::ptr_eq(of, terms)) {
            return client.clone();
        }
        // Filters that are gone with an earlier configuration leave their terms to us alone.
        clients.retain(|(of, _)| Arc::strong_count(of) > 1);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(Dialer(terms.policy.tls.clone()));
        clients.push((Arc::clone(terms), client.clone()));
        client
    }
}

async fn exchange(
    client: &HttpClient,
    http: http::Request<Full<Bytes>>,
    body_bytes_max: usize,
    filter: &str,
) -> Answer {
    let unreachable = |error: &dyn Error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        debug!(filter, %cause, "a callout got no answer");
        CalloutError::Unreachable
    };
    let (head, body) = match client.request(http).await {
        Ok(answer) => answer.into_parts(),
        Err(error) if is_too_long(&error) => return Err(CalloutError::TooLarge),
        Err(error) => return Err(unreachable(&error)),
    };
    let body =
        read(body, body_bytes_max).await.map_err(|error| error.map_or(CalloutError::TooLarge, |e| unreachable(&e)))?;
    let headers = head.headers.iter().filter_map(|(name, value)| {
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        Some((name.as_str().into(), value.into()))
    });
    Ok(Response { status: head.status.as_u16(), headers: headers.collect(), body })
}

/// All of a body. `Err(None)`: it is longer than that.
async fn read(mut body: Incoming, bytes_max: usize) -> Result<Vec<u8>, Option<hyper::Error>> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(None);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Some)?.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn is_too_long(error: &hyper_util::client::legacy::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    cause.is_some_and(hyper::Error::is_parse_too_large)
}
