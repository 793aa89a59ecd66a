//! How long a session lasts, and how a client makes it last longer.

use std::time::Duration;

use belay_filter::testing::set_unix_ms;
use belay_filter::{Reaction, UpstreamEvent, Verdict};

use super::*;

fn expired() -> Reaction {
    Reaction::close(4401, "the token has expired")
}

/// What becomes of a session in this time.
fn reactions(bench: &mut Bench<AuthJwt>, seconds: u64) -> Vec<Reaction> {
    let fired = bench.advance(Duration::from_secs(seconds));
    fired.into_iter().map(|fired| fired.reaction).filter(|reaction| *reaction != Reaction::None).collect()
}

#[test]
fn a_session_ends_with_its_token() {
    let mut bench = start(json!({ "leeway": "10s" }));
    bench.connect(with(&token(json!({ "sub": "alice", "exp": now() + 60 })))).unwrap();
    assert_eq!(reactions(&mut bench, 69), []);
    assert_eq!(reactions(&mut bench, 1), [expired()]);
}

#[test]
fn a_year_is_not_too_long() {
    let mut bench = start(json!({ "leeway": "0s" }));
    let year = 365 * 86_400;
    bench.connect(with(&token(json!({ "sub": "alice", "exp": now() + year })))).unwrap();
    assert_eq!(reactions(&mut bench, year - 1), []);
    assert_eq!(reactions(&mut bench, 1), [expired()]);
}

#[test]
fn a_wall_clock_that_was_set_is_followed() {
    let mut bench = start(json!({ "leeway": "0s" }));
    let client = bench.connect(with(&token(json!({ "sub": "alice", "exp": now() + 600 })))).unwrap();
    set_unix_ms(unix_ms() - 300_000);
    assert_eq!(reactions(&mut bench, 600), [], "by the wall clock there are five minutes more");
    assert_eq!(reactions(&mut bench, 300), [expired()]);
    bench.close(client, 4401);
    assert_eq!(reactions(&mut bench, 86_400), []);
}

#[test]
fn expiry_can_be_ignored() {
    let mut bench = start(json!({ "expiry": "ignore" }));
    let client = bench.connect(with(&token_of("alice"))).unwrap();
    assert_eq!(bench.advance(Duration::from_secs(86_400)), []);
    assert_eq!(bench.upstream(client, UpstreamEvent::Lost), Reaction::None);
}

#[test]
fn a_session_ends_on_time_in_a_new_instance_too() {
    let mut bench = start(json!({ "leeway": "0s" }));
    let client = bench.connect(with(&token(json!({ "sub": "alice", "exp": now() + 60 })))).unwrap();
    let mut next = Bench::<AuthJwt>::start_beside(&config(json!({ "leeway": "0s" }))).unwrap();
    next.reopen(client, with("whatever the client had then"));
    assert_eq!(reactions(&mut next, 60), [expired()]);
}

#[test]
fn a_fresh_token_prolongs_the_session() {
    let mut bench = start(json!({
        "leeway": "0s", "refresh": { "prefix": "token:" }, "claims": { "headers": { "x-role": "role" } }
    }));
    let client = bench.connect(with(&token(json!({ "sub": "alice", "role": "a", "exp": now() + 60 })))).unwrap();
    let fresh = token(json!({ "sub": "alice", "role": "b", "exp": now() + 120 }));
    assert_eq!(bench.to_backend(client, &format!("token: {fresh}")), Verdict::Drop);
    let facts = bench.facts(client);
    assert_eq!(facts.upstream_headers["x-role"], "b");
    assert_eq!(facts.upstream_headers["authorization"], format!("Bearer {fresh}"), "for the next upstream");
    assert_eq!(reactions(&mut bench, 119), []);
    assert_eq!(reactions(&mut bench, 1), [expired()]);
}

#[test]
fn a_fresh_token_may_come_in_a_field() {
    let mut bench = start(json!({ "refresh": { "field": "token", "reply": "{\"ok\":true}" } }));
    let client = bench.connect(with(&token_of("alice"))).unwrap();
    let message = json!({ "type": "auth", "token": token_of("alice") }).to_string();
    assert_eq!(bench.to_backend(client, &message), Verdict::reply("{\"ok\":true}"));
    for other in [r#"{"text":"token"}"#, r#"{"token":7}"#, "token", r#"["token"]"#, r#"{"token"#] {
        assert_eq!(bench.to_backend(client, other), Verdict::Continue, "{other}");
    }
}

#[test]
fn other_messages_pass() {
    let mut bench = start(json!({ "refresh": { "prefix": "token:" } }));
    let client = bench.connect(with(&token_of("alice"))).unwrap();
    assert_eq!(bench.to_backend(client, "hi"), Verdict::Continue);
    assert_eq!(bench.to_backend(client, &"x".repeat(1 << 20)), Verdict::Continue);
    let mut without = start(json!({}));
    let client = without.connect(with(&token_of("alice"))).unwrap();
    assert_eq!(without.to_backend(client, "token:x"), Verdict::Continue);
}

#[test]
fn a_token_that_does_not_renew_ends_the_session() {
    let mut bench = start(json!({ "refresh": { "prefix": "token:" } }));
    let client = bench.connect(with(&token_of("alice"))).unwrap();
    let mut say = |token: &str| bench.to_backend(client, &format!("token:{token}"));
    assert_eq!(say(&token_of("bob")), Verdict::close(4401, "the token is someone else's"));
    let other_issuer = token(json!({ "iss": "x", "sub": "alice", "exp": now() + 60 }));
    assert_eq!(say(&other_issuer), Verdict::close(4401, "the token is someone else's"));
    assert_eq!(say("x"), Verdict::close(4401, "the token is no JWS"));
    let over = token(json!({ "sub": "alice", "exp": now() - 60 }));
    assert_eq!(say(&over), Verdict::close(4401, "the token has expired"));
    assert_eq!(say(&"x".repeat(1 << 20)), Verdict::close(4401, "the token is too long"));
}

#[test]
fn who_has_no_name_cannot_renew() {
    let mut bench = start(json!({ "refresh": { "prefix": "token:" } }));
    let nameless = token(json!({ "exp": now() + 60 }));
    let client = bench.connect(with(&nameless)).unwrap();
    let verdict = bench.to_backend(client, &format!("token:{nameless}"));
    assert_eq!(verdict, Verdict::close(4401, "the token is someone else's"));
}
