//! From a client's request to a session, through the real binary: routes, headers, subprotocols, refusals, and backends that
//! are not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::net::SocketAddr;

use common::backend::Backend;
use common::belay::{Belay, http_get, route_to};
use common::{client, handshake, ports, soon};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// A backend that answers every request with these bytes.
async fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

/// Any other path is refused.
fn only_for(path: &str, backend: SocketAddr) -> String {
    route_to(backend, "").replace("- backend:", &format!("- match: {{ path: {path} }}\n    backend:"))
}

#[tokio::test]
async fn the_backend_hears_what_the_client_said_and_who_it_is() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, "").await;
    let headers = "Origin: https://chat.example\r\nCookie: a=b\r\nUser-Agent: test\r\nBelay-Session: forged\r\n\
        X-Forwarded-For: 192.0.2.1\r\nSec-WebSocket-Extensions: permessage-deflate\r\nKeep-Alive: 5\r\n";
    let (session, _) = client::open(belay.address, "/room/7?since=3", headers).await.unwrap();
    assert!(session.is_some());
    let visit = backend.accept().await;
    let request = &visit.request;
    assert_eq!(request.target(), "/room/7?since=3");
    assert_eq!(request.header("origin"), Some("https://chat.example"));
    assert_eq!(request.header("cookie"), Some("a=b"));
    assert_eq!(request.header("host"), Some(&*belay.address.to_string()));
    assert_eq!(request.header("x-forwarded-for"), Some("192.0.2.1, 127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert!(request.header("forwarded").unwrap().contains("for=127.0.0.1"));
    assert_eq!(request.header("belay-session").map(str::len), Some(32));
    assert_eq!(request.header("belay-attempt"), Some("1"));
    assert_eq!(request.header("belay-resumed"), None);
    assert_eq!(request.header("sec-websocket-extensions"), None);
    assert_eq!(request.header("keep-alive"), None);
}

#[tokio::test]
async fn a_later_backend_is_told_that_the_session_is_resumed() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, "").await;
    let _client = client::connect(belay.address, "/room").await;
    let first = backend.accept().await;
    let session = first.request.header("belay-session").unwrap().to_owned();
    first.reset();
    let second = backend.accept().await;
    assert_eq!(second.request.header("belay-session"), Some(&*session));
    assert_eq!(second.request.header("belay-attempt"), Some("2"));
    assert_eq!(second.request.header("belay-resumed"), Some("true"));
    assert_eq!(second.request.target(), "/room");
}

#[tokio::test]
async fn the_subprotocol_that_the_backend_picks_is_the_clients_and_later_backends_too() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, "").await;
    let offer = "Sec-WebSocket-Protocol: v2.chat, v1.chat\r\n";
    let (session, answer) = client::open(belay.address, "/", offer).await.unwrap();
    let _client = session.unwrap();
    assert_eq!(answer.header("sec-websocket-protocol"), Some("v2.chat"));
    let first = backend.accept().await;
    assert_eq!(first.request.header("sec-websocket-protocol"), Some("v2.chat, v1.chat"));
    first.reset();
    assert_eq!(backend.accept().await.request.header("sec-websocket-protocol"), Some("v2.chat"));
}

#[tokio::test]
async fn a_refusal_of_the_backend_is_the_clients_as_it_is() {
    let backend = answering(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"chat\"\r\nX-Why: no cookie\r\n\
         Content-Length: 8\r\nConnection: close\r\n\r\nno entry",
    )
    .await;
    let belay = Belay::in_front_of(backend, "").await;
    let (session, answer) = client::open(belay.address, "/", "").await.unwrap();
    assert!(session.is_none());
    assert_eq!(answer.target(), "401");
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"chat\""));
    assert_eq!(answer.header("x-why"), Some("no cookie"));
}

#[tokio::test]
async fn a_backend_that_comes_while_its_client_waits_is_reached() {
    let address = ports::free();
    let belay = Belay::in_front_of(address, "").await;
    let connecting = tokio::spawn({
        let address = belay.address;
        async move { client::connect(address, "/").await }
    });
    // The first attempts find nobody: the proxy has counted one before the backend begins.
    belay.metric_reaches("belay_dials_failed_total", 1.0).await;
    let mut backend = Backend::start_at(address).await;
    backend.accept().await;
    connecting.await.unwrap();
}

#[tokio::test]
async fn a_backend_that_does_not_come_is_answered_503_with_when_to_try_again() {
    let address = ports::free();
    let yaml = route_to(address, "").replace(
        &format!("backend: ws://{address}"),
        &format!("backend: {{ url: \"ws://{address}\", connect_timeout: 300ms }}"),
    );
    let belay = Belay::start(&yaml).await;
    let (session, answer) = client::open(belay.address, "/", "").await.unwrap();
    assert!(session.is_none());
    assert_eq!(answer.target(), "503");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_backend_that_never_answers_is_a_gateway_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let yaml = route_to(address, "").replace(
        &format!("backend: ws://{address}"),
        &format!("backend: {{ url: \"ws://{address}\", connect_timeout: 300ms }}"),
    );
    let belay = Belay::start(&yaml).await;
    let (_, answer) = client::open(belay.address, "/", "").await.unwrap();
    assert_eq!(answer.target(), "504");
}

#[tokio::test]
async fn a_backend_that_speaks_no_websocket_is_a_bad_gateway() {
    let backend = answering(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBvbmU=\r\n\r\n",
    )
    .await;
    let belay = Belay::in_front_of(backend, "").await;
    let (_, answer) = client::open(belay.address, "/", "").await.unwrap();
    assert_eq!(answer.target(), "502");
}

