//! The filter in the fake host.

use std::time::Duration;

use belay_filter::testing::{Bench, counter};
use belay_filter::{Direction, Handshake, Message, Verdict};

use super::RateLimit;

fn start(config: &str) -> Bench<RateLimit> {
    Bench::start(config).unwrap()
}

fn from(address: &str) -> Handshake {
    Handshake { peer_address: address.to_owned(), session_id: format!("id-{address}"), ..Handshake::to("/chat") }
}

fn problem(config: &str) -> String {
    Bench::<RateLimit>::start(config).err().unwrap().to_string()
}

#[test]
fn messages_beyond_the_burst_are_dropped_until_tokens_are_back() {
    let mut bench = start(r#"{ "rate": "2/s", "burst": 3 }"#);
    let client = bench.connect(from("10.0.0.1")).unwrap();
    for _ in 0..3 {
        assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
    }
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Drop);
    assert_eq!(counter("rule-1"), 1);
    assert_eq!(bench.to_client(client, "the other direction is not limited"), Verdict::Continue);
    bench.advance(Duration::from_millis(500));
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Drop);
}

#[test]
fn each_session_has_a_bucket_of_its_own() {
    let mut bench = start(r#"{ "per": "session", "rate": "1/m" }"#);
    let one = bench.connect(from("10.0.0.1")).unwrap();
    let two = bench.connect(from("10.0.0.2")).unwrap();
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Continue);
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Drop);
    assert_eq!(bench.to_backend(two, "hi"), Verdict::Continue);
}

#[test]
fn the_sessions_of_a_user_share_a_bucket_in_all_workers() {
    let config = r#"{ "per": "user", "rate": "2/m" }"#;
    let mut bench = start(config);
    let mut other_worker = Bench::<RateLimit>::start_beside(config).unwrap();
    let one = bench.connect_knowing(from("10.0.0.1"), &[("user", "alice")]).unwrap();
    let two = other_worker.connect_knowing(from("10.0.0.2"), &[("user", "alice")]).unwrap();
    let bob = other_worker.connect_knowing(from("10.0.0.2"), &[("user", "bob")]).unwrap();
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Continue);
    assert_eq!(other_worker.to_backend(two, "hi"), Verdict::Continue);
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Drop);
    assert_eq!(other_worker.to_backend(bob, "hi"), Verdict::Continue);
}

#[test]
fn who_has_no_name_is_limited_by_address() {
    let mut bench = start(r#"{ "per": "user", "rate": "1/m" }"#);
    let one = bench.connect(from("10.0.0.1")).unwrap();
    let same_address = bench.connect(from("10.0.0.1")).unwrap();
    let other_address = bench.connect(from("10.0.0.2")).unwrap();
    let named_like_it = bench.connect_knowing(from("10.0.0.3"), &[("user", "10.0.0.1")]).unwrap();
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Continue);
    assert_eq!(bench.to_backend(same_address, "hi"), Verdict::Drop);
    assert_eq!(bench.to_backend(other_address, "hi"), Verdict::Continue);
    assert_eq!(bench.to_backend(named_like_it, "hi"), Verdict::Continue);
}

