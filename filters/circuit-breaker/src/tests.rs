//! The filter in the fake host.

use std::time::Duration;

use belay_filter::testing::{Bench, counter};
use belay_filter::{Handshake, UpstreamEvent, Verdict};

use super::CircuitBreaker;

const CONFIG: &str = r#"{
    "window": "30s", "results": 4, "failures": 50, "open_for": "10s", "probes": 2, "settle": "1s",
    "messages": { "reply": "try later" }
}"#;

const MS: u64 = 1_000;

fn on(route: &str) -> Handshake {
    Handshake { route: route.to_owned(), ..Handshake::to("/chat") }
}

fn start(config: &str) -> Bench<CircuitBreaker> {
    Bench::start(config).unwrap()
}

/// A session whose redials have failed until the breaker is open.
fn opened(bench: &mut Bench<CircuitBreaker>) -> u32 {
    let client = bench.connect(on("chat")).unwrap();
    bench.upstream(client, UpstreamEvent::Connected(MS));
    bench.upstream(client, UpstreamEvent::Lost);
    for _ in 0..3 {
        bench.upstream(client, UpstreamEvent::Failed);
    }
    client
}

#[test]
fn a_backend_that_works_is_let_be() {
    let mut bench = start(CONFIG);
    let client = bench.connect(on("chat")).unwrap();
    bench.upstream(client, UpstreamEvent::Connected(MS));
    for _ in 0..100 {
        bench.upstream(client, UpstreamEvent::Latency(MS));
        assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
    }
}

#[test]
fn failures_open_it_and_it_answers_for_the_backend() {
    let mut bench = start(CONFIG);
    let client = opened(&mut bench);
    assert_eq!(bench.to_backend(client, "hi"), Verdict::reply("try later"));
    let refusal = bench.connect(on("chat")).unwrap_err();
    assert_eq!(refusal.status, 503);
    assert_eq!((&*refusal.headers[0].name, &*refusal.headers[0].value), ("retry-after", "10"));
    assert_eq!((counter("answered"), counter("refused")), (1, 1));
}

#[test]
fn all_workers_share_it_and_routes_do_not() {
    let mut bench = start(CONFIG);
    let mut other_worker = Bench::<CircuitBreaker>::start_beside(CONFIG).unwrap();
    opened(&mut bench);
    assert_eq!(other_worker.connect(on("chat")).unwrap_err().status, 503);
    other_worker.connect(on("games")).unwrap();
}

#[test]
fn with_a_name_routes_share_it() {
    let mut bench = start(r#"{ "name": "db", "results": 4 }"#);
    opened(&mut bench);
    assert_eq!(bench.connect(on("games")).unwrap_err().status, 503);
}

#[test]
fn new_clients_are_probes_and_close_it() {
    let mut bench = start(CONFIG);
    opened(&mut bench);
    bench.advance(Duration::from_secs(10));
    let one = bench.connect(on("chat")).unwrap();
    let two = bench.connect(on("chat")).unwrap();
    assert_eq!(bench.connect(on("chat")).unwrap_err().status, 503, "only so many probes at a time");
    bench.upstream(one, UpstreamEvent::Connected(MS));
    bench.upstream(two, UpstreamEvent::Connected(MS));
    bench.connect(on("chat")).unwrap();
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Continue);
}

#[test]
fn a_probe_that_fails_opens_it_again() {
    let mut bench = start(CONFIG);
    opened(&mut bench);
    bench.advance(Duration::from_secs(10));
    let probe = bench.connect(on("chat")).unwrap();
    bench.upstream(probe, UpstreamEvent::Failed);
    assert_eq!(bench.connect(on("chat")).unwrap_err().headers[0].value, "10");
}

#[test]
fn a_held_sessions_redials_alone_close_it() {
    let mut bench = start(CONFIG);
    let client = opened(&mut bench);
    bench.upstream(client, UpstreamEvent::Connected(MS));
    assert_eq!(bench.to_backend(client, "hi"), Verdict::reply("try later"), "it stays open for its time");
    bench.advance(Duration::from_secs(10));
    bench.upstream(client, UpstreamEvent::Connected(MS));
    bench.upstream(client, UpstreamEvent::Connected(MS));
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
}

