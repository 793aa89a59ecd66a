//! The port as its clients see it, over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::dataplane::ledger::Counters;
use crate::telemetry::{self, Environment, Settings};

struct Port {
    admin: Admin,
    readiness: Readiness,
    memory: Memory,
    workers: Vec<Arc<Counters>>,
    _log: tracing::Dispatch,
}

fn port() -> Port {
    let (dispatch, telemetry) = telemetry::prepare(&Settings::default(), &Environment::of(&[])).unwrap();
    let (readiness, memory) = (Readiness::new(), Memory::default());
    let workers = vec![Arc::new(Counters::default()), Arc::new(Counters::default())];
    static ODD: Family = Family::gauge("belay_odd", &["name"], "Odd.");
    let more: Source = Box::new(|| vec![ODD.sample(&["a\"b\\c\nd"], 0.5)]);
    let sources = Sources {
        readiness: readiness.clone(),
        numbers: Arc::new(Numbers {
            workers: workers.clone(),
            telemetry: Arc::clone(&telemetry.counts),
            more: vec![more],
        }),
        memory: memory.clone(),
        networks: Arc::default(),
        endpoints: Vec::new(),
        visits: Vec::new(),
        log: telemetry.log.clone(),
    };
    let admin = Admin::start("127.0.0.1:0".parse().unwrap(), None, sources).unwrap();
    Port { admin, readiness, memory, workers, _log: dispatch }
}

impl Port {
    fn say(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.admin.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn ask(&self, method: &str, path: &str) -> String {
        self.say(&format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nbelay-admin: test\r\n\r\n"))
    }

    fn set_log(&self, filter: &str) -> String {
        self.say(&format!(
            "PUT /log HTTP/1.1\r\nhost: localhost\r\nbelay-admin: test\r\ncontent-length: {}\r\n\r\n{filter}",
            filter.len()
        ))
    }
}

#[test]
fn readiness_follows_the_process_and_liveness_does_not() {
    let port = port();
    assert!(port.ask("GET", "/ready").starts_with("HTTP/1.1 503"));
    assert!(port.ask("GET", "/live").starts_with("HTTP/1.1 200"));
    port.readiness.set(Phase::Serving);
    assert!(port.ask("GET", "/ready").starts_with("HTTP/1.1 200"));
    port.memory.set_budget(Some(1000));
    port.memory.observe(1001);
    let answer = port.ask("GET", "/ready");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("memory: 1001 bytes are used"), "{answer}");
    port.memory.observe(10);
    assert!(port.ask("GET", "/ready").starts_with("HTTP/1.1 200"));
    port.readiness.set(Phase::Draining);
    let answer = port.ask("GET", "/ready");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("draining"), "{answer}");
    assert!(port.ask("GET", "/live").starts_with("HTTP/1.1 200"));
}

