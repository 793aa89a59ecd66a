//! Shakes hands with a backend by hand, as far as all goes well: a request in one write, a 101 that is read in one piece.
//! hyper's client, with a task, a channel and a read buffer of 8 KiB for that one answer, takes 12,700 instructions more of
//! each client that comes in, by callgrind. Every other answer is left to it all the same: it is handed the connection with
//! what was said and heard, see [`super::retold`].

use std::io::{self, ErrorKind, Write as _};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::dataplane::head;
use crate::tls::Stream;

/// What a backend has said, as far as it was read.
pub(super) enum Answer {
    /// It switches protocols. The other bytes came behind its answer.
    Switches(Response<()>, Bytes),
    /// Not, or not yet, or not in so many words.
    Other(Bytes),
}

/// A usual answer is read at once.
const HEARD_BYTES: usize = 1024;
/// Longer heads are hyper's, whose bound holds then.
const HEARD_BYTES_MAX: usize = 8 * 1024;
/// So are more headers than this; they stand on the stack.
const HEADERS_MAX: usize = 48;

/// Asks, and hears the first answer.
///
/// # Errors
/// The connection broke, or ended before there was an answer.
pub(super) async fn hands<B>(stream: &mut Stream, request: &Request<B>) -> io::Result<Answer> {
    stream.write_all(&question(request)?).await?;
    stream.flush().await?;
    let mut heard = BytesMut::with_capacity(HEARD_BYTES);
    loop {
        if stream.read_buf(&mut heard).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let whole = heard.freeze();
        match switches(&whole) {
            Some((answer, length)) => return Ok(Answer::Switches(answer, whole.slice(length..))),
            None if is_whole(&whole) || whole.len() >= HEARD_BYTES_MAX => return Ok(Answer::Other(whole)),
            None => heard = BytesMut::from(whole),
        }
    }
}

/// A request without a body as it stands on the wire (RFC 9112, section 3), in the form that hyper gives it.
fn question<B>(request: &Request<B>) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEARD_BYTES);
    write!(head, "{} {} HTTP/1.1\r\n", request.method(), request.uri())?;
    head::write_fields(&mut head, request.headers());
    Ok(head)
}

/// A 101 that is all there (RFC 9112, section 4), and its length.
fn switches(heard: &Bytes) -> Option<(Response<()>, usize)> {
    let mut found = [EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut found);
    let Ok(Status::Complete(length)) = parsed.parse(heard) else { return None };
    if (parsed.version, parsed.code) != (Some(1), Some(StatusCode::SWITCHING_PROTOCOLS.as_u16())) {
        return None;
    }
    let headers = head::fields(heard, parsed.headers)?;
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = headers;
    Some((answer, length))
}

/// Whether there is nothing to wait for: a head that is complete, or none at all.
fn is_whole(heard: &[u8]) -> bool {
    let mut found = [EMPTY_HEADER; HEADERS_MAX];
    !matches!(httparse::Response::new(&mut found).parse(heard), Ok(Status::Partial))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: 1\r\nx: 2\r\n\r\n";

    #[test]
    fn a_101_is_understood_once_it_is_there() {
        for length in 0..ANSWER.len() {
            assert!(switches(&Bytes::from_static(&ANSWER[..length])).is_none());
            assert!(!is_whole(&ANSWER[..length]), "{length}");
        }
        let (answer, length) = switches(&[ANSWER, b"\x81\x01a"].concat().into()).unwrap();
        assert_eq!(length, ANSWER.len());
        assert_eq!(answer.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(answer.headers()["upgrade"], "websocket");
    }

    #[test]
    fn every_other_answer_is_left_to_others() {
        for other in [
            &b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"[..],
            b"HTTP/1.1 103 Early Hints\r\n\r\n",
            b"HTTP/1.0 101 Switching Protocols\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n c\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n",
        ] {
            assert!(switches(&Bytes::from_static(other)).is_none());
            assert!(is_whole(other), "{}", String::from_utf8_lossy(other));
        }
        let many = [&ANSWER[..ANSWER.len() - 2], &b"y: 1\r\n".repeat(HEADERS_MAX), b"\r\n"].concat().into();
        assert!(switches(&many).is_none() && is_whole(&many));
    }

    #[test]
    fn the_request_is_what_hyper_writes() {
        let request = Request::get("/chat?a=b").header("host", "h").header("x", "1").header("x", "2").body(()).unwrap();
        assert_eq!(question(&request).unwrap(), b"GET /chat?a=b HTTP/1.1\r\nhost: h\r\nx: 1\r\nx: 2\r\n\r\n");
    }
}
