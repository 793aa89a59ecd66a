//! Spans made by the data path's own calls, exported to a real OTLP receiver, and compared field by field; and what
//! becomes of them when the collector is away, slow, or back again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "tracing/collector.rs"]
mod collector;
mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant as Clock};

use belay::dataplane::chain::{Admission, FailureKind, FilterFailure, Memory, Passage, Refusal, Verdict};
use belay::dataplane::handshake::Handshake;
use belay::dataplane::ledger::LossReason;
use belay::dataplane::message::{CloseReason, Direction, MessageKind};
use belay::dataplane::route::FailurePolicy;
use belay::dataplane::trace::{
    Connect, ConnectSpan, FilterSpan, HandshakeSpan, HoldEnd, HoldOutcome, HoldSpan, MessageFacts, MessageSpan,
    SessionAttempt, Spoken, TraceContext,
};
use belay::id::SessionId;
use belay::telemetry::{self, DropReason, Environment, Protocol, Sample, Settings, Telemetry};
use belay::time::Instant;
use common::otlp::{Collector, Received, named};
use common::{PATIENCE, ports};
use http::uri::Scheme;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

/// What filters have of it, in bytes.
const MEMORY: u64 = 65_536;

const CLIENT_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN: &str = "b7ad6b7169203331";

/// Telemetry for this thread alone, as long as the guard lives.
struct Setup {
    telemetry: Telemetry,
    _default: tracing::subscriber::DefaultGuard,
}

fn setup(settings: &Settings, variables: &[(&str, &str)]) -> Setup {
    let (dispatch, telemetry) = telemetry::prepare(settings, &Environment::of(variables)).unwrap();
    Setup { telemetry, _default: tracing::dispatcher::set_default(&dispatch) }
}

fn settings(endpoint: &str, protocol: &str, sample: Sample) -> Settings {
    let mut settings = Settings { sample, ..Settings::default() };
    settings.otlp.endpoint = Some(endpoint.into());
    settings.otlp.protocol = Some(match protocol {
        "grpc" => Protocol::Grpc,
        _ => Protocol::Http,
    });
    settings.otlp.headers = vec![(http::HeaderName::from_static("x-tenant"), http::HeaderValue::from_static("chat"))];
    settings
}

const EVERYTHING: Sample = Sample { sessions: 1.0, messages: 1.0 };
const NOTHING: Sample = Sample { sessions: 0.0, messages: 1.0 };

fn peer() -> SocketAddr {
    "192.0.2.7:5123".parse().unwrap()
}

fn request(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get("/chat?token=secret").header("host", "chat.example:8443");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn handshake(request: &Request<()>, session: SessionId, trace: TraceContext) -> Handshake {
    let mut handshake = Handshake::new(session, peer(), "/chat?token=secret", request.headers().iter());
    handshake.trace = trace;
    handshake
}

fn connect(handshake: &Handshake, attempt: u32, resumed: bool) -> Connect<'_> {
    Connect {
        route: "chat",
        authority: "127.0.0.1:9000",
        spoken: Spoken::Http { method: "GET", scheme: "http", prefix: "", path: handshake.path() },
        traceparent: handshake.header("traceparent"),
        tracestate: handshake.header("tracestate"),
        session: Some(SessionAttempt { id: handshake.session, attempt, resumed }),
    }
}

fn facts(handshake: &Handshake) -> MessageFacts<'_> {
    let (direction, kind) = (Direction::ToBackend, MessageKind::Text);
    MessageFacts { handshake, route: "chat", direction, kind, bytes: 5 }
}

fn refusal() -> Result<Admission, FilterFailure> {
    Ok(Admission::Refuse(Refusal { status: 401, headers: Vec::new(), body: String::new() }))
}

fn failure() -> FilterFailure {
    FilterFailure {
        filter: "limit".into(),
        cause: "out of memory".into(),
        kind: FailureKind::Trap,
        policy: FailurePolicy::Deny,
    }
}

fn hold_end(session: SessionId, started: Instant, outcome: HoldOutcome) -> HoldEnd<'static> {
    let ended = Instant::now();
    HoldEnd { session, route: "chat", started, ended, outcome, attempts: 2, messages_held: 3, messages_unconfirmed: 1 }
}

/// How long a hold lasts in [`a_life`], at least.
const HELD: Duration = Duration::from_millis(50);

