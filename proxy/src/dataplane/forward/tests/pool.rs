//! Connections to backends are kept and used again.

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A client whose first request was answered, and the backend's end of the connection that is now kept.
async fn after_one_request(backend: &Listening) -> (End, End) {
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send(OK).await;
    client.until("ok").await;
    (client, server)
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let backend = Listening::new().await;
    let (mut client, mut server) = after_one_request(&backend).await;
    for _ in 0..3 {
        client.send(GET).await;
        server.head().await;
        server.send(OK).await;
        client.until("ok").await;
    }
}

#[tokio::test]
async fn a_connection_is_shared_by_clients() {
    let backend = Listening::new().await;
    let front = front(backend.route()).await;
    let mut server = None;
    for _ in 0..3 {
        let mut client = connect(front).await;
        client.send(GET).await;
        let server = match &mut server {
            Some(server) => server,
            None => server.insert(backend.accept().await),
        };
        server.head().await;
        server.send(OK).await;
        client.until("ok").await;
    }
}

#[tokio::test]
async fn a_connection_that_the_backend_closed_while_idle_is_not_used() {
    let backend = Listening::new().await;
    let (mut client, server) = after_one_request(&backend).await;
    drop(server);
    client.send("POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 0\r\n\r\n").await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send(OK).await;
    client.until("ok").await;
}

#[tokio::test]
async fn a_get_that_meets_the_backends_closing_is_sent_again() {
    let backend = Listening::new().await;
    let (mut client, mut server) = after_one_request(&backend).await;
    client.send(GET).await;
    server.head().await;
    drop(server);
    let mut server = backend.accept().await;
    assert_eq!(server.head().await.lines().next(), Some("GET / HTTP/1.1"));
    server.send(OK).await;
    assert!(client.until("ok").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_post_that_meets_the_backends_closing_is_not_sent_again() {
    let backend = Listening::new().await;
    let (mut client, mut server) = after_one_request(&backend).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 4\r\n\r\nbody").await;
    server.until("body").await;
    drop(server);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    client.until("answered\n").await;

    // What the backend hears next is the next request.
    client.send("GET /next HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    assert!(backend.accept().await.head().await.starts_with("GET /next "));
}

#[tokio::test]
async fn a_get_whose_new_connection_fails_is_not_sent_again() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    drop(server);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn requests_at_the_same_time_have_connections_of_their_own() {
    let backend = Listening::new().await;
    let front = front(backend.route()).await;
    let (mut one, mut two) = (connect(front).await, connect(front).await);
    one.send("GET /1 HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    let mut first = backend.accept().await;
    assert!(first.head().await.starts_with("GET /1 "));
    two.send("GET /2 HTTP/1.1\r\nhost: shop\r\n\r\n").await;
    let mut second = backend.accept().await;
    assert!(second.head().await.starts_with("GET /2 "));
    second.send(OK).await;
    two.until("ok").await;
    first.send(OK).await;
    one.until("ok").await;
}
