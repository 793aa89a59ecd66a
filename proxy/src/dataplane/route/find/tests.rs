//! Precedence, each rule by an example.

use http::{HeaderName, HeaderValue};

use super::super::{Backend, MessageLimits, SlowClient};
use super::*;
use crate::dataplane::codec::Framing;
use crate::dataplane::heartbeat::HeartbeatPolicy;
use crate::dataplane::hold::HoldPolicy;

/// Routes that are named after what they match, in this order.
fn routes(matches: impl IntoIterator<Item = (&'static str, Match)>) -> Routes {
    let route = |(name, matches): (&str, Match)| {
        Arc::new(Route {
            name: name.into(),
            matches,
            framing: Framing::WebSocket,
            backend: Backend::at("127.0.0.1:1"),
            filters: vec![],
            heartbeat: HeartbeatPolicy::default(),
            hold: HoldPolicy::default(),
            messages: MessageLimits::default(),
            slow_client: SlowClient::default(),
        })
    };
    Routes(matches.into_iter().map(route).collect())
}

fn host(host: &str) -> Match {
    Match { host: Some(host.into()), ..Match::default() }
}

fn path(path: PathMatch) -> Match {
    Match { path, ..Match::default() }
}

fn prefix(prefix: &str) -> Match {
    path(PathMatch::Prefix(prefix.into()))
}

fn header(name: &str, value: Option<&str>) -> Match {
    Match { headers: vec![(name.into(), value.map(Into::into))], ..Match::default() }
}

fn parameter(name: &str, value: Option<&str>) -> Match {
    Match { query: vec![(name.into(), value.map(Into::into))], ..Match::default() }
}

/// The name of the route that `GET target` takes, `-` for none.
fn taken<'a>(routes: &'a Routes, host: &str, target: &str, headers: &[(&'static str, &'static str)]) -> &'a str {
    let headers =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    routes
        .find(Came { host: Some(host).filter(|host| !host.is_empty()), ..Came::default() }, path, query, &headers)
        .map_or("-", |route| &*route.name)
}

#[test]
fn an_exact_host_goes_before_the_longest_wildcard_before_none() {
    let routes = routes([
        ("none", Match::default()),
        ("short", host("*.example.com")),
        ("long", host("*.eu.example.com")),
        ("exact", host("chat.eu.example.com")),
    ]);
    assert_eq!(taken(&routes, "chat.eu.example.com", "/", &[]), "exact");
    assert_eq!(taken(&routes, "game.eu.example.com", "/", &[]), "long");
    assert_eq!(taken(&routes, "a.b.example.com", "/", &[]), "short");
    assert_eq!(taken(&routes, "eu.example.com", "/", &[]), "short");
    assert_eq!(taken(&routes, "example.com", "/", &[]), "none");
    assert_eq!(taken(&routes, ".example.com", "/", &[]), "none");
    assert_eq!(taken(&routes, "badexample.com", "/", &[]), "none");
    assert_eq!(taken(&routes, "", "/", &[]), "none");
}

#[test]
fn hosts_are_compared_without_port_root_dot_or_case() {
    let routes = routes([("exact", host("Chat.Example.com")), ("wild", host("*.Example.org"))]);
    for same in ["chat.example.com", "CHAT.EXAMPLE.COM:8080", "chat.example.com.", "chat.example.com.:80"] {
        assert_eq!(taken(&routes, same, "/", &[]), "exact", "{same}");
    }
    assert_eq!(taken(&routes, "a.example.ORG:443", "/", &[]), "wild");
    assert_eq!(taken(&routes, "chat.example.com.evil.net", "/", &[]), "-");
    assert_eq!(taken(&routes, "", "/", &[]), "-");
}

#[test]
fn ipv6_hosts_are_compared_as_addresses() {
    for wanted in ["[::1]", "::1", "[0:0:0:0:0:0:0:1]"] {
        let routes = routes([("loopback", host(wanted))]);
        assert_eq!(taken(&routes, "[::1]:8080", "/", &[]), "loopback", "{wanted}");
        assert_eq!(taken(&routes, "[::0001]", "/", &[]), "loopback", "{wanted}");
        assert_eq!(taken(&routes, "[::2]:1", "/", &[]), "-", "{wanted}");
    }
}

