//! The whole process, traced: a client with a trace of its own, a backend that is lost and comes back, and a real OTLP
//! receiver that is told of all of it.

mod common;
#[path = "tracing/picture.rs"]
mod picture;

use std::path::Path;
use std::time::Duration;

use common::backend::{self, Backend};
use common::belay::{Belay, http_get, route_to};
use common::client;
use common::handshake::read_head;
use common::otlp::{Collector, Received, named};
use common::raw;
use futures_util::SinkExt;
use tokio::io::AsyncWriteExt;

const CLIENT_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN: &str = "b7ad6b7169203331";

fn yaml(backend: std::net::SocketAddr, collector: &Collector, protocol: &str) -> String {
    format!(
        "{}telemetry:\n  service_name: chat-belay\n  otlp: {{ endpoint: '{}', protocol: {protocol} }}\n  \
         sample: {{ messages: 1 }}\n",
        route_to(backend, "    name: chat\n"),
        collector.endpoint()
    )
}

/// The span id that a backend was told.
fn span_id(traceparent: &str) -> &str {
    let parts: Vec<_> = traceparent.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", CLIENT_TRACE, "01"), "{traceparent}");
    parts[2]
}

#[tokio::test]
async fn a_session_is_traced_from_its_handshake_through_a_hold_to_its_end() {
    let Some(collector) = Collector::start("a_session_is_traced", "grpc") else { return };
    let mut backend = Backend::start().await;
    let mut belay = Belay::start(&yaml(backend.address, &collector, "grpc")).await;
    let headers = format!("traceparent: 00-{CLIENT_TRACE}-{CLIENT_SPAN}-01\r\ntracestate: vendor=x\r\n");
    let client = tokio::spawn(async move { client::open(belay.address, "/room?token=x", &headers).await });
    let mut visit = backend.accept().await;
    let (mut client, _) = client.await.unwrap().unwrap();
    let client = client.as_mut().unwrap();
    let first = visit.request.header("traceparent").unwrap().to_owned();
    assert_eq!(visit.request.header("tracestate"), Some("vendor=x"));
    let session = visit.request.header("belay-session").unwrap().to_owned();
    client.send("hello".into()).await.unwrap();
    assert_eq!(visit.text().await, "hello");
    visit.reset();
    let mut visit = backend.accept().await;
    let second = visit.request.header("traceparent").unwrap().to_owned();
    visit.say("welcome back").await;
    assert_eq!(client::next_text(client).await, "welcome back");
    client.close(None).await.unwrap();
    client::closed(client).await;
    belay.terminate();
    assert!(belay.ended().await.success());

    let spans = collector.spans(6);
    assert!(collector.rest().is_empty());
    for span in &spans {
        assert_eq!(span.resource("service.name"), "chat-belay");
        assert_eq!(span.attribute("belay.session.id"), session.as_str());
        assert_eq!(span.attribute("belay.route"), "chat");
    }
    let server = named(&spans, "GET chat");
    assert_eq!((server.text("trace_id"), server.text("parent_span_id")), (CLIENT_TRACE, CLIENT_SPAN));
    assert_eq!(server.attribute("http.response.status_code"), 101);
    assert_eq!(server.attribute("url.path"), "/room");
    let told = |traceparent: &str| -> &Received {
        let id = span_id(traceparent);
        spans.iter().find(|span| span.text("span_id") == id).unwrap_or_else(|| panic!("no span {id} in {spans:#?}"))
    };
    let (connected, again) = (told(&first), told(&second));
    assert_eq!((connected.text("name"), again.text("name")), ("connect chat", "connect chat"));
    assert!(connected.is_child_of(server));
    let hold = named(&spans, "hold chat");
    assert!(hold.is_child_of(server) && again.is_child_of(hold));
    assert_eq!(hold.attribute("belay.hold.outcome"), "bound");
    assert_eq!(hold.attribute("belay.hold.attempts"), 1);
    assert_eq!(again.attribute("belay.resumed"), true);
    for (name, bytes) in [("forward_to_backend chat", 5), ("forward_to_client chat", 12)] {
        let message = named(&spans, name);
        assert_eq!(message.field("links")[0]["span_id"], server.text("span_id"));
        assert_eq!(message.attribute("messaging.message.body.size"), bytes);
        assert_eq!(message.attribute("belay.verdict"), "continue");
    }
}