#[test]
fn routes_headers_and_attributes_have_buckets() {
    for (per, mine, other) in [
        (r#""route""#, Handshake { route: "a".into(), ..from("::1") }, Handshake { route: "b".into(), ..from("::1") }),
        (r#""peer""#, from("::1"), from("::2")),
        (
            r#"{ "header": "X-Api-Key" }"#,
            from("::1").with_header("x-api-key", "a"),
            from("::1").with_header("x-api-key", "b"),
        ),
    ] {
        let mut bench = start(&format!(r#"{{ "per": {per}, "rate": "1/m" }}"#));
        let (one, two) = (bench.connect(mine.clone()).unwrap(), bench.connect(mine).unwrap());
        let other = bench.connect(other).unwrap();
        assert_eq!(bench.to_backend(one, "hi"), Verdict::Continue, "{per}");
        assert_eq!(bench.to_backend(two, "hi"), Verdict::Drop, "{per}");
        assert_eq!(bench.to_backend(other, "hi"), Verdict::Continue, "{per}");
    }
    let mut bench = start(r#"{ "per": { "attribute": "tenant" }, "rate": "1/m" }"#);
    let one = bench.connect_knowing(from("::1"), &[("tenant", "a")]).unwrap();
    let two = bench.connect_knowing(from("::1"), &[("tenant", "b")]).unwrap();
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Continue);
    assert_eq!(bench.to_backend(one, "hi"), Verdict::Drop);
    assert_eq!(bench.to_backend(two, "hi"), Verdict::Continue);
}

#[test]
fn too_many_connects_are_refused_with_the_time_to_wait() {
    let mut bench = start(r#"{ "on": "connect", "per": "peer", "rate": "1/m" }"#);
    bench.connect(from("10.0.0.1")).unwrap();
    let refusal = bench.connect(from("10.0.0.1")).unwrap_err();
    assert_eq!(refusal.status, 429);
    assert_eq!(refusal.headers[0].name, "retry-after");
    assert_eq!(refusal.headers[0].value, "60");
    bench.connect(from("10.0.0.2")).unwrap();
    bench.advance(Duration::from_secs(60));
    bench.connect(from("10.0.0.1")).unwrap();
}

#[test]
fn bytes_are_limited_apart_from_messages() {
    let mut bench = start(
        r#"{ "rules": [
            { "on": "to-backend", "rate": "100/s" },
            { "on": "to-backend", "rate": "1KiB/s", "exceeded": { "reply": "too much" } },
            { "on": "to-client", "rate": "1kB/s", "burst": "2kB", "exceeded": { "close": { "code": 1008 } } }
        ] }"#,
    );
    let client = bench.connect(from("10.0.0.1")).unwrap();
    assert_eq!(bench.to_backend(client, &"x".repeat(1000)), Verdict::Continue);
    assert_eq!(bench.to_backend(client, &"x".repeat(25)), Verdict::reply("too much"));
    assert_eq!(bench.to_backend(client, ""), Verdict::Continue, "nothing weighs nothing");
    assert_eq!(bench.to_backend(client, &"x".repeat(24)), Verdict::Continue);
    let message = Message::binary(vec![0; 2000]);
    assert_eq!(bench.message(client, Direction::ToClient, message), Verdict::Continue);
    assert_eq!(bench.to_client(client, "x"), Verdict::close(1008, ""));
    bench.advance(Duration::from_secs(10));
    let larger_than_the_burst = Message::binary(vec![0; 2001]);
    assert_eq!(bench.message(client, Direction::ToClient, larger_than_the_burst), Verdict::close(1008, ""));
}

#[test]
fn a_session_keeps_its_bucket_in_a_new_instance() {
    let config = r#"{ "rate": "1/m" }"#;
    let mut bench = start(config);
    let client = bench.connect(from("10.0.0.1")).unwrap();
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
    let mut next = Bench::<RateLimit>::start_beside(config).unwrap();
    next.reopen(client, from("10.0.0.1"));
    assert_eq!(next.to_backend(client, "hi"), Verdict::Drop);
}

#[test]
fn a_wrong_config_is_told() {
    assert_eq!(problem("null"), "`rate` is missing, or `rules`");
    assert_eq!(problem(r#"{ "rules": [] }"#), "`rules` is empty");
    assert_eq!(problem(r#"{ "rate": "1/s", "rules": [] }"#), "what is beside `rules` belongs into one of them");
    assert!(problem(r#"{ "rate": "fast" }"#).starts_with("rate: invalid value: string \"fast\", expected a rate"));
    assert!(problem(r#"{ "rate": "1/s", "brust": 2 }"#).starts_with("brust: unknown field `brust`"));
    assert!(problem(r#"{ "rate": "1/s", "per": "planet" }"#).starts_with("per: unknown variant `planet`"));
    assert!(problem(r#"{ "rules": [{ "rate": "1/s" }, {}] }"#).contains("rules[1]: missing field `rate`"));
    let one = |rule: &str| problem(&format!(r#"{{ "rules": [{{ "rate": "1/s" }}, {{ {rule} }}] }}"#));
    assert_eq!(
        one(r#""rate": "1/s", "burst": "1KiB""#),
        "rule 2: `rate` and `burst` must both count, or both be sizes"
    );
    assert_eq!(one(r#""rate": "1/s", "burst": 0"#), "rule 2: `burst` must be above zero");
    assert!(one(r#""rate": "1/s", "on": "connect""#).contains("a session connects once"));
    assert!(one(r#""rate": "1B/s", "on": "connect", "per": "peer""#).contains("they have no bytes"));
    assert!(one(r#""rate": "1/s", "on": "connect", "per": "peer", "exceeded": "drop""#).contains("429"));
    assert!(one(r#""rate": "1/s", "name": "rule-1""#).contains("two rules are named `rule-1`"));
    assert!(one(r#""rate": "1/s", "exceeded": { "close": { "code": 1006 } }"#).contains("a close code is"));
}
