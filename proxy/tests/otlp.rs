//! Numbers and the log by OTLP, from the whole process to a real receiver: the same numbers as `/metrics` shows, lines with
//! the names of their session and trace, and nothing of the exporters' own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use belay::telemetry::{self, Environment, LogFilter, Protocol, Settings, Signal, Telemetry};
use common::backend::Echo;
use common::belay::{Belay, route_to};
use common::client;
use common::otlp::{Collector, Received};
use common::{PATIENCE, ports, tools};
use futures_util::SinkExt;
use serde_json::{Value, json};

const CLIENT_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn yaml(backend: std::net::SocketAddr, collector: &Collector, protocol: &str, more: &str) -> String {
    format!(
        "{}telemetry:\n  resource: {{ team: chat }}\n  otlp: {{ endpoint: '{}', protocol: {protocol}, headers: {{ x-tenant: chat }}, {more} }}\n",
        route_to(backend, "    name: chat\n"),
        collector.endpoint()
    )
}

/// What a family of `/metrics` is by OTLP.
fn by_otlp(name: &str) -> (&str, &str) {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let units = [("_seconds", "s"), ("_bytes", "By")];
    units.iter().find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, *unit))).unwrap_or((name, ""))
}

/// Of a metric's points, the number of the one with these attributes.
fn point(metric: &Received, attributes: &Value) -> f64 {
    let points = metric.field("points").as_array().unwrap();
    let point = points.iter().find(|point| point["attributes"] == *attributes).unwrap_or_else(|| panic!("{metric:#?}"));
    point["as_double"].as_f64().unwrap()
}

