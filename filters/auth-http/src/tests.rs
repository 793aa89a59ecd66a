//! The filter on its bench, before a service that the tests play.

use std::time::Duration;

use belay_filter::testing::{self, Bench, asked, serve};
use belay_filter::{CalloutError, Handshake, Reaction, Response};

use crate::AuthHttp;

const CONFIG: &str = r#"{
    "url": "http://auth/check",
    "upstream_headers": ["x-user", "x-role"],
    "attributes": { "user": "x-user" },
    "cache": { "ttl": "30s", "refused_ttl": "5s" },
    "recheck": "5m"
}"#;

fn alice() -> Handshake {
    let handshake =
        Handshake { peer_address: "192.0.2.7".to_owned(), host: "chat".to_owned(), ..Handshake::to("/chat?a=1") };
    handshake.with_header("authorization", "Bearer alice").with_header("x-other", "private")
}

fn start(config: &str) -> Bench<AuthHttp> {
    Bench::start(config).unwrap()
}

fn knows_alice() {
    serve(|request| match request.headers.iter().find(|header| header.name == "authorization") {
        Some(header) if header.value == "Bearer alice" => Ok(Response::new(200).with_header("x-user", "alice")),
        Some(_) => Ok(Response::new(403).with_body("not you")),
        None => Ok(Response::new(401).with_header("www-authenticate", "Bearer").with_header("x-secret", "1")),
    });
}

#[test]
fn the_service_is_told_what_was_chosen_and_who_asks() {
    knows_alice();
    let mut bench = start(CONFIG);
    bench.connect(alice()).unwrap();
    let [request] = &asked()[..] else { panic!("asked once") };
    assert_eq!((&*request.method, &*request.url), ("GET", "http://auth/check"));
    let headers: Vec<_> = request.headers.iter().map(|header| (&*header.name, &*header.value)).collect();
    assert!(headers.contains(&("authorization", "Bearer alice")));
    assert!(headers.contains(&("x-forwarded-for", "192.0.2.7")));
    assert!(headers.contains(&("x-forwarded-uri", "/chat?a=1")));
    assert!(!headers.iter().any(|(name, _)| *name == "x-other"));
}

#[test]
fn what_the_service_says_of_a_client_goes_to_the_backend_and_nothing_that_the_client_says() {
    knows_alice();
    let mut bench = start(CONFIG);
    let client = bench.connect(alice().with_header("x-role", "admin")).unwrap();
    let facts = bench.facts(client);
    assert_eq!(facts.attributes["user"], "alice");
    assert_eq!((&*facts.upstream_headers["x-user"], &*facts.upstream_headers["x-role"]), ("alice", ""));
}

#[test]
fn a_refusal_is_the_services_own_as_far_as_it_is_listed() {
    knows_alice();
    let mut bench = start(CONFIG);
    let refusal = bench.connect(Handshake::to("/")).unwrap_err();
    assert_eq!(refusal.status, 401);
    assert_eq!(refusal.headers.iter().map(|header| &*header.name).collect::<Vec<_>>(), ["www-authenticate"]);
    let refusal = bench.connect(Handshake::to("/").with_header("authorization", "Bearer bob")).unwrap_err();
    assert_eq!((refusal.status, &*refusal.body), (403, "not you"));
    serve(|_| Ok(Response::new(302).with_header("location", "https://login")));
    assert_eq!(bench.connect(Handshake::to("/else")).unwrap_err().status, 302);
}

#[test]
fn no_answer_and_a_strange_one_mean_what_the_config_says() {
    let answers =
        [Err(CalloutError::Timeout), Err(CalloutError::Unreachable), Ok(Response::new(500)), Ok(Response::new(404))];
    for answer in answers {
        serve(move |_| answer.clone());
        assert_eq!(start(r#"{ "url": "http://auth" }"#).connect(alice()).unwrap_err().status, 503);
        assert!(start(r#"{ "url": "http://auth", "on_error": "allow" }"#).connect(alice()).is_ok());
    }
}

#[test]
fn answers_are_kept_for_their_time_and_shared_by_those_alike() {
    knows_alice();
    let mut bench = start(CONFIG);
    bench.connect(alice()).unwrap();
    let again = bench.connect(alice()).unwrap();
    assert_eq!(bench.facts(again).upstream_headers["x-user"], "alice");
    assert_eq!(asked().len(), 1);
    bench.connect(Handshake { query: "a=2".to_owned(), ..alice() }).unwrap();
    assert_eq!(asked().len(), 1, "the query may matter to the service");
    for _ in 0..2 {
        assert_eq!(bench.connect(Handshake::to("/")).unwrap_err().status, 401);
    }
    assert_eq!(asked().len(), 1);
    testing::move_clock(Duration::from_secs(6));
    bench.connect(Handshake::to("/")).unwrap_err();
    bench.connect(alice()).unwrap();
    assert_eq!(asked().len(), 1, "a no is forgotten before a yes");
    testing::move_clock(Duration::from_secs(30));
    bench.connect(alice()).unwrap();
    assert_eq!(asked().len(), 1);
}

#[test]
fn failures_are_not_kept() {
    serve(|_| Err(CalloutError::Timeout));
    let mut bench = start(CONFIG);
    bench.connect(alice()).unwrap_err();
    knows_alice();
    bench.connect(alice()).unwrap();
}

#[test]
fn a_session_that_is_not_let_in_any_more_is_closed() {
    knows_alice();
    let mut bench = start(CONFIG);
    bench.connect(alice()).unwrap();
    let reactions = |bench: &mut Bench<AuthHttp>| -> Vec<Reaction> {
        bench.advance(Duration::from_secs(300)).into_iter().map(|fired| fired.reaction).collect()
    };
    assert_eq!(reactions(&mut bench), [Reaction::None]);
    serve(|_| Err(CalloutError::Unreachable));
    assert!(reactions(&mut bench).iter().all(|reaction| *reaction == Reaction::None), "nobody said no");
    serve(|_| Ok(Response::new(403)));
    assert_eq!(bench.advance(Duration::from_secs(5))[0].reaction, Reaction::close(4401, "not let in any more"));
    assert_eq!(bench.connect(alice()).unwrap_err().status, 403, "what was kept is forgotten");
}

#[test]
fn a_config_that_cannot_be_meant_is_refused() {
    let problem = |config: &str| Bench::<AuthHttp>::start(config).err().unwrap().to_string();
    assert!(problem("{}").contains("url"));
    assert!(problem(r#"{ "url": "auth" }"#).starts_with("url: "));
    assert!(problem(r#"{ "url": "http://a", "headers": ["X-Forwarded-For"] }"#).starts_with("headers: "));
    assert!(problem(r#"{ "url": "http://a", "upstream_headers": ["Host"] }"#).starts_with("upstream_headers: "));
    assert!(problem(r#"{ "url": "http://a", "cache": { "ttl": "0s" } }"#).starts_with("cache.ttl: "));
    assert!(problem(r#"{ "url": "http://a", "recheck": "10ms" }"#).starts_with("recheck: "));
    assert!(problem(r#"{ "url": "http://a", "urll": "" }"#).contains("urll"));
}