#[test]
fn an_exact_path_goes_before_the_longest_prefix_before_any() {
    let routes = routes([
        ("any", Match::default()),
        ("root", prefix("/")),
        ("short", prefix("/chat")),
        ("long", prefix("/chat/rooms")),
        ("exact", path(PathMatch::Exact("/chat/rooms/1".into()))),
    ]);
    assert_eq!(taken(&routes, "h", "/chat/rooms/1", &[]), "exact");
    assert_eq!(taken(&routes, "h", "/chat/rooms/2", &[]), "long");
    assert_eq!(taken(&routes, "h", "/chat/roomsX", &[]), "short");
    assert_eq!(taken(&routes, "h", "/chat", &[]), "short");
    assert_eq!(taken(&routes, "h", "/chats", &[]), "root");
    assert_eq!(taken(&routes, "h", "*", &[]), "any");
}

#[test]
fn a_prefix_with_a_trailing_slash_is_what_is_below_it() {
    let routes = routes([("below", prefix("/chat/"))]);
    assert_eq!(taken(&routes, "h", "/chat/", &[]), "below");
    assert_eq!(taken(&routes, "h", "/chat/1", &[]), "below");
    assert_eq!(taken(&routes, "h", "/chat", &[]), "-");
}

#[test]
fn a_host_weighs_more_than_a_path_and_a_path_more_than_conditions() {
    let with_host = Match { host: Some("h".into()), ..Match::default() };
    let with_path = Match { path: PathMatch::Exact("/x".into()), ..Match::default() };
    let with_header = header("x-a", None);
    let all = routes([("header", with_header.clone()), ("path", with_path.clone()), ("host", with_host)]);
    assert_eq!(taken(&all, "h", "/x", &[("x-a", "1")]), "host");
    let less = routes([("header", with_header), ("path", with_path)]);
    assert_eq!(taken(&less, "h", "/x", &[("x-a", "1")]), "path");
}

#[test]
fn more_conditions_go_before_fewer() {
    let two = Match { query: parameter("v", Some("2")).query, ..header("x-a", None) };
    let routes = routes([("none", Match::default()), ("one", header("x-a", None)), ("two", two)]);
    assert_eq!(taken(&routes, "h", "/?v=2", &[("x-a", "1")]), "two");
    assert_eq!(taken(&routes, "h", "/?v=3", &[("x-a", "1")]), "one");
    assert_eq!(taken(&routes, "h", "/?v=2", &[]), "none");
}

#[test]
fn of_equals_the_first_in_the_yaml_is_taken() {
    let routes = routes([("first", prefix("/a")), ("second", prefix("/a")), ("third", prefix("/a"))]);
    assert_eq!(taken(&routes, "h", "/a/b", &[]), "first");
}

#[test]
fn headers_match_by_presence_or_by_any_of_their_values() {
    let routes = routes([("exact", header("x-tenant", Some("blue"))), ("there", header("x-debug", None))]);
    assert_eq!(taken(&routes, "h", "/", &[("x-tenant", "blue")]), "exact");
    assert_eq!(taken(&routes, "h", "/", &[("x-tenant", "Blue")]), "-");
    assert_eq!(taken(&routes, "h", "/", &[("x-debug", "")]), "there");
    let mut twice = HeaderMap::new();
    twice.append("x-tenant", HeaderValue::from_static("red"));
    twice.append("x-tenant", HeaderValue::from_static("blue"));
    assert!(routes.find(Came::default(), "/", None, &twice).is_some());
}

