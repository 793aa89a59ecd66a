//! The whole process, traced: a client with a trace of its own, a backend that is lost and comes back, and a real OTLP
//! receiver that is told of all of it.

mod common;

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
    for (name, bytes) in [("message to backend", 5), ("message to client", 12)] {
        let message = named(&spans, name);
        assert_eq!(message.field("links")[0]["span_id"], server.text("span_id"));
        assert_eq!(message.attribute("belay.message.size"), bytes);
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