#[tokio::test]
async fn each_request_takes_the_route_that_says_most_about_it() {
    let (mut chat, mut games, mut rest) = (Backend::start().await, Backend::start().await, Backend::start().await);
    let (first, second) = (ports::free(), ports::free());
    let yaml = format!(
        "listeners: [{{ address: {first} }}, {{ address: {second} }}, {{ address: {{listen}} }}]\n\
         admin: {{ address: \"{{admin}}\" }}\nroutes:\n  \
         - {{ match: {{ path_prefix: / }}, backend: \"ws://{}\" }}\n  \
         - {{ match: {{ path: /chat }}, backend: \"ws://{}\" }}\n  \
         - {{ match: {{ path: /chat, query: {{ kind: game }} }}, backend: \"ws://{}/games\" }}\n",
        rest.address, chat.address, games.address
    );
    let belay = Belay::start(&yaml).await;
    for listener in [first, second, belay.address] {
        let _chatting = client::connect(listener, "/chat").await;
        assert_eq!(chat.accept().await.request.target(), "/chat");
        let _playing = client::connect(listener, "/chat?kind=game").await;
        assert_eq!(games.accept().await.request.target(), "/games/chat?kind=game");
        let _other = client::connect(listener, "/other").await;
        assert_eq!(rest.accept().await.request.target(), "/other");
    }
}

#[tokio::test]
async fn a_request_that_no_route_takes_is_answered_404() {
    let yaml = "listeners: [{ address: \"{listen}\" }]\nadmin: { address: \"{admin}\" }\n\
        routes: [{ match: { path: /chat }, backend: \"ws://127.0.0.1:9\" }]\n";
    let belay = Belay::start(yaml).await;
    assert_eq!(http_get(belay.address, "/elsewhere").await.unwrap().0, 404);
    let (_, answer) = client::open(belay.address, "/elsewhere", "").await.unwrap();
    assert_eq!(answer.target(), "404");
}

#[tokio::test]
async fn a_connection_serves_on_after_a_refused_handshake() {
    let mut backend = Backend::start().await;
    let belay = Belay::start(&only_for("/chat", backend.address)).await;
    let mut stream = TcpStream::connect(belay.address).await.unwrap();
    for _ in 0..2 {
        let (_, answer) = client::over(&mut stream, belay.address, "/elsewhere", "").await.unwrap();
        assert_eq!(answer.target(), "404");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        stream.read_exact(&mut vec![0; length]).await.unwrap();
    }
    let (session, _) = client::over(&mut stream, belay.address, "/chat", "").await.unwrap();
    session.unwrap().send("let in".into()).await.unwrap();
    assert_eq!(backend.accept().await.text().await, "let in");
}

#[tokio::test]
async fn what_a_client_says_before_it_is_let_in_arrives() {
    const MESSAGE: &[u8] = b"\x81\x85\0\0\0\0hello";
    let mut backend = Backend::start().await;
    let belay = Belay::start(&only_for("/chat", backend.address)).await;
    let request = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    // As the first request of its connection, and behind one that is refused.
    for before in ["".to_owned(), request("/elsewhere")] {
        let mut stream = TcpStream::connect(belay.address).await.unwrap();
        let said = [before.as_bytes(), request("/chat").as_bytes(), MESSAGE, MESSAGE].concat();
        stream.write_all(&said).await.unwrap();
        let mut visit = backend.accept().await;
        assert_eq!(visit.text().await, "hello");
        assert_eq!(visit.text().await, "hello");
        visit.say("welcome").await;
        let mut heard = Vec::new();
        soon("the backend's message", async {
            while !heard.ends_with(b"\x81\x07welcome") {
                assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn nobody_goes_on_dialling_for_a_client_that_has_left() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let belay = Belay::in_front_of(silent.local_addr().unwrap(), "").await;
    let mut stream = TcpStream::connect(belay.address).await.unwrap();
    let opening = client::over(&mut stream, belay.address, "/", "");
    let mut dialled = tokio::select! {
        _ = opening => panic!("nobody has answered"),
        dialled = silent.accept() => dialled.unwrap().0,
    };
    handshake::read_head(&mut dialled).await.unwrap();
    drop(stream);
    assert_eq!(soon("the end of the attempt", dialled.read(&mut [0; 64])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_plain_request_goes_to_the_backend_too() {
    let backend = answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").await;
    let belay = Belay::in_front_of(backend, "").await;
    assert_eq!(http_get(belay.address, "/page").await.unwrap(), (200, "hello".to_owned()));
}

#[tokio::test]
async fn a_backend_that_says_it_restarts_gets_its_close_answered() {
    let mut backend = Backend::start().await;
    let belay = Belay::in_front_of(backend.address, "").await;
    let mut client = client::connect(belay.address, "/").await;
    let mut first = backend.accept().await;
    let restart = CloseFrame { code: CloseCode::Restart, reason: "deploy".into() };
    first.ws.send(Message::Close(Some(restart))).await.unwrap();
    assert_eq!(client::closed(&mut first.ws).await.map(|(code, _)| code), Some(1012));
    let mut second = backend.accept().await;
    client.send("still here".into()).await.unwrap();
    assert_eq!(second.text().await, "still here");
}

#[tokio::test]
async fn filters_that_guard_a_routes_handshakes_guard_its_plain_requests_too() {
    let backend = answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").await;
    let yaml = route_to(backend, "    filters: [auth]\n").replace(
        "routes:",
        "filters: { auth: { use: auth-jwt, config: { token: [{ query: token }], keys: [{ secret: a-secret-of-32-bytes-at-the-least }] } } }\nroutes:",
    );
    let belay = Belay::start(&yaml).await;
    assert_eq!(http_get(belay.address, "/page").await.unwrap().0, 401);
}
