//! The filters that ship, as they are embedded, in the real host: that what their unit tests show in a fake one is true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use belay::dataplane::chain::{Admission, Filter, Reaction, Refusal, UpstreamEvent, Verdict};
use belay::dataplane::message::{CloseReason, Direction, MessageKind};
use belay::dataplane::route::{FilterLimits, FilterSpec};
use belay::time::Instant;
use belay::wasm::Host;
use belay::workshop::solo::Solo;
use http::HeaderValue;
use serde_json::{Value, json};

/// Signed by our secret; for alice until the year 2286.
const ALICE: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.dU27hi6wGMLymcg83bLOZcrsnuUdeuwRimfCdnSDbuw";
/// The same, nine seconds shorter, with the role of an admin.
const ALICE_AS_ADMIN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInJvbGUiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5MH0.3KdFWoY8Zk-4HyzGLGUYMlq-BKIjWb4059HGZ_1GvCY";
const BOB: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IiLCJleHAiOjk5OTk5OTk5OTl9.lX-jCe-tev0d_QXlkssmSZ02_4jYjyu1mysJWNT9-1s";

fn filter(host: &Host, name: &str, config: Value) -> Box<dyn Filter> {
    // A machine that runs every test at once takes longer than one that serves.
    let limits = FilterLimits { deadline: Duration::from_millis(500), ..FilterLimits::default() };
    let spec = FilterSpec { config, limits, ..FilterSpec::shipped(name) };
    host.load(&spec, belay::shipped::component(name).unwrap()).unwrap().instantiate().unwrap()
}