async fn assert_numbers(test: &str, protocol: &str) {
    let Some(collector) = Collector::start(test, protocol) else { return };
    let echo = Echo::start().await;
    let mut belay =
        Belay::start(&yaml(echo.address, &collector, protocol, "signals: [metrics], metrics_every: 1h")).await;
    let mut client = client::connect(belay.address, "/").await;
    for _ in 0..3 {
        client.send("hello".into()).await.unwrap();
        client::next_text(&mut client).await;
    }
    let (_, text) = belay.get("/metrics").await.unwrap();
    // An hour is long; the last numbers leave at the end.
    belay.terminate();
    assert!(belay.ended().await.success());

    let mut received = BTreeMap::new();
    let families: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    assert!(families.len() > 50, "{text}");
    for metric in collector.metrics(families.len()) {
        assert_eq!(metric.resource("team"), "chat");
        assert_eq!(metric.resource("service.name"), "belay");
        assert_eq!(metric.header("x-tenant"), "chat");
        assert_eq!(metric.scope(), "belay");
        assert!(received.insert(metric.text("name").to_owned(), metric).is_none(), "a name came twice");
    }
    for (name, kind) in families {
        let (short, unit) = by_otlp(name);
        let metric = &received[short];
        assert_eq!(metric.text("unit"), unit, "{name}");
        assert!(!metric.text("description").is_empty(), "{name}");
        let expected = match kind {
            "counter" => ("sum", true, json!(true)),
            "gauge" => ("gauge", false, Value::Null),
            _ => ("histogram", true, Value::Null),
        };
        let found = (metric.text("kind"), metric.field("cumulative") == true, metric.field("monotonic").clone());
        assert_eq!((found.0, found.1, found.2), expected, "{name}");
        let series = text.lines().filter(|line| {
            let end = if kind == "histogram" { "_count" } else { "" };
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(end))
                .is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        assert_eq!(metric.field("points").as_array().unwrap().len(), series.count(), "{name}");
    }
    let direction = json!({ "direction": "to_backend" });
    assert!((point(&received["belay_messages_accepted"], &direction) - 3.0).abs() < f64::EPSILON);
    assert!((point(&received["belay_payload_accepted"], &direction) - 15.0).abs() < f64::EPSILON);
    assert!((point(&received["belay_sessions_opened"], &json!({})) - 1.0).abs() < f64::EPSILON);
    let times = &received["belay_client_round_trip"].field("points")[0];
    let (buckets, bounds) = (&times["bucket_counts"], &times["explicit_bounds"]);
    assert_eq!(buckets.as_array().unwrap().len(), bounds.as_array().unwrap().len() + 1);
}

#[tokio::test]
async fn the_numbers_of_the_admin_port_arrive_over_grpc() {
    assert_numbers("numbers_arrive_over_grpc", "grpc").await;
}

#[tokio::test]
async fn the_numbers_of_the_admin_port_arrive_over_http() {
    assert_numbers("numbers_arrive_over_http", "http").await;
}

#[tokio::test]
async fn numbers_come_again_and_again_and_sums_go_on_from_the_same_start() {
    let Some(collector) = Collector::start("numbers_come_again", "http") else { return };
    let echo = Echo::start().await;
    let belay = Belay::start(&yaml(echo.address, &collector, "http", "signals: [metrics], metrics_every: 50ms")).await;
    let opened = || collector.metric("belay_sessions_opened").field("points")[0].clone();
    let before = opened();
    let _client = client::connect(belay.address, "/").await;
    let after = std::iter::repeat_with(opened).find(|point| point["as_double"] == 1.0).unwrap();
    assert_eq!(before["as_double"], 0.0);
    assert_eq!(before["start_time_unix_nano"], after["start_time_unix_nano"]);
    let nanos = |point: &Value| point["time_unix_nano"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(nanos(&before) < nanos(&after));
    belay.metric_reaches("belay_metric_exports_total", 1.0).await;
}

async fn assert_lines(test: &str, protocol: &str) {
    let Some(collector) = Collector::start(test, protocol) else { return };
    let echo = Echo::start().await;
    let yaml =
        yaml(echo.address, &collector, protocol, "signals: [traces, logs]") + "  log: { level: debug, format: json }\n";
    let mut belay = Belay::start(&yaml).await;
    let headers = format!("traceparent: 00-{CLIENT_TRACE}-b7ad6b7169203331-01\r\n");
    let (client, _) = client::open(belay.address, "/", &headers).await.unwrap();
    let mut client = client.unwrap();
    client.close(None).await.unwrap();
    client::closed(&mut client).await;
    let written = belay.log_with("the session is over").await;
    belay.terminate();
    assert!(belay.ended().await.success());
    let session = collector.spans(1)[0].attribute("belay.session.id").clone();

    let record = collector.record_where(|record| record.field("body") == "the session is over");
    assert_eq!(record.text("trace_id"), CLIENT_TRACE);
    assert_eq!(record.attribute("belay.session.id"), &session);
    assert_eq!(record.attribute("because"), "client_closed");
    assert_eq!((record.field("severity"), record.text("severity_text")), (&json!(5), "DEBUG"));
    assert_eq!(record.scope(), "belay::dataplane::session::closing");
    assert_eq!((record.resource("team"), record.header("x-tenant")), (&json!("chat"), &json!("chat")));
    let line = written.lines().find(|line| line.contains("the session is over")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["session"], &line["trace_id"]), (&session, &json!(CLIENT_TRACE)));
    let bye = collector.record_where(|record| record.field("body") == "bye");
    assert_eq!((bye.field("severity"), bye.text("trace_id")), (&json!(9), ""));
}

#[tokio::test]
async fn lines_of_the_log_arrive_over_grpc_with_their_session_and_trace() {
    assert_lines("lines_arrive_over_grpc", "grpc").await;
}

#[tokio::test]
async fn lines_of_the_log_arrive_over_http_with_their_session_and_trace() {
    assert_lines("lines_arrive_over_http", "http").await;
}

/// Telemetry for this thread alone, as long as the guard lives.
fn telemetry_to(
    endpoint: &str,
    protocol: Protocol,
    signals: &[Signal],
) -> (Telemetry, tracing::subscriber::DefaultGuard) {
    let mut settings = Settings::default();
    settings.log.filter = "debug".parse::<LogFilter>().unwrap();
    settings.otlp.endpoint = Some(endpoint.into());
    settings.otlp.protocol = Some(protocol);
    settings.otlp.signals = Some(signals.to_vec());
    settings.otlp.metrics_every = Some(Duration::from_millis(20));
    let variables = [("OTEL_BLRP_SCHEDULE_DELAY", "20"), ("OTEL_BLRP_MAX_QUEUE_SIZE", "64")];
    let (dispatch, telemetry) = telemetry::prepare(&settings, &Environment::of(&variables)).unwrap();
    (telemetry, tracing::dispatcher::set_default(&dispatch))
}

/// With everything exported and everything logged, and nobody there who takes it: what the exporters say of that, and their
/// libraries, would come back as lines to export, if it could.
#[test]
fn an_exporter_that_cannot_reach_its_collector_feeds_nobody() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let nowhere = format!("http://{}", ports::free());
        let (telemetry, _guard) = telemetry_to(&nowhere, protocol, &[Signal::Metrics, Signal::Logs]);
        telemetry.export_metrics(Box::new(Vec::new));
        const LINES: u64 = 40;
        for line in 0..LINES {
            tracing::info!(line, "ours");
        }
        let begun = std::time::Instant::now();
        while telemetry.counts.logs.dropped_in_all() < LINES || telemetry.counts.metrics.dropped_in_all() < 5 {
            assert!(begun.elapsed() < PATIENCE, "{:?}", telemetry.counts);
            std::thread::sleep(Duration::from_millis(10));
        }
        telemetry.shutdown(PATIENCE);
        let logs = &telemetry.counts.logs;
        assert_eq!((logs.exported(), logs.dropped_in_all()), (0, LINES), "{logs:?}");
    }
}