#[tokio::test]
async fn a_callout_hangs_under_its_handshake_and_the_service_under_it() {
    let Some(collector) = Collector::start("a_callout_is_traced", "http") else { return };
    let mut backend = Backend::start().await;
    let service = backend::listen(common::ports::free());
    let origin = format!("http://{}", service.local_addr().unwrap());
    let told = tokio::spawn(async move {
        let (mut stream, _) = service.accept().await.unwrap();
        let head = read_head(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        head
    });
    let mut belay = Belay::start(&format!(
        "{}filters: {{ auth: {{ use: auth-http, limits: {{ deadline: 1s }}, callouts: {{ allow: ['{origin}'] }}, \
         config: {{ url: '{origin}/check?secret' }} }} }}\ntelemetry: {{ otlp: {{ endpoint: '{}', protocol: http }} }}\n",
        route_to(backend.address, "    name: chat\n    filters: [auth]\n"),
        collector.endpoint()
    ))
    .await;
    let headers = format!("traceparent: 00-{CLIENT_TRACE}-{CLIENT_SPAN}-01\r\n");
    let (client, visit) = tokio::join!(client::open(belay.address, "/room", &headers), backend.accept());
    let told = told.await.unwrap();
    drop((client.unwrap(), visit));
    belay.terminate();
    assert!(belay.ended().await.success());

    let spans = collector.spans(5);
    let callout = named(&spans, "GET");
    assert!(callout.is_child_of(named(&spans, "GET chat")));
    assert_eq!(callout.text("span_id"), span_id(told.header("traceparent").unwrap()));
    assert_eq!(callout.attribute("http.request.method"), "GET");
    assert_eq!(callout.attribute("http.response.status_code"), 204);
    assert_eq!(callout.attribute("url.full"), format!("{origin}/check").as_str());
    assert_eq!(callout.attribute("belay.filter"), "auth");
    // The filter is called for the handshake, and for the answer.
    let calls = spans.iter().filter(|span| span.text("name") == "filter auth");
    let mut verdicts: Vec<_> = calls.map(|call| call.attribute("belay.verdict").to_string()).collect();
    verdicts.sort();
    assert_eq!(verdicts, ["\"accept\"", "\"call_out\""]);
}

#[tokio::test]
async fn plain_requests_are_traced_and_an_away_backend_is_an_error() {
    let Some(collector) = Collector::start("plain_requests_are_traced", "http") else { return };
    let backend = common::ports::free();
    let mut belay = Belay::start(&yaml(backend, &collector, "http")).await;
    let (status, _) = http_get(belay.address, "/page").await.unwrap();
    assert_eq!(status, 502);
    belay.terminate();
    assert!(belay.ended().await.success());
    let spans = collector.spans(2);
    let (server, connect) = (named(&spans, "GET chat"), named(&spans, "connect chat"));
    assert!(connect.is_child_of(server));
    assert_eq!(server.field("status")["code"], "error");
    assert_eq!(connect.field("status")["code"], "error");
    assert_eq!(server.attribute("http.response.status_code"), 502);
    assert_eq!(server.attribute("belay.session.id"), &serde_json::Value::Null);
}

#[tokio::test]
async fn a_raw_connection_is_the_root_of_its_sessions_trace() {
    let Some(collector) = Collector::start("a_raw_connection_is_traced", "http") else { return };
    let listener = raw::listen(common::ports::free());
    let extra = format!("telemetry:\n  otlp: {{ endpoint: '{}', protocol: http }}\n", collector.endpoint());
    let mut belay = raw::in_front_of("lines", listener.local_addr().unwrap(), &extra).await;
    let mut client = raw::Line::connect(belay.address).await;
    client.say("hello").await;
    assert_eq!(raw::Line::accept(&listener).await.line().await, "hello");
    client.end().await;
    client.rest().await;
    belay.terminate();
    assert!(belay.ended().await.success());
    let spans = collector.spans(2);
    let (server, connect) = (named(&spans, "TCP raw"), named(&spans, "connect raw"));
    assert!(connect.is_child_of(server));
    assert_eq!(server.text("parent_span_id"), "");
    assert_eq!(server.attribute("network.transport"), "tcp");
    assert_eq!(server.attribute("belay.session.id"), connect.attribute("belay.session.id"));
    assert_eq!(server.attribute("error.type"), &serde_json::Value::Null);
}

/// A filter's limits are for programs that are optimised: this one's calls may take a second.
const LIMIT: &str = "filters:\n  limit:\n    use: rate-limit\n    limits: { deadline: 1s }\n    config:\n      rules:\n        - \
                     { on: connect, per: peer, rate: 2/h, burst: 2 }\n        - { rate: 1/h, burst: 1, exceeded: { close: { code: \
                     4008 } } }\n";

/// The three kinds of what went wrong, each in a whole process that samples nothing; and besides them nothing.
#[tokio::test]
async fn errors_holds_and_refusals_are_kept_where_nothing_is_sampled() {
    let Some(collector) = Collector::start("errors_holds_and_refusals_are_kept", "grpc") else { return };
    let mut backend = Backend::start().await;
    let telemetry = format!(
        "telemetry:\n  otlp: {{ endpoint: '{}', protocol: grpc }}\n  sample: {{ sessions: 0 }}\n",
        collector.endpoint()
    );
    let nowhere = common::ports::free();
    let routes = route_to(backend.address, "    name: chat\n    match: { path: /room }\n    filters: [limit]\n");
    let away = format!("  - {{ name: away, match: {{ path: /away }}, backend: 'ws://{nowhere}' }}\n");
    let mut belay = Belay::start(&(routes + &away + LIMIT + &telemetry)).await;

    // A hold.
    let (mut client, mut visit) = tokio::join!(client::connect(belay.address, "/room"), backend.accept());
    visit.reset();
    visit = backend.accept().await;
    // A filter that ends a session over its second message.
    client.send("one".into()).await.unwrap();
    client.send("two".into()).await.unwrap();
    assert_eq!(client::closed(&mut client).await.map(|(code, _)| code), Some(4008));
    // A handshake that a filter refuses, after one that it lets in and of which nothing is kept.
    let (second, _visit) = tokio::join!(client::connect(belay.address, "/room"), backend.accept());
    assert_eq!(client::open(belay.address, "/room", "").await.unwrap().1.target(), "429");
    // An error.
    assert_eq!(http_get(belay.address, "/away").await.unwrap().0, 502);
    drop((second, visit));
    belay.terminate();
    assert!(belay.ended().await.success());

    let spans = collector.spans(7);
    let kept = |name: &str| named(&spans, name).attribute("belay.kept_for").as_str().unwrap();
    assert_eq!(kept("hold chat"), "hold");
    assert_eq!(kept("forward_to_backend chat"), "refusal");
    assert_eq!(named(&spans, "forward_to_backend chat").attribute("belay.verdict"), "close");
    assert_eq!((kept("GET chat"), kept("GET away"), kept("connect away")), ("refusal", "error", "error"));
    assert_eq!(named(&spans, "GET chat").attribute("http.response.status_code"), 429);
    let calls: Vec<_> = spans.iter().filter(|span| span.text("name") == "filter limit").collect();
    assert!(calls.len() == 2 && calls.iter().all(|call| call.attribute("belay.kept_for") == "refusal"), "{calls:#?}");
    assert!(collector.rest().is_empty());
}

/// The picture in the documentation is of this trace; with `BELAY_WRITE_DOCS` it is drawn anew.
#[tokio::test]
async fn the_picture_in_the_documentation_is_of_a_real_trace() {
    let Some(collector) = Collector::start("the_picture_is_of_a_real_trace", "grpc") else { return };
    let mut backend = Backend::start().await;
    let hold = "    hold: { redial: { backoff: fixed, every: 120ms } }\n";
    let route = route_to(
        backend.address,
        &format!("    name: chat\n    match: {{ path: /room }}\n    filters: [limit]\n{hold}"),
    );
    let filters = "filters:\n  limit:\n    use: rate-limit\n    limits: { deadline: 1s }\n    config:\n      rules:\n        - \
                   { on: connect, per: peer, rate: 100/s }\n        - { rate: 100/s }\n";
    let telemetry = format!(
        "telemetry:\n  otlp: {{ endpoint: '{}', protocol: grpc }}\n  sample: {{ messages: 1 }}\n",
        collector.endpoint()
    );
    let mut belay = Belay::start(&(route + filters + &telemetry)).await;
    let (mut client, mut visit) = tokio::join!(client::connect(belay.address, "/room"), backend.accept());
    tokio::time::sleep(Duration::from_millis(40)).await;
    client.send("hello".into()).await.unwrap();
    assert_eq!(visit.text().await, "hello");
    tokio::time::sleep(Duration::from_millis(40)).await;
    let address = backend.close().await;
    visit.reset();
    belay.metric_reaches("belay_dials_failed_total", 1.0).await;
    let mut backend = Backend::start_at(address).await;
    let mut visit = backend.accept().await;
    visit.say("back").await;
    assert_eq!(client::next_text(&mut client).await, "back");
    // How many attempts fail is how fast the backend comes back.
    let failed = belay.metrics().await["belay_dials_failed_total"] as usize;
    drop(client);
    belay.terminate();
    assert!(belay.ended().await.success());

    let spans = collector.spans(8 + failed);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/trace.svg");
    if std::env::var_os("BELAY_WRITE_DOCS").is_some() {
        std::fs::write(&file, picture::draw(&spans)).unwrap();
    }
    let drawn = std::fs::read_to_string(&file).unwrap();
    let once = |outline: String| {
        let mut lines: Vec<_> = outline.lines().map(str::to_owned).collect();
        lines.dedup();
        lines
    };
    assert_eq!(once(picture::outline_of(&drawn)), once(picture::outline(&spans)), "BELAY_WRITE_DOCS=1 draws it anew");
}
