//! Backends and clients that go away, or never come to an end.

use socket2::{Domain, Socket, Type};

use super::*;

#[tokio::test]
async fn a_backend_that_is_away_is_a_502_that_names_the_route() {
    let address = Listening::new().await.address();
    let mut client = client(route_to(address)).await;
    client.send(GET).await;
    let answer = client.until("reached\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.ends_with("belay: route shop: the backend cannot be reached\n"), "{answer}");
    assert!(answer.contains("\r\ncontent-type: text/plain; charset=utf-8\r\n"), "{answer}");
    assert!(!answer.contains(&address.to_string()), "{answer}");
}

#[tokio::test]
async fn a_backend_that_accepts_no_connection_is_a_504() {
    // A queue for one connection, which stands in it already; what else comes is not answered.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().expect("an address").into()).expect("bound");
    socket.listen(0).expect("listening");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let _queued = TcpStream::connect(address).await.expect("queued");

    let mut route = route_to(address);
    route.backend.connect_timeout = Duration::from_millis(100);
    let mut client = client(route).await;
    client.send(GET).await;
    let answer = client.until("in time\n").await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.ends_with("belay: route shop: the backend did not accept a connection in time\n"), "{answer}");
}

#[tokio::test]
async fn a_backend_that_goes_away_before_it_answers_is_a_502() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    drop(server);
    let answer = client.until("answered\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.ends_with("belay: route shop: the backend went away before it answered\n"), "{answer}");
}

#[tokio::test]
async fn a_backend_that_speaks_no_http_is_a_502() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("+OK POP3 ready\r\n\r\n").await;
    let answer = client.until("HTTP\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.ends_with("belay: route shop: the backend's answer is no valid HTTP\n"), "{answer}");
}

#[tokio::test]
async fn an_answer_coded_for_the_way_in_an_unknown_way_is_a_502_as_the_coding_would_be_lost() {
    for coding in ["gzip, chunked", "gzip"] {
        let backend = Listening::new().await;
        let mut client = client(backend.route()).await;
        client.send(GET).await;
        let mut server = backend.accept().await;
        server.head().await;
        server.send(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n")).await;
        let answer = client.until("chunked\n").await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    }
}

#[tokio::test]
async fn a_backend_killed_within_a_chunked_answer_ends_the_clients_connection_within_it() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n").await;
    client.until("part\r\n").await;
    drop(server);
    assert_eq!(client.rest().await, "", "no end of the body is made up");
}

#[tokio::test]
async fn a_backend_killed_within_an_answer_of_known_length_ends_the_clients_connection_within_it() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await;
    client.until("part").await;
    drop(server);
    assert_eq!(client.rest().await, "", "no end of the body is made up");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request_at_the_backend() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n").await;
    client.until("part\r\n").await;
    drop(client);
    assert_eq!(server.rest().await, "");
}

#[tokio::test]
async fn a_client_that_leaves_within_its_upload_does_not_end_the_body() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n").await;
    let mut server = backend.accept().await;
    server.until("part\r\n").await;
    drop(client);
    assert_eq!(server.rest().await, "", "no end of the body is made up");
}

#[tokio::test]
async fn a_client_that_stops_within_its_upload_is_told_so() {
    let backend = Listening::new().await;
    let mut route = backend.route();
    route.slow_client.stall_timeout = Duration::from_millis(100);
    let mut client = client(route).await;
    client.send("POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 10\r\n\r\npart").await;
    let mut server = backend.accept().await;
    server.until("part").await;
    let answer = client.until("in time\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(server.rest().await, "");
}

#[tokio::test]
async fn a_backend_that_takes_no_more_of_an_upload_is_a_504() {
    let backend = Listening::new().await;
    let mut route = backend.route();
    route.backend.stall_timeout = Duration::from_millis(200);
    let End { stream, .. } = client(route).await;
    let (mut read, mut write) = stream.into_split();
    let endless: tokio::task::JoinHandle<std::io::Result<()>> = tokio::spawn(async move {
        write.write_all(b"POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 1000000000\r\n\r\n").await?;
        loop {
            write.write_all(&[0; 65_536]).await?;
        }
    });
    let _server = backend.accept().await;
    let mut answer = Vec::new();
    while !answer.starts_with(b"HTTP/1.1 504 ") {
        let read = tokio::time::timeout(PATIENCE, read.read_buf(&mut answer)).await.expect("in time");
        assert!(read.expect("read") > 0, "ended after {answer:?}");
    }
    endless.abort();
}

#[tokio::test]
async fn a_backend_that_never_answers_is_given_up_on() {
    let watch = Watch::of_an_answer_awaited_for(ANSWER_TIMEOUT);
    assert!(matches!(watch.overdue(&route_to("127.0.0.1:1")).await, Failure::AnswerTimedOut));
}

#[tokio::test]
async fn a_backend_that_switches_protocols_unasked_is_a_502() {
    let backend = Listening::new().await;
    let mut client = client(backend.route()).await;
    client.send(GET).await;
    let mut server = backend.accept().await;
    server.head().await;
    server.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: odd\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}
