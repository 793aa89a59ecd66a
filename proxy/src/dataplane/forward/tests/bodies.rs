//! Bodies stream: each part arrives before the next is sent.

use super::*;

#[tokio::test]
async fn server_sent_events_arrive_one_by_one() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert!(client.head().await.contains("\r\ncontent-type: text/event-stream\r\n"));
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        server.send(&format!("9\r\n{event}\r\n")).await;
        assert_eq!(client.until("\n\n\r\n").await, format!("9\r\n{event}\r\n"));
    }
    server.send("0\r\n\r\n").await;
    assert_eq!(client.until("0\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn an_upload_arrives_part_by_part() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.send("3\r\none\r\n").await;
    let mut server = backend.accept().await;
    assert!(server.head().await.contains("\r\ntransfer-encoding: chunked\r\n"));
    assert_eq!(server.until("one\r\n").await, "3\r\none\r\n");
    client.send("3\r\ntwo\r\n").await;
    assert_eq!(server.until("two\r\n").await, "3\r\ntwo\r\n");

    // The answer may begin before the request ends.
    server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
    client.head().await;
    assert_eq!(client.until("ok\r\n").await, "2\r\nok\r\n");
    client.send("0\r\n\r\n").await;
    assert_eq!(server.until("0\r\n\r\n").await, "0\r\n\r\n");
    server.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_body_of_known_length_keeps_it() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 4\r\n\r\nbody").await;
    let mut server = backend.accept().await;
    let request = server.until("\r\n\r\nbody").await;
    assert!(request.contains("\r\ncontent-length: 4\r\n") && !request.contains("transfer-encoding"), "{request}");
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client
        .send(
            "POST / HTTP/1.1\r\nhost: shop\r\nconnection: te\r\nte: trailers, deflate\r\ntrailer: x-sum\r\n\
             transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 7\r\n\r\n",
        )
        .await;
    let mut server = backend.accept().await;
    let request = server.head().await;
    assert!(request.contains("\r\nte: trailers\r\n") && request.contains("\r\nconnection: te\r\n"), "{request}");
    assert_eq!(server.until("x-sum: 7\r\n\r\n").await, "1\r\na\r\n0\r\nx-sum: 7\r\n\r\n");

    server
        .send(
            "HTTP/1.1 200 OK\r\ntrailer: x-status\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\
             x-status: 0\r\n\r\n",
        )
        .await;
    client.head().await;
    assert_eq!(client.until("x-status: 0\r\n\r\n").await, "1\r\nb\r\n0\r\nx-status: 0\r\n\r\n");
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked_when_the_backend_asks() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    let mut server = backend.accept().await;
    assert!(server.head().await.contains("\r\nexpect: 100-continue\r\n"));
    server.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    server.until("body").await;
    server.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_hears_a_refusal_instead() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("\r\n\r\nno"), "{answer}");
    assert_eq!(server.rest().await, "", "the connection is not kept for a body that will not come");
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked_in_the_end_if_the_backend_says_nothing() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    let mut server = backend.accept().await;
    server.head().await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    assert_eq!(server.until("body").await, "body");
}
