//! Who is served by hand, and who is left to hyper.

use std::future::{pending, ready};

use tokio::io::AsyncWriteExt as _;

use super::*;

const SHAKE: &[u8] =
    b"GET /chat?a=b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: 1\r\nx: 2\r\nY:\r\n\r\n";

fn limits() -> ListenerLimits {
    ListenerLimits { header_bytes_max: 8 * 1024, ..ListenerLimits::default() }
}

/// What comes of a client that says this in pieces, each of which is read by itself, and leaves.
async fn hear_in_pieces(pieces: impl IntoIterator<Item = &[u8]>) -> io::Result<Opening> {
    let (mut client, mut ours) = tokio::io::duplex(64 * 1024);
    let limits = limits();
    let mut heard = Box::pin(hear(&mut ours, &limits, pending()));
    for piece in pieces {
        client.write_all(piece).await.unwrap();
        tokio::select! {
            biased;
            outcome = &mut heard => return outcome,
            () = ready(()) => {}
        }
    }
    drop(client);
    heard.await
}

async fn is_left_to_hyper(said: &[u8]) {
    let opening = hear_in_pieces([said]).await.unwrap();
    assert!(opening.handshake.is_none(), "{}", String::from_utf8_lossy(said));
    assert!(said.starts_with(&opening.heard));
}

#[tokio::test]
async fn a_handshake_is_understood_however_it_comes() {
    let early = [SHAKE, b"\x81\x80abcd"].concat();
    let bytes: Vec<_> = SHAKE.chunks(1).collect();
    for pieces in [vec![SHAKE], vec![&SHAKE[..9], &SHAKE[9..]], bytes, vec![&early[..]]] {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let Opening { heard, handshake } = hear_in_pieces(pieces).await.unwrap();
        let Handshake { request, length: head } = handshake.unwrap();
        assert_eq!((head, heard.len()), (SHAKE.len(), length));
        assert_eq!(request.uri(), "/chat?a=b");
        assert_eq!(request.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(request.headers()["y"], "");
        assert_eq!(request.headers().len(), 6);
    }
}

#[tokio::test]
async fn a_handshake_whose_lines_end_with_line_feeds_alone_is_one() {
    let said = String::from_utf8_lossy(SHAKE).replace('\r', "");
    let opening = hear_in_pieces(said.as_bytes().chunks(1)).await.unwrap();
    assert_eq!(opening.handshake.unwrap().length, said.len());
}

#[tokio::test]
async fn everything_else_is_left_to_hyper() {
    let shake = String::from_utf8_lossy(SHAKE);
    for (from, to) in [
        ("GET", "POST"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("X: 1", "Content-Length: 0"),
        ("X: 1", "Transfer-Encoding: chunked"),
        ("X: 1", "Expect: 100-continue"),
        ("X: 1", "X : 1"),
        ("/chat", "/ch at"),
    ] {
        is_left_to_hyper(shake.replace(from, to).as_bytes()).await;
    }
    is_left_to_hyper(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n").await;
    is_left_to_hyper(b"\x16\x03\x01\x02\x00\x01").await;
    is_left_to_hyper(&[&SHAKE[..SHAKE.len() - 2], &b"z: 1\r\n".repeat(HEADERS_MAX), b"\r\n"].concat()).await;
}

#[tokio::test]
async fn heads_over_the_limit_are_left_to_hyper_to_refuse() {
    let long = |bytes| [&SHAKE[..SHAKE.len() - 2], b"z: ", &vec![b'z'; bytes], b"\r\n\r\n"].concat();
    is_left_to_hyper(&long(limits().header_bytes_max)).await;
    // Before its end has come.
    let unfinished = &long(limits().header_bytes_max)[..limits().header_bytes_max];
    let opening = hear_in_pieces(unfinished.chunks(1000)).await.unwrap();
    assert!(opening.handshake.is_none());
    assert_eq!(opening.heard, unfinished);
    assert!(hear_in_pieces(long(4000).chunks(1000)).await.unwrap().handshake.is_some());
}

#[tokio::test]
async fn who_leaves_before_the_end_of_a_head_is_gone() {
    for said in [&b""[..], b"GET / HT"] {
        assert!(hear_in_pieces([said]).await.is_err());
    }
}

#[tokio::test]
async fn who_has_begun_to_speak_when_we_depart_is_heard_out() {
    let (mut client, mut ours) = tokio::io::duplex(1024);
    assert!(hear(&mut ours, &limits(), ready(())).await.is_err());
    client.write_all(&SHAKE[..9]).await.unwrap();
    let limits = limits();
    let (opening, ()) = tokio::join!(hear(&mut ours, &limits, ready(())), async {
        tokio::task::yield_now().await;
        client.write_all(&SHAKE[9..]).await.unwrap();
    });
    assert!(opening.unwrap().handshake.is_some());
}
