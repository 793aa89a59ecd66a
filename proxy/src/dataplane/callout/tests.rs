//! What may be asked. How it is asked, of a real server, is tested with the whole process.

use super::*;

fn origin(text: &str) -> Result<String, BadOrigin> {
    text.parse::<Origin>().map(|origin| origin.to_string())
}

#[test]
fn an_origin_has_one_form() {
    assert_eq!(origin("HTTP://Auth.Internal"), Ok("http://auth.internal:80".to_owned()));
    assert_eq!(origin("https://auth.internal/"), Ok("https://auth.internal:443".to_owned()));
    assert_eq!(origin("https://[0:0::1]:8443"), Ok("https://[::1]:8443".to_owned()));
}

#[test]
fn what_is_more_or_less_than_an_origin_is_none() {
    assert_eq!(origin("auth.internal"), Err(BadOrigin::Scheme));
    assert_eq!(origin("/path"), Err(BadOrigin::NotAUrl));
    assert_eq!(origin("ftp://a"), Err(BadOrigin::Scheme));
    assert_eq!(origin("http://u:p@a"), Err(BadOrigin::UserInfo));
    assert_eq!(origin("http://a/path"), Err(BadOrigin::Path));
    assert_eq!(origin("http://a/?x"), Err(BadOrigin::Path));
    assert_eq!(origin("http://a:0"), Err(BadOrigin::Port));
    assert_eq!(origin("http://a:99999").unwrap_err(), BadOrigin::Port);
    assert_eq!(origin("http://a%2eb"), Err(BadOrigin::NotAUrl));
    assert_eq!(origin("http://a~b"), Err(BadOrigin::Host));
}

fn checked(request: Request) -> Result<http::Request<http_body_util::Full<bytes::Bytes>>, CalloutError> {
    let allow = ["http://127.0.0.1:9000", "http://auth"].map(|origin| origin.parse().unwrap());
    Terms::new("ask", CalloutPolicy { allow: allow.into(), ..CalloutPolicy::default() }).check(&request)
}

fn get(url: &str) -> Request {
    Request { method: "GET".to_owned(), url: url.to_owned(), ..Request::default() }
}

#[test]
fn only_what_is_listed_may_be_asked() {
    for url in ["http://127.0.0.1:9000/a?b=c", "http://auth:80/", "http://AUTH/x", "http://auth"] {
        assert!(checked(get(url)).is_ok(), "{url}");
    }
    let others = [
        "https://auth/",
        "http://auth:81/",
        "http://auth.evil/",
        "http://auth@evil/",
        "http://auth:80@evil/",
        "http://u@auth/",
        "http://127.0.0.1/",
        "http://127.1:9000/",
        "//auth/",
        "/",
        "",
        "http://",
    ];
    for url in others {
        assert_eq!(checked(get(url)).unwrap_err(), CalloutError::Forbidden, "{url}");
    }
}

#[test]
fn a_request_that_http_does_not_allow_is_not_sent() {
    let url = "http://auth/";
    for method in ["", "GET /", "CONNECT"] {
        assert!(checked(Request { method: method.to_owned(), ..get(url) }).is_err(), "{method}");
    }
    let header = |name: &str, value: &str| Request { headers: vec![(name.into(), value.into())], ..get(url) };
    assert!(checked(header("a b", "c")).is_err());
    assert!(checked(header("a", "c\r\nd: e")).is_err());
    let many = Request { headers: vec![("a".into(), "b".into()); REQUEST_HEADERS_MAX + 1], ..get(url) };
    assert!(checked(many).is_err());
    assert!(checked(Request { body: vec![0; REQUEST_BODY_BYTES_MAX + 1], ..get(url) }).is_err());
}

#[test]
fn what_is_the_connections_is_not_the_filters() {
    let names = ["Host", "content-length", "Transfer-Encoding", "connection", "upgrade", "x-own"];
    let headers = names.map(|name| (name.into(), "chunked".into())).into();
    let request = checked(Request { headers, ..get("http://auth/") }).unwrap();
    assert_eq!(request.headers().keys().collect::<Vec<_>>(), ["x-own"]);
}

#[test]
fn so_many_are_under_way_and_no_more() {
    let terms = Terms::new("ask", CalloutPolicy { in_flight_max: 2, ..CalloutPolicy::default() });
    let places = [terms.enter().unwrap(), terms.enter().unwrap()];
    assert_eq!(terms.enter().map(drop), Err(CalloutError::Busy));
    assert_eq!(terms.counts.in_flight(), 2);
    drop(places);
    assert!(terms.enter().is_ok());
    assert_eq!(terms.counts.in_flight(), 0);
}
