//! Handshakes with backends that answer in their own ways.

use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::*;

const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ";

/// A handshake with a backend that answers in these pieces, each written by itself, and ends the connection. `KEY` is what
/// our key is to be answered with, `LONG` more than is read by hand.
async fn dial_one_that_says(pieces: &'static [&'static str]) -> Result<Dialled, DialError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend::at(listener.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut asked).await.unwrap() > 0);
        }
        for piece in pieces {
            let piece = piece.replace("KEY", &accept_for(b"key")).replace("LONG", &"x".repeat(10_000));
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let request = Request::get("/chat").header(HOST, "h").header(SEC_WEBSOCKET_KEY, "key").body(Empty::new()).unwrap();
    dial(&backend, request).await
}

async fn rest(mut dialled: Dialled) -> Vec<u8> {
    let mut all = dialled.early.to_vec();
    dialled.stream.read_to_end(&mut all).await.unwrap();
    all
}

#[test]
fn the_accept_of_the_rfc() {
    // RFC 6455, section 1.3.
    assert_eq!(accept_for(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[tokio::test]
async fn what_comes_behind_a_101_is_the_sessions() {
    for pieces in [&[SWITCH, "KEY\r\n\r\nhello"][..], &[SWITCH, "KEY\r\n", "\r\n", "hel", "lo"]] {
        let dialled = dial_one_that_says(pieces).await.unwrap();
        assert_eq!(dialled.answer.as_ref().unwrap().headers()[UPGRADE], "websocket");
        assert_eq!(rest(dialled).await, b"hello");
    }
}

#[tokio::test]
async fn hints_that_come_first_and_long_answers_do_not_stand_in_the_way() {
    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    for pieces in [
        &[HINTS, SWITCH, "KEY\r\n\r\n", "hello"][..],
        &["HTTP/1.1 100 Continue\r\n\r\n", HINTS, SWITCH, "KEY\r\n\r\nhello"],
        &[SWITCH, "KEY\r\nX: LONG\r\n\r\nhello"],
    ] {
        let dialled = LocalSet::new().run_until(dial_one_that_says(pieces)).await.unwrap();
        assert_eq!(rest(dialled).await, b"hello");
    }
}

#[tokio::test]
async fn a_refusal_comes_with_all_of_its_body() {
    const CHUNKED: &str = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answers: [&[&str]; 4] = [
        &["HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nno entry"],
        &["HTTP/1.1 403 Forb", "idden\r\n\r\nno ", "entry"],
        &[CHUNKED, "3\r\nno \r\n", "5\r\nentry\r\n0\r\n\r\n"],
        &["HTTP/1.0 403 Forbidden\r\n\r\n", "no entry"],
    ];
    for pieces in answers {
        let local = LocalSet::new();
        let told = local.run_until(async {
            let Err(DialError::Refused(response)) = dial_one_that_says(pieces).await else { panic!("let in") };
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            response.into_body().collect().await.unwrap().to_bytes()
        });
        assert_eq!(told.await, "no entry");
    }
}

#[tokio::test]
async fn a_backend_that_says_no_more_or_nonsense_is_not_reached() {
    for pieces in [&[][..], &["HTTP/1.1 101 Switch"], &["HTTP/1.1 503 Unav"], &["SSH-2.0-OpenSSH\r\n"]] {
        let outcome = LocalSet::new().run_until(dial_one_that_says(pieces)).await;
        assert!(matches!(outcome, Err(DialError::Unreachable { .. })), "{pieces:?}");
    }
}

#[tokio::test]
async fn a_101_that_does_not_fit_is_no_websocket() {
    let other = &["HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"];
    assert!(matches!(dial_one_that_says(other).await, Err(DialError::NotWebSocket(_))));
    assert!(matches!(dial_one_that_says(&[SWITCH, "another\r\n\r\n"]).await, Err(DialError::NotWebSocket(_))));
}