#[test]
fn a_flood_of_lines_costs_lines_of_its_own_kind() {
    let (telemetry, _guard) = telemetry_to("http://127.0.0.1:1", Protocol::Http, &[Signal::Traces]);
    for line in 0..500 {
        tracing::warn!(line, "one kind");
    }
    let thinned = telemetry.counts.lines.thinned();
    // As many as took a tenth of a second each come through besides the first fifty.
    assert!((400..=450).contains(&thinned), "{thinned}");
    tracing::warn!("another kind");
    // One filter's failures do not hide another's, nor those of another kind.
    for (filter, kind) in std::iter::repeat_n(("one", "trap"), 200).chain([("other", "trap"), ("one", "deadline")]) {
        let before = telemetry.counts.lines.thinned();
        tracing::warn!(filter, kind, "a filter failed");
        if (filter, kind) != ("one", "trap") {
            assert_eq!(telemetry.counts.lines.thinned(), before, "{filter} {kind}");
        }
    }
    let thinned = telemetry.counts.lines.thinned();
    // What filters write is thinned by filter.
    for line in 0..100 {
        tracing::info!(target: "belay::filter", line, "a filter's");
    }
    assert_eq!(telemetry.counts.lines.thinned(), thinned);
}

/// Python's reader of the format, by those who keep Prometheus.
const READER: &str = r#"
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = [(f.name, f.type, f.documentation, len(f.samples)) for f in text_string_to_metric_families(sys.stdin.read())]
print(json.dumps(families))
"#;

#[tokio::test]
async fn prometheus_reads_all_numbers() {
    let Some(python) = tools::python("prometheus_reads_all_numbers", &["prometheus_client.parser"]) else { return };
    let echo = Echo::start().await;
    let filters = "    filters: [limit]\nfilters:\n  limit: { use: rate-limit, config: { per: peer, rate: 10/s } }\n";
    let belay = Belay::in_front_of(echo.address, filters).await;
    let mut client = client::connect(belay.address, "/").await;
    client.send("hello".into()).await.unwrap();
    client::next_text(&mut client).await;
    let (_, text) = belay.get("/metrics").await.unwrap();
    let file = belay.folder.join("metrics");
    std::fs::write(&file, &text).unwrap();
    let input = std::fs::File::open(&file).unwrap();
    let output = std::process::Command::new(python).args(["-c", READER]).stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let families: Vec<(String, String, String, usize)> = serde_json::from_slice(&output.stdout).unwrap();
    let told: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    assert_eq!(families.len(), told.len());
    for ((name, kind), (read_name, read_kind, help, samples)) in told.iter().zip(&families) {
        assert_eq!((name.strip_suffix("_total").unwrap_or(name), *kind), (read_name.as_str(), read_kind.as_str()));
        assert!(!help.is_empty() && *samples > 0, "{name}");
    }
    let series: usize = families.iter().map(|(.., samples)| samples).sum();
    assert_eq!(series, text.lines().filter(|line| !line.starts_with('#')).count());
}
