//! Requests that no route can take.

use super::*;

/// The status line and body of our answer to this request.
async fn answer_to(request: &str) -> String {
    // Nothing listens there any more; nothing is to be asked there either.
    let address = Listening::new().await.address();
    let mut client = client(route_to(address)).await;
    client.send(request).await;
    let head = client.head().await;
    let body = client.until("\n").await;
    format!("{} {}", &head[9..12], body.trim_end())
}

#[tokio::test]
async fn each_is_told_why() {
    let host = "host: shop\r\n";
    let cases = [
        ("CONNECT shop:443 HTTP/1.1\r\n", host, "501 belay: CONNECT is for forward proxies; this is none"),
        ("GET ftp://shop/ HTTP/1.1\r\n", host, "400 belay: a request target that is neither a path nor a URL of http"),
        ("GET shop:80 HTTP/1.1\r\n", host, "400 belay: a request target that is neither a path nor a URL of http"),
        ("OPTIONS * HTTP/1.1\r\n", host, "501 belay: requests for * are not answered here"),
        ("GET / HTTP/1.1\r\n", "host: a\r\nhost: b\r\n", "400 belay: more than one Host header"),
        ("GET / HTTP/1.1\r\n", "", "400 belay: no Host header"),
        ("GET / HTTP/1.1\r\n", "host: a b\r\n", "400 belay: a Host header that is no host with or without a port"),
        ("GET / HTTP/1.1\r\n", "host: a/b\r\n", "400 belay: a Host header that is no host with or without a port"),
        ("GET http://u@a/ HTTP/1.1\r\n", host, "400 belay: a Host header that is no host with or without a port"),
        (
            "POST / HTTP/1.1\r\n",
            "host: shop\r\ntransfer-encoding: gzip, chunked\r\n",
            "501 belay: a transfer coding; only chunked is known here",
        ),
        (
            "GET /a/%2e%2e/b HTTP/1.1\r\n",
            host,
            "400 belay: a path with dot segments; send the path that it resolves to",
        ),
        (
            "GET / HTTP/1.1\r\n",
            "host: shop\r\nconnection: upgrade\r\nupgrade: irc/6.9\r\n",
            "501 belay: an upgrade to irc/6.9; only websocket is known here",
        ),
    ];
    for (line, headers, expected) in cases {
        assert_eq!(answer_to(&format!("{line}{headers}\r\n")).await, expected, "{line}{headers}");
    }
}

#[tokio::test]
async fn an_offer_of_h2c_is_not_taken_and_not_refused() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client
        .send(
            "GET / HTTP/1.1\r\nhost: shop\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\
             http2-settings: AAMAAABk\r\n\r\n",
        )
        .await;
    let request = backend.accept().await.head().await;
    assert!(!request.contains("h2c") && !request.contains("http2-settings"), "{request}");
}