#[test]
fn unknown_paths_and_wrong_methods_are_told_what_there_is() {
    let port = port();
    let answer = port.ask("GET", "/metric");
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("/metrics"), "{answer}");
    let answer = port.ask("POST", "/metrics");
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    let answer = port.ask("DELETE", "/log");
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD, PUT\r\n"), "{answer}");
    assert!(port.say("nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn metrics_add_the_workers_up() {
    let port = port();
    port.workers[0].to_backend.accepted.add(3);
    port.workers[1].to_backend.accepted.add(4);
    port.workers[1].to_client.lost(crate::dataplane::ledger::LossReason::ClientGone).add(2);
    port.workers[0].sessions_opened.add(5);
    port.workers[0].sessions_closed.add(1);
    let answer = port.ask("GET", "/metrics");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    for line in [
        "# TYPE belay_messages_accepted_total counter",
        "belay_messages_accepted_total{direction=\"to_backend\"} 7",
        "belay_messages_accepted_total{direction=\"to_client\"} 0",
        "belay_messages_lost_total{direction=\"to_client\",reason=\"client_gone\"} 2",
        "belay_sessions 4",
        "belay_workers 2",
        "belay_spans_dropped_total{reason=\"queue_full\"} 0",
        "belay_odd{name=\"a\\\"b\\\\c\\nd\"} 0.5",
        "# TYPE process_open_fds gauge",
        "belay_client_round_trip_seconds_count 0",
    ] {
        assert!(answer.lines().any(|found| found == line), "no line {line:?} in {answer}");
    }
    for (help, count) in [("# HELP belay_messages_lost_total ", 1), ("\nprocess_resident_memory_bytes ", 1)] {
        assert_eq!(answer.matches(help).count(), count, "{help}");
    }
}

#[test]
fn every_family_that_is_exported_is_documented() {
    let port = port();
    let documentation = metrics::documentation();
    let answer = port.ask("GET", "/metrics");
    for name in answer.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        assert!(name == "belay_odd" || documentation.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// Labels whose values somebody configures, or a filter names; all others are words of this program.
const NAMED_LABELS: [&str; 9] =
    ["route", "filter", "backend", "certificate", "breaker", "name", "sha256", "version", "le"];

#[test]
fn families_are_named_by_prometheus_rules_and_are_as_many_by_otlp() {
    let words = ["direction", "reason", "by", "table", "state", "outcome", "verdict"];
    let mut by_otlp = std::collections::BTreeSet::new();
    for family in metrics::families().into_iter().flat_map(|(_, families)| families) {
        let name = family.name;
        assert!(name.starts_with("belay_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
        assert!(
            family.kind != Kind::Histogram || name.ends_with("_seconds") && family.labels.ends_with(&["le"]),
            "{name}"
        );
        // Base units only.
        let others = ["_milliseconds", "_ms", "_micros", "_nanos", "_minutes", "_kb", "_kib", "_mib", "_percent"];
        let stem = name.trim_end_matches("_total");
        assert!(!others.iter().any(|unit| stem.ends_with(unit)), "{name}");
        for label in family.labels {
            assert!(NAMED_LABELS.contains(label) || words.contains(label), "{name}: {label}: how many values has it?");
        }
        assert!(family.help.ends_with('.'), "{name}");
        assert!(by_otlp.insert(family.otlp().0), "{name}: another has its name by OTLP");
    }
}

#[test]
fn the_page_of_metrics_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let current = metrics::documentation();
    if std::env::var_os("BELAY_WRITE_DOCS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == current, "docs/metrics.md is not current; run this test with BELAY_WRITE_DOCS=1");
}

#[test]
fn the_log_is_changed_while_running() {
    let port = port();
    assert!(port.ask("GET", "/log").ends_with("\r\n\r\ninfo\n"));
    assert!(port.set_log("warn,belay::wasm=debug").ends_with("\r\n\r\nwarn,belay::wasm=debug\n"));
    assert!(port.ask("GET", "/log").ends_with("\r\n\r\nwarn,belay::wasm=debug\n"));
    let answer = port.set_log("loud");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("info,belay::wasm=debug"), "{answer}");
    let answer = port.set_log(&"x".repeat(5_000));
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn clients_beyond_the_bound_are_closed_and_others_go_on() {
    let port = port();
    let silent: Vec<_> = (0..64).map(|_| TcpStream::connect(port.admin.address()).unwrap()).collect();
    let mut one_more = TcpStream::connect(port.admin.address()).unwrap();
    one_more.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(one_more.read(&mut [0]).unwrap(), 0);
    drop(silent);
    // Their places come back when the server has noticed.
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(port.admin.address())?;
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: x\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let begun = std::time::Instant::now();
    while !asked().is_ok_and(|answer| answer.contains(" 200 ")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no place came back");
    }
}

/// An address, a token if one is configured, and who may ask what with which headers.
fn check(address: &str, token: Option<&str>, access: Access, headers: &[(&'static str, &'static str)]) -> u16 {
    let headers = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)));
    let guard = Guard::new(address.parse().unwrap(), token);
    guard.check(access, &headers.collect()).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
}

#[test]
fn on_loopback_whoever_is_there_may_look_and_a_change_needs_its_header() {
    let check = |access, headers: &[_]| check("127.0.0.1:9901", None, access, headers);
    let host = ("host", "127.0.0.1:9901");
    assert_eq!(check(Access::Read, &[host]), 200);
    assert_eq!(check(Access::Read, &[("host", "localhost:9901")]), 200);
    assert_eq!(check(Access::Read, &[("host", "[::1]:9901")]), 200);
    assert_eq!(check(Access::Change, &[host]), 403);
    assert_eq!(check(Access::Change, &[host, ("belay-admin", "yes")]), 200);
}

#[test]
fn no_page_from_elsewhere_may_ask_in_a_browser() {
    let check = |access, headers: &[_]| check("127.0.0.1:9901", None, access, headers);
    let host = ("host", "localhost:9901");
    assert_eq!(check(Access::Read, &[("host", "rebound.example:9901")]), 403);
    assert_eq!(check(Access::Read, &[]), 403);
    assert_eq!(check(Access::Read, &[host, ("origin", "http://evil.example")]), 403);
    assert_eq!(check(Access::Read, &[host, ("origin", "null")]), 403);
    assert_eq!(check(Access::Read, &[host, ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(check(Access::Read, &[host, ("sec-fetch-site", "same-site")]), 403);
    assert_eq!(check(Access::Change, &[host, ("origin", "http://evil.example"), ("belay-admin", "yes")]), 403);
    let own = [host, ("origin", "http://localhost:9901"), ("sec-fetch-site", "same-origin"), ("belay-admin", "yes")];
    assert_eq!(check(Access::Change, &own), 200);
    assert_eq!(check(Access::Open, &[("host", "rebound.example"), ("origin", "null")]), 200);
}

#[test]
fn off_loopback_all_but_probes_and_scrapes_takes_the_token() {
    let host = ("host", "10.0.0.1:9901");
    for access in [Access::Read, Access::Change] {
        assert_eq!(check("0.0.0.0:9901", None, access, &[host, ("belay-admin", "yes")]), 403);
        for address in ["0.0.0.0:9901", "[::]:9901", "127.0.0.1:9901"] {
            let check = |headers: &[_]| check(address, Some("s3cret"), access, headers);
            assert_eq!(check(&[host, ("belay-admin", "yes")]), 401);
            assert_eq!(check(&[host, ("authorization", "Bearer s3cre")]), 401);
            assert_eq!(check(&[host, ("authorization", "Basic s3cret")]), 401);
            assert_eq!(check(&[host, ("authorization", "bearer s3cret")]), 200);
        }
    }
    assert_eq!(check("0.0.0.0:9901", Some("s3cret"), Access::Open, &[]), 200);
}

#[test]
fn what_goes_wrong_is_said_as_rfc_9457_has_it() {
    let port = port();
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("POST", "/live", 405),
        ("GET", "/sessions?stat=holding", 400),
        ("GET", "/sessions?limit=0", 400),
        ("GET", "/sessions?limit=1&limit=2", 400),
        ("GET", "/sessions?state=asleep", 400),
        ("GET", "/sessions/none", 404),
        ("POST", "/sessions/drain", 400),
        ("DELETE", "/sessions/x?code=1005", 400),
    ] {
        let answer = port.ask(method, path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

#[test]
fn every_path_is_described_and_is_there() {
    let port = port();
    port.readiness.set(Phase::Serving);
    let answer = port.ask("GET", "/openapi.json");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 8, "{paths:?}");
    for (path, methods) in paths {
        let operation = &methods["get"];
        if operation.is_null() {
            continue;
        }
        let answer = port.ask("GET", &path.replace("{id}", "none"));
        let status = answer.split(' ').nth(1).unwrap();
        let described = &operation["responses"][status]["content"];
        let media = described.as_object().unwrap_or_else(|| panic!("{path} answers {status}")).keys().next().unwrap();
        assert!(answer.contains(&format!("content-type: {media}")), "{path}: {answer}");
    }
}

#[test]
fn the_page_brings_all_it_needs_and_may_run_nothing_else() {
    let port = port();
    let page = port.ask("GET", "/");
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{page}");
    for outside in ["http://", "https://", "style=", "onclick="] {
        assert!(!page.contains(outside), "{outside}");
    }
    for asset in ["/dashboard.css", "/dashboard.js"] {
        assert!(page.contains(asset) && port.ask("GET", asset).starts_with("HTTP/1.1 200"));
    }
}