/// A session's whole life, as the data path tells it. Gives its context, and the headers that its first backend was told.
fn a_life(session: SessionId, headers: &[(&str, &str)]) -> (TraceContext, HeaderMap) {
    let request = request(headers);
    let span = HandshakeSpan::start(&request, &Scheme::HTTP, peer());
    span.route("chat");
    span.session(session);
    let context = span.context();
    let handshake = handshake(&request, session, context);
    FilterSpan::of_handshake(&context, "auth", MEMORY).admitted(&Ok(Admission::Accept));
    let dial = ConnectSpan::start(&context, &connect(&handshake, 1, false));
    let mut told = request.headers().clone();
    dial.inject(&mut told);
    dial.answered(101);
    span.finish(101);

    if let Some(message) = MessageSpan::sampled(&facts(&handshake)) {
        message.filter("limit", MEMORY).answered(&Ok(Verdict::Continue));
        message.filter("mask", MEMORY).answered(&Ok(Verdict::Replace(b"****".to_vec())));
        message.finish(&Passage::Forward(b"****".to_vec().into(), Memory::Forget));
    }

    let (started, hold) = (Instant::now(), HoldSpan::start());
    let dial = |attempt| ConnectSpan::start(&hold.context(&context), &connect(&handshake, attempt, true));
    dial(2).failed("connection_refused", &"nobody there");
    dial(3).answered(101);
    std::thread::sleep(HELD);
    hold.finish(&context, hold_end(session, started, HoldOutcome::Bound));
    (context, told)
}

const LIFE: usize = 9;

fn assert_attributes(span: &Received, expected: Value) {
    assert_eq!(span.field("attributes"), &expected, "{}", span.text("name"));
    assert_eq!(span.field("dropped_attributes"), 0);
    assert_eq!(span.field("events"), &json!([]));
}

