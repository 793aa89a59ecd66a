//! The functions that the WebSocket handshake uses too.

use http::HeaderValue;

use super::*;

fn forwarded(before: &[(&'static str, &'static str)], peer: &str, host: Option<&str>, scheme: &Scheme) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in before {
        headers.append(*name, HeaderValue::from_static(value));
    }
    add_forwarded(&mut headers, peer.parse().expect("an address"), host, scheme);
    headers
}

/// All lines of a header.
fn lines<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().expect("text")).collect()
}

#[test]
fn the_peer_is_added_to_what_is_there() {
    let before = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "198.51.100.7"),
        ("forwarded", "for=203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "public.example"),
        ("x-forwarded-port", "443"),
    ];
    let headers = forwarded(&before, "10.0.0.5:4711", Some("shop"), &Scheme::HTTP);
    assert_eq!(lines(&headers, "x-forwarded-for"), ["203.0.113.9, 198.51.100.7, 10.0.0.5"]);
    assert_eq!(lines(&headers, "forwarded"), ["for=203.0.113.9, for=10.0.0.5;host=shop;proto=http"]);
    assert_eq!(lines(&headers, "x-forwarded-proto"), ["https"]);
    assert_eq!(lines(&headers, "x-forwarded-host"), ["public.example"]);
    assert_eq!(lines(&headers, "x-forwarded-port"), ["443"]);
}

#[test]
fn ipv6_is_quoted_in_forwarded_and_plain_elsewhere() {
    let headers = forwarded(&[], "[2001:db8::1]:4711", Some("[2001:db8::2]:8080"), &Scheme::HTTP);
    assert_eq!(lines(&headers, "x-forwarded-for"), ["2001:db8::1"]);
    assert_eq!(lines(&headers, "forwarded"), ["for=\"[2001:db8::1]\";host=\"[2001:db8::2]:8080\";proto=http"]);
    assert_eq!(lines(&headers, "x-forwarded-port"), ["8080"]);
}

#[test]
fn ipv4_within_ipv6_is_ipv4() {
    let headers = forwarded(&[], "[::ffff:192.0.2.1]:4711", None, &Scheme::HTTPS);
    assert_eq!(lines(&headers, "x-forwarded-for"), ["192.0.2.1"]);
    assert_eq!(lines(&headers, "forwarded"), ["for=192.0.2.1;proto=https"]);
    assert_eq!(lines(&headers, "x-forwarded-port"), ["443"]);
    assert!(!headers.contains_key("x-forwarded-host"));
}

#[test]
fn a_host_cannot_break_out_of_its_quotes() {
    let headers = forwarded(&[], "10.0.0.5:1", Some("a\";for=\"6.6.6.6\\"), &Scheme::HTTP);
    assert_eq!(lines(&headers, "forwarded"), ["for=10.0.0.5;host=\"a\\\";for=\\\"6.6.6.6\\\\\";proto=http"]);
}

#[test]
fn what_connection_names_goes_in_any_case_and_over_several_lines() {
    let mut headers = HeaderMap::new();
    headers.append("connection", HeaderValue::from_static("Upgrade, X-One"));
    headers.append("connection", HeaderValue::from_static(" x-TWO ,, not a name,host"));
    for name in ["upgrade", "x-one", "x-two", "x-three", "host"] {
        headers.append(name, HeaderValue::from_static("1"));
    }
    strip_hop_by_hop(&mut headers);
    let mut left: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["host", "x-three"]);
}

#[test]
fn a_length_beside_a_transfer_encoding_goes() {
    let mut headers = HeaderMap::new();
    headers.append("content-length", HeaderValue::from_static("4"));
    strip_hop_by_hop(&mut headers);
    assert!(headers.contains_key("content-length"));
    headers.append("transfer-encoding", HeaderValue::from_static("chunked"));
    strip_hop_by_hop(&mut headers);
    assert!(headers.is_empty());
}

#[test]
fn via_grows_by_us() {
    let mut headers = HeaderMap::new();
    headers.append("via", HeaderValue::from_static("1.1 cdn"));
    add_via(&mut headers, Version::HTTP_10);
    assert_eq!(lines(&headers, "via"), ["1.1 cdn, 1.0 belay"]);
}