#[test]
fn heartbeats_of_the_backend_alone_close_it() {
    let mut bench = start(CONFIG);
    let client = opened(&mut bench);
    bench.advance(Duration::from_secs(10));
    bench.upstream(client, UpstreamEvent::Latency(MS));
    bench.upstream(client, UpstreamEvent::Latency(MS));
    bench.connect(on("chat")).unwrap();
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
}

#[test]
fn a_message_is_a_probe_and_no_news_are_good_news() {
    let mut bench = start(CONFIG);
    let healthy = bench.connect(on("chat")).unwrap();
    bench.upstream(healthy, UpstreamEvent::Connected(MS));
    opened(&mut bench);
    assert_eq!(bench.to_backend(healthy, "hi"), Verdict::reply("try later"));
    bench.advance(Duration::from_secs(10));
    for _ in 0..2 {
        assert_eq!(bench.to_backend(healthy, "hi"), Verdict::Continue);
        bench.advance(Duration::from_secs(1));
    }
    bench.connect(on("chat")).unwrap();
    bench.connect(on("chat")).unwrap();
    bench.connect(on("chat")).unwrap();
    assert_eq!(bench.to_backend(healthy, "hi"), Verdict::Continue);
}

#[test]
fn a_message_whose_connection_is_then_lost_was_a_failed_probe() {
    let mut bench = start(CONFIG);
    let client = opened(&mut bench);
    bench.upstream(client, UpstreamEvent::Connected(MS));
    bench.advance(Duration::from_secs(10));
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
    bench.upstream(client, UpstreamEvent::Lost);
    assert_eq!(bench.advance(Duration::from_secs(1)), [], "its timer is gone");
    assert_eq!(bench.connect(on("chat")).unwrap_err().status, 503);
}

#[test]
fn a_message_that_would_be_held_is_no_probe() {
    let mut bench = start(CONFIG);
    let client = opened(&mut bench);
    bench.advance(Duration::from_secs(10));
    assert_eq!(bench.to_backend(client, "hi"), Verdict::reply("try later"));
    bench.connect(on("chat")).unwrap();
    bench.connect(on("chat")).unwrap();
}

#[test]
fn slow_answers_are_failures_where_a_limit_is_set() {
    let mut bench = start(r#"{ "results": 4, "slower_than": "100ms", "messages": "drop" }"#);
    let client = bench.connect(on("chat")).unwrap();
    for _ in 0..4 {
        bench.upstream(client, UpstreamEvent::Latency(100_001));
    }
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Drop);
}

#[test]
fn losses_can_be_left_out() {
    let mut bench = start(r#"{ "results": 1, "losses": "ignore", "messages": { "close": { "code": 1013 } } }"#);
    let client = bench.connect(on("chat")).unwrap();
    bench.upstream(client, UpstreamEvent::Lost);
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
    bench.upstream(client, UpstreamEvent::Failed);
    assert_eq!(bench.to_backend(client, "hi"), Verdict::close(1013, ""));
}

#[test]
fn old_results_are_forgotten() {
    let mut bench = start(CONFIG);
    let client = bench.connect(on("chat")).unwrap();
    for _ in 0..3 {
        bench.upstream(client, UpstreamEvent::Failed);
    }
    bench.advance(Duration::from_secs(30));
    bench.upstream(client, UpstreamEvent::Failed);
    bench.connect(on("chat")).unwrap();
}

#[test]
fn messages_pass_unseen_by_default() {
    let mut bench = start("null");
    let client = bench.connect(on("chat")).unwrap();
    for _ in 0..10 {
        bench.upstream(client, UpstreamEvent::Failed);
    }
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue, "it is held as without this filter");
    assert_eq!(bench.connect(on("chat")).unwrap_err().status, 503);
}

#[test]
fn a_wrong_config_is_told() {
    let problem = |config: &str| Bench::<CircuitBreaker>::start(config).err().unwrap().to_string();
    assert_eq!(problem(r#"{ "failures": 101 }"#), "failures: must be from 1 to 100 percent");
    assert_eq!(problem(r#"{ "window": "0s" }"#), "window: must be above zero");
    assert_eq!(problem(r#"{ "probes": 0 }"#), "probes: must be from 1 to 1000");
    assert!(problem(r#"{ "open": "1s" }"#).starts_with("open: unknown field `open`"));
    assert!(problem(r#"{ "messages": "repply" }"#).starts_with("messages: unknown variant `repply`"));
}