fn assert_every_field(protocol: &str, test: &str) {
    let Some(collector) = Collector::start(test, protocol) else { return };
    let mut settings = settings(&collector.endpoint(), protocol, EVERYTHING);
    settings.resource.push(("deployment.environment.name".into(), "test".into()));
    let environment = [
        ("POD_NAME", "chat-7d4"),
        ("POD_NAMESPACE", "messaging"),
        ("POD_UID", "8f0c"),
        ("NODE_NAME", "node-1"),
        ("CONTAINER_NAME", "belay"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=chat%20apps,deployment.environment.name=from-environment,broken"),
        ("OTEL_SERVICE_NAME", "edge"),
    ];
    let setup = setup(&settings, &environment);
    let before = unix_nanos();
    let client = format!("00-{CLIENT_TRACE}-{CLIENT_SPAN}-01");
    let session = SessionId::from(0xabc);
    let headers =
        [("traceparent", client.as_str()), ("tracestate", "vendor=x"), ("baggage", "user=7"), ("user-agent", "curl/8")];
    let (_, told) = a_life(session, &headers);
    setup.telemetry.shutdown(PATIENCE);
    let spans = collector.spans(LIFE);
    assert_eq!(setup.telemetry.counts.spans.exported(), LIFE as u64);
    assert_eq!(setup.telemetry.counts.spans.dropped_in_all(), 0);
    let id = session.to_string();

    for span in &spans {
        assert_eq!(span.resource("service.name"), "edge");
        assert_eq!(span.resource("service.version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(span.resource("service.instance.id").as_str().unwrap().len(), 36);
        assert_ne!(span.resource("host.name"), "");
        assert_eq!(span.resource("k8s.pod.name"), "chat-7d4");
        assert_eq!(span.resource("k8s.namespace.name"), "messaging");
        assert_eq!(span.resource("k8s.pod.uid"), "8f0c");
        assert_eq!(span.resource("k8s.node.name"), "node-1");
        assert_eq!(span.resource("k8s.container.name"), "belay");
        assert_eq!(span.resource("team"), "chat apps");
        assert_eq!(span.resource("deployment.environment.name"), "test");
        assert_eq!(span.resource("telemetry.sdk.language"), "rust");
        assert_eq!(span.header("x-tenant"), "chat");
        let (start, end) = (span.field("start_ns").as_u64().unwrap(), span.field("end_ns").as_u64().unwrap());
        assert!(before <= start && start <= end, "{span:?}");
        assert_eq!(span.field("flags").as_u64().unwrap() & 1, 1, "sampled");
    }

    let server = named(&spans, "GET chat");
    assert_eq!(server.text("trace_id"), CLIENT_TRACE);
    assert_eq!(server.text("parent_span_id"), CLIENT_SPAN);
    assert_eq!(server.text("trace_state"), "vendor=x");
    assert_eq!(server.text("kind"), "server");
    assert_eq!(server.field("links"), &json!([]));
    assert_eq!(server.field("status"), &json!({"code": "unset", "message": ""}));
    assert_attributes(
        server,
        json!({
            "http.request.method": "GET", "http.response.status_code": 101, "url.scheme": "http", "url.path": "/chat",
            "server.address": "chat.example", "server.port": 8443, "client.address": "192.0.2.7", "client.port": 5123, "network.peer.address": "192.0.2.7", "network.peer.port": 5123,
            "network.protocol.version": "1.1", "user_agent.original": "curl/8",
            "belay.session.id": id, "belay.route": "chat",
        }),
    );

    let auth = named(&spans, "filter auth");
    assert!(auth.is_child_of(server));
    assert_eq!(auth.text("kind"), "internal");
    assert_attributes(auth, json!({"belay.filter": "auth", "belay.filter.memory": 65_536, "belay.verdict": "accept"}));

    let connects: Vec<_> = spans.iter().filter(|span| span.text("name") == "connect chat").collect();
    let [first, failed, again] = connects[..] else { panic!("{connects:#?}") };
    assert!(first.is_child_of(server));
    assert_eq!(first.text("kind"), "client");
    assert_eq!(first.text("trace_state"), "vendor=x");
    let dialled = |attempt: i64, resumed: bool| {
        json!({
            "server.address": "127.0.0.1", "server.port": 9000, "http.request.method": "GET",
            "url.full": "http://127.0.0.1:9000/chat", "network.transport": "tcp", "belay.session.id": id,
            "belay.route": "chat", "belay.attempt": attempt, "belay.resumed": resumed,
        })
    };
    let with = |mut attributes: Value, more: Value| {
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        attributes
    };
    assert_attributes(first, with(dialled(1, false), json!({"http.response.status_code": 101})));
    assert_eq!(told["traceparent"], format!("00-{CLIENT_TRACE}-{}-01", first.text("span_id")).as_str());
    assert_eq!(told["tracestate"], "vendor=x");
    assert_eq!(told["baggage"], "user=7");

    let hold = named(&spans, "hold chat");
    assert!(hold.is_child_of(server));
    assert_eq!(hold.text("kind"), "internal");
    let lasted = hold.field("end_ns").as_u64().unwrap() - hold.field("start_ns").as_u64().unwrap();
    assert!(lasted >= HELD.as_nanos() as u64 && lasted < unix_nanos() - before, "{lasted}");
    assert_attributes(
        hold,
        json!({
            "belay.session.id": id, "belay.route": "chat", "belay.hold.outcome": "bound", "belay.hold.attempts": 2,
            "belay.hold.messages": 3, "belay.hold.unconfirmed": 1,
        }),
    );
    assert!(failed.is_child_of(hold) && again.is_child_of(hold));
    assert_eq!(failed.field("status"), &json!({"code": "error", "message": "nobody there"}));
    assert_attributes(failed, with(dialled(2, true), json!({"error.type": "connection_refused"})));
    assert_eq!(again.field("status"), &json!({"code": "unset", "message": ""}));
    assert_attributes(again, with(dialled(3, true), json!({"http.response.status_code": 101})));

    let message = named(&spans, "forward_to_backend chat");
    assert_eq!(message.text("kind"), "consumer");
    assert_ne!(message.text("trace_id"), CLIENT_TRACE);
    assert_eq!(message.text("parent_span_id"), "");
    let link = &message.field("links")[0];
    assert_eq!(link["trace_id"], CLIENT_TRACE);
    assert_eq!(link["span_id"], server.text("span_id"));
    assert_eq!(message.field("links").as_array().unwrap().len(), 1);
    assert_attributes(
        message,
        json!({
            "belay.session.id": id, "belay.route": "chat", "belay.direction": "to_backend",
            "messaging.system": "belay", "messaging.operation.name": "forward_to_backend",
            "messaging.operation.type": "process", "messaging.destination.name": "chat",
            "belay.message.type": "text", "messaging.message.body.size": 5, "belay.message.replaced.size": 4,
            "belay.verdict": "replace",
        }),
    );
    let limit = named(&spans, "filter limit");
    assert!(limit.is_child_of(message));
    assert_attributes(
        limit,
        json!({"belay.filter": "limit", "belay.filter.memory": 65_536, "belay.verdict": "continue"}),
    );
    let mask = named(&spans, "filter mask");
    assert!(mask.is_child_of(message));
    assert_attributes(mask, json!({"belay.filter": "mask", "belay.filter.memory": 65_536, "belay.verdict": "replace"}));
}

fn unix_nanos() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64
}

#[test]
fn every_field_arrives_over_grpc() {
    assert_every_field("grpc", "every_field_arrives_over_grpc");
}

#[test]
fn every_field_arrives_over_http() {
    assert_every_field("http", "every_field_arrives_over_http");
}

#[test]
fn without_a_client_span_a_trace_begins_here_and_a_lone_tracestate_is_not_passed_on() {
    let Some(collector) = Collector::start("a_trace_begins_here", "grpc") else { return };
    let setup = setup(&settings(&collector.endpoint(), "grpc", EVERYTHING), &[]);
    let headers = [("traceparent", "00-zz-zz-01"), ("tracestate", "vendor=x")];
    let (context, told) = a_life(SessionId::random(), &headers);
    setup.telemetry.shutdown(PATIENCE);
    let spans = collector.spans(LIFE);
    let server = named(&spans, "GET chat");
    assert_eq!(server.text("parent_span_id"), "");
    assert_eq!(server.text("trace_state"), "");
    assert_eq!(server.resource("service.name"), "belay");
    assert!(context.is_sampled());
    assert!(told["traceparent"].to_str().unwrap().contains(server.text("trace_id")));
    assert!(!told.contains_key("tracestate"));
}

#[test]
fn a_clients_decision_not_to_sample_is_respected_and_passed_on() {
    let Some(collector) = Collector::start("a_clients_decision", "grpc") else { return };
    let setup = setup(&settings(&collector.endpoint(), "grpc", EVERYTHING), &[]);
    let client = format!("00-{CLIENT_TRACE}-{CLIENT_SPAN}-00");
    let (context, told) = a_life(SessionId::random(), &[("traceparent", client.as_str())]);
    assert!(!context.is_sampled());
    let told = told["traceparent"].to_str().unwrap();
    assert!(told.starts_with(&format!("00-{CLIENT_TRACE}-")) && told.ends_with("-00"), "{told}");
    setup.telemetry.shutdown(PATIENCE);
    // The hold and the connect that failed are kept, and nothing else.
    let spans = collector.spans(2);
    assert_eq!(named(&spans, "hold chat").attribute("belay.kept_for"), "hold");
    assert_eq!(named(&spans, "connect chat").attribute("belay.kept_for"), "error");
    assert!(named(&spans, "connect chat").is_child_of(named(&spans, "hold chat")));
    assert!(collector.rest().is_empty());
}

#[test]
fn refusals_and_errors_are_kept_when_nothing_is_sampled() {
    let Some(collector) = Collector::start("refusals_and_errors_are_kept", "http") else { return };
    let setup = setup(&settings(&collector.endpoint(), "http", NOTHING), &[]);
    let request = request(&[]);
    // Nothing of this one.
    let span = HandshakeSpan::start(&request, &Scheme::HTTP, peer());
    span.route("quiet");
    FilterSpan::of_handshake(&span.context(), "auth", MEMORY).admitted(&Ok(Admission::Accept));
    span.finish(101);
    // Of this one the request, and the filter that refused.
    let span = HandshakeSpan::start(&request, &Scheme::HTTP, peer());
    span.route("chat");
    let context = span.context();
    FilterSpan::of_handshake(&context, "limit", MEMORY).admitted(&Ok(Admission::Accept));
    FilterSpan::of_handshake(&context, "auth", MEMORY).admitted(&refusal());
    span.refused();
    span.finish(401);
    let handshake = handshake(&request, SessionId::random(), context);
    // A message over which a filter closes the session, and one on which a filter fails.
    assert!(MessageSpan::sampled(&facts(&handshake)).is_none());
    let close = Verdict::Close(CloseReason::new(4003, "enough"));
    MessageSpan::refused(&facts(&handshake), "mask", MEMORY, &Ok(close));
    MessageSpan::refused(&facts(&handshake), "limit", MEMORY, &Err(failure()));
    // A hold that did not help.
    let outcome = HoldOutcome::Lost(LossReason::HoldExpired);
    HoldSpan::start().finish(&context, hold_end(handshake.session, Instant::now(), outcome));
    // A request that nobody answered.
    drop(HandshakeSpan::start(&request, &Scheme::HTTP, peer()));
    setup.telemetry.shutdown(PATIENCE);

    let spans = collector.spans(8);
    let server = named(&spans, "GET chat");
    assert_eq!(server.attribute("http.response.status_code"), 401);
    assert_eq!(server.attribute("belay.kept_for"), "refusal");
    assert_eq!(server.field("status")["code"], "unset", "a client's mistake is no error of a server");
    let auth = named(&spans, "filter auth");
    assert!(auth.is_child_of(server));
    assert_eq!(auth.attribute("belay.verdict"), "refuse");
    assert_eq!(auth.attribute("belay.refusal.status"), 401);
    let unanswered = named(&spans, "GET");
    assert_eq!(unanswered.attribute("error.type"), "no_answer");
    assert_eq!(unanswered.attribute("belay.kept_for"), "error");
    let hold = named(&spans, "hold chat");
    assert!(hold.is_child_of(server));
    assert_eq!(hold.field("status"), &json!({"code": "error", "message": "hold_expired"}));
    assert_eq!(hold.attribute("belay.hold.outcome"), "hold_expired");
    let mask = named(&spans, "filter mask");
    assert_eq!(mask.attribute("belay.verdict"), "close");
    let failed = named(&spans, "filter limit");
    assert_eq!(failed.field("status"), &json!({"code": "error", "message": "out of memory"}));
    for message in spans.iter().filter(|span| span.text("name") == "forward_to_backend chat") {
        assert_eq!(message.field("links")[0]["span_id"], server.text("span_id"));
        assert!(mask.is_child_of(message) || failed.is_child_of(message));
    }
    assert!(collector.rest().is_empty());
}

#[test]
fn what_went_wrong_is_kept_only_so_often_in_a_second() {
    let setup = setup(&settings(&format!("http://{}", ports::free()), "http", NOTHING), &[]);
    let request = request(&[]);
    for _ in 0..1_000 {
        drop(HandshakeSpan::start(&request, &Scheme::HTTP, peer()));
    }
    // A thousand spans take less than five seconds on any machine that runs this.
    assert!(setup.telemetry.counts.spans.dropped(DropReason::KeptLimit) >= 400);
}

#[test]
fn the_environment_names_the_collector_and_the_yaml_wins() {
    let Some(collector) = Collector::start("the_environment_names_the_collector", "http") else { return };
    let endpoint = collector.endpoint();
    let variables =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
    let setup = setup(&Settings { service_name: Some("from-yaml".into()), ..Settings::default() }, &variables);
    HandshakeSpan::start(&request(&[]), &Scheme::HTTP, peer()).finish(101);
    setup.telemetry.shutdown(PATIENCE);
    assert_eq!(collector.spans(1)[0].resource("service.name"), "from-yaml");
}

#[test]
fn with_nothing_configured_nothing_is_traced() {
    let _setup = setup(&Settings::default(), &[]);
    let (context, told) = a_life(SessionId::random(), &[("traceparent", "as the client sent it")]);
    assert!(context.is_none());
    assert_eq!(told["traceparent"], "as the client sent it");
}

#[test]
fn an_endpoint_that_cannot_be_reached_this_way_is_refused_at_start() {
    for (endpoint, says) in [("collector:4317", "must begin with http://"), ("http://", "telemetry.otlp.endpoint")] {
        let settings = settings(endpoint, "grpc", EVERYTHING);
        let error = telemetry::prepare(&settings, &Environment::of(&[])).err().unwrap().to_string();
        assert!(error.contains(says) && error.contains(endpoint), "{error}");
    }
    let wrong = Environment::of(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]);
    let error = telemetry::prepare(&Settings::default(), &wrong).err().unwrap().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && error.contains("grpc or http/protobuf"), "{error}");
}
