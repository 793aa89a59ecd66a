//! The port's HTTP: one request a connection, bounded in time and size. What is answered is the table's.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, sleep_until, timeout};

use super::Table;
use super::endpoint::{Answered, Asked, Endpoint, Query, Values};
use crate::dataplane::route::parameters;

/// From its opening to its end, without what the answer takes: a probe or a scrape takes milliseconds.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);
/// Probes, a scraper or two, a person. One more is closed at once.
const CONNECTIONS_MAX: usize = 64;
/// The body of a request: a log filter.
const BODY_BYTES_MAX: usize = 4096;

/// Pages run what this port gives them and nothing else, and nobody frames them.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, table: Arc<Table>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the admin port cannot be served"),
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Most likely out of files; a moment later there may be some again.
                tracing::warn!(%error, "the admin port could not accept a connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let table = table.clone();
        tokio::spawn(async move {
            // Whoever is too slow, or breaks off, is of no interest to anybody.
            let _ = talk(stream, table).await;
            drop(place);
        });
    }
}

/// For at most [`CONNECTION_TIME_MAX`], and the time that what is asked for may take.
async fn talk(stream: TcpStream, table: Arc<Table>) -> Result<(), hyper::Error> {
    let more = Arc::new(AtomicU64::new(0));
    let service = service_fn({
        let more = Arc::clone(&more);
        move |request| {
            let (table, more) = (table.clone(), Arc::clone(&more));
            async move { Ok::<_, Infallible>(dress(answer(request, &table, &more).await)) }
        }
    });
    let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let opened = tokio::time::Instant::now();
    let until = || opened + CONNECTION_TIME_MAX + Duration::from_secs(more.load(Relaxed));
    loop {
        tokio::select! {
            ended = &mut connection => return ended,
            () = sleep_until(until()) => if tokio::time::Instant::now() >= until() { return Ok(()) },
        }
    }
}

async fn answer(request: Request<Incoming>, table: &Table, more: &AtomicU64) -> Answered {
    let (head, body) = request.into_parts();
    let at_path: Vec<(&Endpoint, &str)> = table.at(head.uri.path()).collect();
    if at_path.is_empty() {
        let all: Vec<&str> = table.paths().collect();
        return Answered::problem(StatusCode::NOT_FOUND, &format!("there are {}", all.join(", ")));
    }
    let method = if head.method == Method::HEAD { &Method::GET } else { &head.method };
    let Some((endpoint, name)) = at_path.iter().find(|(endpoint, _)| endpoint.method == *method) else {
        let allowed = allowed(&at_path);
        let refusal = Answered::problem(StatusCode::METHOD_NOT_ALLOWED, &format!("allowed: {allowed}"));
        return Answered { allow: Some(allowed), ..refusal };
    };
    if let Err(refusal) = table.guard.check(endpoint.access, &head.headers) {
        return refusal;
    }
    let query = match read_query(endpoint, head.uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(mistake) => return Answered::problem(StatusCode::BAD_REQUEST, &mistake),
    };
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return Answered::problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("at most {BODY_BYTES_MAX} bytes"));
        }
    };
    more.store(endpoint.within.as_secs(), Relaxed);
    let asked = Asked { name: (*name).into(), query, body };
    match timeout(endpoint.within, (endpoint.handler)(asked)).await {
        Ok(answered) => answered,
        Err(_) => Answered::problem(StatusCode::SERVICE_UNAVAILABLE, "it took too long; try again"),
    }
}

fn allowed(at_path: &[(&Endpoint, &str)]) -> String {
    let methods = at_path.iter().map(|(endpoint, _)| endpoint.method.as_str());
    let methods = methods.flat_map(|method| if method == "GET" { vec!["GET", "HEAD"] } else { vec![method] });
    methods.collect::<Vec<_>>().join(", ")
}

/// A parameter that nobody knows is a mistake and no wish: of a filter that was misspelt nothing would be left.
fn read_query(endpoint: &Endpoint, query: &str) -> Result<Query, String> {
    let mut read = Query::new();
    for (name, value) in parameters(query) {
        let Some(known) = endpoint.query.iter().find(|parameter| parameter.name == name) else {
            let names: Vec<&str> = endpoint.query.iter().map(|parameter| parameter.name).collect();
            let all = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(format!("there is no parameter '{name}' here; there are: {all}"));
        };
        if read.iter().any(|(given, _)| **given == *name) {
            return Err(format!("'{name}' is given twice"));
        }
        match known.values {
            Values::Text => {}
            Values::Number(least, most) => {
                if !value.parse().is_ok_and(|number| (least..=most).contains(&number)) {
                    return Err(format!("'{name}' is a whole number from {least} to {most}"));
                }
            }
            Values::OneOf(these) => {
                if !these.contains(&&*value) {
                    return Err(format!("'{name}' is one of {}", these.join(", ")));
                }
            }
        }
        read.push((name.into(), value.into()));
    }
    Ok(read)
}

/// As it goes out.
fn dress(answered: Answered) -> Response<Full<Bytes>> {
    let Answered { status, media, body, allow } = answered;
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("content-security-policy"), HeaderValue::from_static(PAGE_POLICY));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(Ok(allow)) = allow.map(HeaderValue::try_from) {
        headers.insert(ALLOW, allow);
    }
    response
}
