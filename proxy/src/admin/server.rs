//! The port's HTTP: one request a connection, bounded in time and size.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{Acted, Action, Page, Phase, Sources, heartbeats, metrics};
use crate::time::Instant;

/// From its opening to its end: a probe or a scrape takes milliseconds.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);
/// Probes, a scraper or two, a person. One more is closed at once.
const CONNECTIONS_MAX: usize = 64;
/// The body of a request: a log filter.
const BODY_BYTES_MAX: usize = 1024;

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, sources: Arc<Sources>) {
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
        let sources = sources.clone();
        tokio::spawn(async move {
            // Whoever is too slow, or breaks off, is of no interest to anybody.
            let _ = timeout(CONNECTION_TIME_MAX, talk(stream, sources)).await;
            drop(place);
        });
    }
}

async fn talk(stream: TcpStream, sources: Arc<Sources>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let sources = sources.clone();
        async move { Ok::<_, Infallible>(answer(request, &sources).await) }
    });
    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await
}

async fn answer(request: Request<Incoming>, sources: &Sources) -> Response<Full<Bytes>> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    match request.uri().path() {
        "/live" if reads => plain(StatusCode::OK, "live\n"),
        "/ready" if reads => match sources.readiness.phase() {
            Phase::Starting => plain(StatusCode::SERVICE_UNAVAILABLE, "starting: not every worker listens yet\n"),
            Phase::Serving => plain(StatusCode::OK, "ready\n"),
            Phase::Draining => plain(StatusCode::SERVICE_UNAVAILABLE, "draining: the process is going away\n"),
        },
        "/metrics" if reads => {
            let mut answer = plain(StatusCode::OK, metrics::text(sources));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
            answer
        }
        "/heartbeats" if reads => {
            let mut answer = plain(StatusCode::OK, heartbeats::text(&sources.networks, Instant::now()));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            answer
        }
        "/log" if reads => plain(StatusCode::OK, format!("{}\n", sources.log.filter())),
        "/log" if request.method() == Method::PUT => set_log(request, sources).await,
        path if let Some(page) = sources.pages.iter().find(|page| page.path == path) => {
            if reads {
                show(page, request.uri().query().unwrap_or_default())
            } else {
                wrong_method("GET, HEAD")
            }
        }
        path if let Some((action, name)) = action(sources, path) => {
            if request.method() != Method::POST {
                return wrong_method("POST");
            }
            let Acted { status, body } = (action.act)(name).await;
            json(status, &body)
        }
        "/live" | "/ready" | "/metrics" | "/heartbeats" => wrong_method("GET, HEAD"),
        "/log" => wrong_method("GET, HEAD, PUT"),
        _ => {
            let more: String = sources.pages.iter().map(|page| format!(", {}", page.path)).collect();
            plain(StatusCode::NOT_FOUND, format!("there are /live, /ready, /metrics, /heartbeats, /log{more}\n"))
        }
    }
}

fn show(page: &Page, query: &str) -> Response<Full<Bytes>> {
    let Some(value) = (page.answer)(query) else { return plain(StatusCode::NOT_FOUND, "nothing is known of that\n") };
    json(StatusCode::OK, &value)
}

/// The action of this path, and the name in it.
fn action<'a>(sources: &'a Sources, path: &'a str) -> Option<(&'a Action, &'a str)> {
    sources.actions.iter().find_map(|action| {
        let name = path.strip_prefix(action.before)?.strip_suffix(action.after)?;
        (name.is_empty() == action.after.is_empty()).then_some((action, name))
    })
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut answer = plain(status, format!("{value:#}\n"));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

async fn set_log(request: Request<Incoming>, sources: &Sources) -> Response<Full<Bytes>> {
    let body = match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return plain(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {BODY_BYTES_MAX} bytes\n")),
    };
    match String::from_utf8_lossy(&body).trim().parse() {
        Ok(filter) => {
            tracing::info!(%filter, "what is logged was changed through the admin port");
            sources.log.set(filter);
            plain(StatusCode::OK, format!("{}\n", sources.log.filter()))
        }
        Err(error) => plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

fn wrong_method(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, format!("allowed: {allowed}\n"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
