//! What passes, and how it is changed on the way.

use super::*;

#[tokio::test]
async fn a_request_and_its_answer_pass() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("GET /a%2Fb//c?q=%20+x HTTP/1.1\r\nhost: shop.example:8080\r\nx-mine: 1\r\n\r\n").await;

    let mut server = backend.accept().await;
    let request = server.head().await;
    assert!(request.starts_with("GET /a%2Fb//c?q=%20+x HTTP/1.1\r\n"), "{request}");
    for line in [
        "host: shop.example:8080",
        "x-mine: 1",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: shop.example:8080",
        "x-forwarded-port: 8080",
        "forwarded: for=127.0.0.1;host=\"shop.example:8080\";proto=http",
        "via: 1.1 belay",
    ] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line} in {request}");
    }

    server.send("HTTP/1.1 418 Odd\r\ncontent-length: 5\r\nx-yours: 2\r\n\r\nshort").await;
    let answer = client.until("short").await;
    assert!(answer.starts_with("HTTP/1.1 418 "), "{answer}");
    assert!(answer.contains("\r\nx-yours: 2\r\n") && answer.contains("\r\nvia: 1.1 belay\r\n"), "{answer}");
}

#[tokio::test]
async fn the_backends_prefix_is_put_before_the_path() {
    let backend = Listening::new().await;
    let mut route = backend.route();
    route.backend.path_prefix = "/app/v1".into();
    let mut client = client(route).await;
    client.send("GET /x?y HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    let request = backend.accept().await.head().await;
    assert!(request.starts_with("GET /app/v1/x?y HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn what_is_between_neighbours_stays_between_them() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client
        .send(
            "GET / HTTP/1.1\r\nhost: shop\r\nconnection: keep-alive, X-Secret, x-forwarded-for, host\r\nx-secret: 1\r\n\
             keep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nproxy-authorization: Basic eA==\r\n\
             x-forwarded-for: 6.6.6.6\r\nte: gzip\r\nupgrade: h2c\r\nx-kept: 1\r\n\r\n",
        )
        .await;
    let mut server = backend.accept().await;
    let request = server.head().await;
    for gone in ["connection", "x-secret", "keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade"] {
        assert!(!request.contains(&format!("\r\n{gone}:")), "{gone} in {request}");
    }
    for kept in ["x-kept: 1", "host: shop", "x-forwarded-for: 127.0.0.1"] {
        assert!(request.contains(&format!("\r\n{kept}\r\n")), "{kept} in {request}");
    }

    server
        .send(
            "HTTP/1.1 200 OK\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic\r\n\
             upgrade: h2c\r\nx-kept: 1\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
    let answer = client.head().await;
    for gone in ["connection", "x-hop", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert!(!answer.contains(&format!("\r\n{gone}:")), "{gone} in {answer}");
    }
    assert!(answer.contains("\r\nx-kept: 1\r\n"), "{answer}");
}

#[tokio::test]
async fn the_answer_to_head_keeps_its_length() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("HEAD / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n").await;
    let answer = client.head().await;
    assert!(answer.contains("\r\ncontent-length: 1234\r\n"), "{answer}");

    // The connections are in step: the next answer is read as one.
    client.send(GET).await;
    server.head().await;
    server.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_what_it_can_read() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let mut server = backend.accept().await;
    let request = server.head().await;
    assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nvia: 1.0 belay\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: {}\r\n", backend.address())), "{request}");
    server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    assert!(!answer.contains("transfer-encoding") && answer.ends_with("\r\n\r\nabc"), "{answer}");
}

#[tokio::test]
async fn early_hints_do_not_stand_in_the_way_of_the_answer() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_target_in_absolute_form_says_the_host_and_the_path() {
    let cases = [
        ("http://shop:8080/x?y", "GET /x?y HTTP/1.1", "host: shop:8080"),
        ("HTTPS://shop", "GET / HTTP/1.1", "host: shop"),
        ("http://shop?y", "GET /?y HTTP/1.1", "host: shop"),
    ];
    for (target, line, host) in cases {
        let backend = Listening::new().await;
        let mut client = client(backend.route()).await;
        client.send(&format!("GET {target} HTTP/1.1\r\nhost: other\r\n\r\n")).await;
        let request = backend.accept().await.head().await;
        assert!(request.starts_with(&format!("{line}\r\n")), "{target}: {request}");
        assert!(request.contains(&format!("\r\n{host}\r\n")), "{target}: {request}");
        assert!(!request.contains("other"), "{target}: {request}");
    }
}

#[tokio::test]
async fn the_backends_own_words_for_a_status_are_the_clients() {
    for line in ["HTTP/1.1 299 Fine by me\r\n", "HTTP/1.1 200 Fine\r\n", "HTTP/1.1 299 \r\n"] {
        let backend = Listening::new().await;
        let mut client = client(backend.route()).await;
        client.send(GET).await;
        let mut server = backend.accept().await;
        server.head().await;
        server.send(&format!("{line}content-length: 0\r\n\r\n")).await;
        let answer = client.head().await;
        assert!(answer.starts_with(line), "{answer}");
    }
}

#[tokio::test]
async fn a_length_that_the_backend_says_twice_is_said_once() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc").await;
    let answer = client.until("abc").await;
    assert!(answer.contains("\r\ncontent-length: 3\r\n"), "{answer}");

    client.send("HEAD / HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n").await;
    let answer = client.head().await;
    assert!(!answer.contains("content-length"), "{answer}");
}