/// What filters are asked about.
fn client(id: u128, headers: &[(&'static str, &str)]) -> Solo {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, HeaderValue::from_str(value).unwrap())).collect();
    Solo { now: Instant::now(), ..Solo::new(id, "/chat", &headers) }
}

/// How filters are asked.
trait Asks {
    fn connect(&mut self, filter: &mut dyn Filter) -> Result<(), Refusal>;
    fn says(&mut self, filter: &mut dyn Filter, text: &str) -> Verdict;
    fn upstream(&mut self, filter: &mut dyn Filter, event: UpstreamEvent);
    fn wait(&mut self, time: Duration);
    fn upstream_header(&self, name: &str) -> Option<&str>;
}

impl Asks for Solo {
    fn connect(&mut self, filter: &mut dyn Filter) -> Result<(), Refusal> {
        match filter.on_handshake(self.call()).unwrap() {
            Admission::Accept => Ok(()),
            Admission::Refuse(refusal) => Err(refusal),
            Admission::CallOut(request) => panic!("it asked {request:?}"),
        }
    }

    fn says(&mut self, filter: &mut dyn Filter, text: &str) -> Verdict {
        filter.on_message(self.call(), Direction::ToBackend, MessageKind::Text, text.as_bytes()).unwrap()
    }

    fn upstream(&mut self, filter: &mut dyn Filter, event: UpstreamEvent) {
        assert_eq!(filter.on_upstream(self.call(), event).unwrap(), Reaction::None);
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn upstream_header(&self, name: &str) -> Option<&str> {
        self.facts.inner()?.upstream_headers.get(name)
    }
}

fn header<'a>(refusal: &'a Refusal, name: &str) -> Option<&'a str> {
    refusal.headers.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
}

#[test]
fn rate_limit_knows_users_connects_and_bytes() {
    let host = Host::new(None).unwrap();
    let config = json!({ "rules": [
        { "on": "connect", "per": "peer", "rate": "2/m" },
        { "per": "user", "rate": "2/s", "exceeded": { "reply": "slow down" } },
        { "per": "user", "rate": "1KiB/s", "exceeded": { "close": { "code": 1008, "reason": "too much" } } },
    ] });
    let (mut here, mut there) = (filter(&host, "rate-limit", config.clone()), filter(&host, "rate-limit", config));
    let (mut one, mut two, mut three) = (client(1, &[]), client(2, &[]), client(3, &[]));
    one.connect(&mut *here).unwrap();
    two.connect(&mut *there).unwrap();
    let refusal = three.connect(&mut *here).unwrap_err();
    assert_eq!((refusal.status, header(&refusal, "retry-after")), (429, Some("30")));
    for session in [&mut one, &mut two] {
        session.facts.inner_mut().attributes.set("user", "alice");
    }
    assert_eq!(one.says(&mut *here, "hi"), Verdict::Continue);
    assert_eq!(two.says(&mut *there, "hi"), Verdict::Continue);
    assert!(matches!(one.says(&mut *here, "hi"), Verdict::Reply(_)), "both workers' sessions draw from alice's bucket");
    one.wait(Duration::from_secs(2));
    assert_eq!(one.says(&mut *here, &"x".repeat(1025)), Verdict::Close(CloseReason::new(1008, "too much")));
}

#[test]
fn redials_alone_close_the_circuit_breaker_again() {
    let host = Host::new(None).unwrap();
    let config = json!({ "results": 4, "open_for": "10s", "probes": 2, "messages": { "reply": "later" } });
    let mut filter = filter(&host, "circuit-breaker", config);
    let mut session = client(1, &[]);
    session.connect(&mut *filter).unwrap();
    session.upstream(&mut *filter, UpstreamEvent::Connected(Duration::from_millis(1)));
    assert_eq!(session.says(&mut *filter, "hi"), Verdict::Continue);
    session.upstream(&mut *filter, UpstreamEvent::Lost);
    for _ in 0..2 {
        session.upstream(&mut *filter, UpstreamEvent::Failed);
    }
    assert!(matches!(session.says(&mut *filter, "hi"), Verdict::Reply(_)));
    let refusal = client(2, &[]).connect(&mut *filter).unwrap_err();
    assert_eq!(refusal.status, 503);
    assert!(header(&refusal, "retry-after").is_some());
    session.wait(Duration::from_secs(11));
    for _ in 0..2 {
        session.upstream(&mut *filter, UpstreamEvent::Connected(Duration::from_millis(1)));
    }
    assert_eq!(session.says(&mut *filter, "hi"), Verdict::Continue);
    let mut late = client(3, &[]);
    late.now = session.now;
    late.connect(&mut *filter).unwrap();
}

#[test]
fn auth_jwt_lets_in_introduces_and_renews() {
    let host = Host::new(None).unwrap();
    let config = json!({
        "keys": [{ "secret": "a secret of thirty-two bytes or more" }],
        "claims": { "headers": { "X-User": "sub", "x-role": "role" } },
        "refresh": { "prefix": "token:" },
    });
    let mut filter = filter(&host, "auth-jwt", config);

    let refusal = client(1, &[]).connect(&mut *filter).unwrap_err();
    assert_eq!((refusal.status, header(&refusal, "www-authenticate")), (401, Some("Bearer realm=\"belay\"")));
    let forged = format!("Bearer {}x", &ALICE[..ALICE.len() - 1]);
    let refusal = client(2, &[("authorization", &forged)]).connect(&mut *filter).unwrap_err();
    assert!(header(&refusal, "www-authenticate").unwrap().contains("error=\"invalid_token\""));

    let bearer = format!("Bearer {ALICE}");
    let mut alice = client(3, &[("authorization", &bearer), ("x-user", "root"), ("x-role", "root")]);
    alice.connect(&mut *filter).unwrap();
    assert_eq!(alice.facts.attribute("user"), Some("alice"));
    assert_eq!((alice.upstream_header("x-user"), alice.upstream_header("x-role")), (Some("alice"), Some("")));
    let timer = alice.facts.next_timer().unwrap();
    alice.now = timer.at;
    assert_eq!(filter.on_timer(alice.call(), timer.timer).unwrap(), Reaction::None, "there are centuries left");

    assert_eq!(alice.says(&mut *filter, "hi"), Verdict::Continue);
    assert_eq!(alice.says(&mut *filter, &format!("token:{ALICE_AS_ADMIN}")), Verdict::Drop);
    assert_eq!(alice.upstream_header("x-role"), Some("admin"));
    let other = alice.says(&mut *filter, &format!("token:{BOB}"));
    assert_eq!(other, Verdict::Close(CloseReason::new(4401, "the token is someone else's")));
}