#[test]
fn query_parameters_are_compared_decoded() {
    let routes = routes([("room", parameter("room", Some("a b&c"))), ("flag", parameter("flag", None))]);
    for same in ["/?room=a+b%26c", "/?x=1&room=a%20b%26c", "/?ro%6Fm=a%20b%26c&room=other", "/?room=other&room=a+b%26c"]
    {
        assert_eq!(taken(&routes, "h", same, &[]), "room", "{same}");
    }
    for other in ["/", "/?", "/?room", "/?room=a+b", "/?room=a+b%2", "/?Room=a+b%26c", "/?=flag", "/?xflag"] {
        assert_eq!(taken(&routes, "h", other, &[]), "-", "{other}");
    }
    assert_eq!(taken(&routes, "h", "/?flag", &[]), "flag");
    assert_eq!(taken(&routes, "h", "/?flag=0", &[]), "flag");
}

#[test]
fn a_percent_sign_that_encodes_nothing_stands_for_itself() {
    let routes = routes([("odd", parameter("p", Some("100%")))]);
    assert_eq!(taken(&routes, "h", "/?p=100%", &[]), "odd");
    assert_eq!(taken(&routes, "h", "/?p=100%25", &[]), "odd");
}

#[test]
fn a_prefix_is_as_long_as_its_normal_form() {
    let routes = routes([("encoded", prefix("/%61%62")), ("longer", prefix("/ab/c"))]);
    assert_eq!(taken(&routes, "h", "/ab/c", &[]), "longer");
    assert_eq!(taken(&routes, "h", "/ab/d", &[]), "encoded");
}

#[test]
fn paths_are_compared_in_normal_form() {
    let routes = routes([("cafe", prefix("/caf%c3%a9")), ("admin", prefix("/admin")), ("any", Match::default())]);
    for admin in ["/%61dmin", "/%61%64%6D%69%6e/x", "/admin/%", "/admin/%zz", "/admin/%2"] {
        assert_eq!(taken(&routes, "h", admin, &[]), "admin", "{admin}");
    }
    assert_eq!(taken(&routes, "h", "/c%61f%C3%a9", &[]), "cafe");
    assert_eq!(taken(&routes, "h", "/%", &[]), "any");
    assert_eq!(taken(&routes, "h", "/admin%", &[]), "any");
    assert_eq!(taken(&routes, "h", "//admin", &[]), "any");
    assert_eq!(taken(&routes, "h", "/admin%2Fusers", &[]), "any");
    assert_eq!(taken(&routes, "h", "/Admin", &[]), "any");
}

#[test]
fn a_path_with_dot_segments_takes_no_route() {
    let routes = routes([("chat", prefix("/chat")), ("any", Match::default())]);
    let escapes = [
        "/chat/../admin",
        "/chat/..",
        "/chat/./admin",
        "/..",
        "/.",
        "/chat/%2e%2e/admin",
        "/chat/.%2E/admin",
        "/chat/..%2fadmin",
        "/chat%2f..%2fadmin",
        "/chat%2F%2e%2e",
        "/chat\\..\\admin",
        "/chat/..%5cadmin",
        "/chat/..;a=b/admin",
        "/chat/%2e%2e%3b/admin",
    ];
    for escape in escapes {
        assert!(has_dot_segments(escape), "{escape}");
        assert_eq!(taken(&routes, "h", escape, &[]), "-", "{escape}");
    }
    for plain in ["/chat/...", "/chat/.well-known", "/chat/a..b/c.", "/chat/a%2Fb", "/chat/;..", "/chat//", "/"] {
        assert!(!has_dot_segments(plain), "{plain}");
    }
}

#[test]
fn a_route_that_names_the_listener_goes_first_and_is_for_no_other() {
    let inner = |path| Match { listener: Some("inner".into()), path, ..Match::default() };
    let routes = routes([
        ("chat", path(PathMatch::Exact("/chat".into()))),
        ("inner", inner(PathMatch::Any)),
        ("inner chat", inner(PathMatch::Prefix("/chat".into()))),
    ]);
    let taken = |listener, path| {
        routes
            .find(Came { listener, ..Came::default() }, path, None, &HeaderMap::new())
            .map_or("-", |route| &*route.name)
    };
    assert_eq!(taken(Some("inner"), "/chat"), "inner chat");
    assert_eq!(taken(Some("inner"), "/other"), "inner");
    assert_eq!(taken(Some("outer"), "/chat"), "chat");
    assert_eq!(taken(None, "/other"), "-");
}
