//! The port as its clients see it, over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::telemetry::{self, Environment, Settings};

struct Port {
    admin: Admin,
    readiness: Readiness,
    workers: Vec<Arc<Counters>>,
    _log: tracing::Dispatch,
}

fn port() -> Port {
    let (dispatch, telemetry) = telemetry::prepare(&Settings::default(), &Environment::of(&[])).unwrap();
    let readiness = Readiness::new();
    let workers = vec![Arc::new(Counters::default()), Arc::new(Counters::default())];
    static ODD: Family = Family::gauge("belay_odd", &["name"], "Odd.");
    let more: Source = Box::new(|| vec![ODD.sample(&["a\"b\\c\nd"], 0.5)]);
    let sources = Sources {
        readiness: readiness.clone(),
        workers: workers.clone(),
        spans: telemetry.spans.clone(),
        more: vec![more],
        networks: Arc::default(),
        pages: Vec::new(),
        actions: Vec::new(),
        log: telemetry.log.clone(),
    };
    let admin = Admin::start("127.0.0.1:0".parse().unwrap(), sources).unwrap();
    Port { admin, readiness, workers, _log: dispatch }
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
        self.say(&format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
    }

    fn set_log(&self, filter: &str) -> String {
        self.say(&format!("PUT /log HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{filter}", filter.len()))
    }
}

#[test]
fn readiness_follows_the_process_and_liveness_does_not() {
    let port = port();
    assert!(port.ask("GET", "/ready").starts_with("HTTP/1.1 503"));
    assert!(port.ask("GET", "/live").starts_with("HTTP/1.1 200"));
    port.readiness.set(Phase::Serving);
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
    let answer = port.set_log(&"x".repeat(2_000));
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
