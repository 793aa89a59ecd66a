//! The filters that ship, run by the host: that host and SDK mean the same by the world they share.

use belay::wasm::BreakerState;
use serde_json::{Value, json};

use super::*;

fn shipped(host: &Host, name: &str, config: Value) -> Box<dyn Filter> {
    let component = belay::shipped::component(name).unwrap();
    let spec = FilterSpec { name: name.into(), config, ..spec() };
    host.load(&spec, component).unwrap().instantiate().unwrap()
}

#[test]
fn rate_limit_drops_what_is_too_much() {
    let host = Host::new(None).unwrap();
    let mut filter = shipped(&host, "rate-limit", json!({ "per": "session", "rate": "1/s", "burst": 2 }));
    let mut session = a_session();
    session.now = Instant::now();
    session.connect(&mut *filter).unwrap();
    let verdicts: Vec<Verdict> = (0..3).map(|_| session.text(&mut *filter, "x").unwrap()).collect();
    assert_eq!(verdicts, [Verdict::Continue, Verdict::Continue, Verdict::Drop]);
    session.now = session.now + Duration::from_secs(1);
    assert_eq!(session.text(&mut *filter, "x"), Ok(Verdict::Continue));
    session.close(&mut *filter);
}

#[test]
fn circuit_breaker_opens_for_all_workers_at_once() {
    let host = Host::new(None).unwrap();
    let config = json!({ "name": "backend", "results": 2, "failures": 50, "open_for": "10s" });
    let (mut here, mut there) =
        (shipped(&host, "circuit-breaker", config.clone()), shipped(&host, "circuit-breaker", config));
    let (mut one, mut two) = (a_session(), a_session());
    one.connect(&mut *here).unwrap();
    for _ in 0..2 {
        here.on_upstream(one.call(), UpstreamEvent::Failed).unwrap();
    }
    let Ok(Admission::Refuse(refusal)) = two.connect(&mut *there) else { panic!("not refused") };
    assert_eq!(refusal.status, 503);
    let breakers = host.services().breakers(Instant::ZERO);
    assert_eq!(breakers.iter().map(|breaker| breaker.state).collect::<Vec<_>>(), [BreakerState::Open]);
}

#[test]
fn auth_jwt_refuses_who_brings_no_token() {
    let host = Host::new(None).unwrap();
    let mut filter = shipped(&host, "auth-jwt", json!({ "keys": [{ "secret": "0123456789abcdef0123456789abcdef" }] }));
    let Ok(Admission::Refuse(refusal)) = a_session().connect(&mut *filter) else { panic!("not refused") };
    assert_eq!(refusal.status, 401);
}

#[test]
fn a_config_that_a_shipped_filter_does_not_know_is_named() {
    let host = Host::new(None).unwrap();
    let spec = FilterSpec { name: "limit".into(), config: json!({ "rat": "1/s" }), ..spec() };
    let error = host.load(&spec, belay::shipped::component("rate-limit").unwrap()).unwrap_err();
    assert!(matches!(&error.problem, LoadProblem::Config(text) if text.contains("rat")), "{error}");
}
