//! What a client says first, read by hand. Most say a WebSocket handshake, and are served without hyper: a connection of its
//! server's costs a read buffer of 8 KiB, a task and a channel for that one request. Whatever else it is, hyper reads it again
//! from its first byte, and says what is wrong with it.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use http::{Request, Uri};
use httparse::{Header, Status};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::dataplane::head;
use crate::dataplane::route::ListenerLimits;
use crate::dataplane::serve;

/// See the module.
pub(super) struct Opening {
    /// All that was read.
    pub(super) heard: Bytes,
    /// If it begins with one.
    pub(super) handshake: Option<Handshake>,
}

/// A request that wants to become a WebSocket. Whether it may is not asked here.
pub(super) struct Handshake {
    pub(super) request: Request<()>,
    /// Of its head. The client's first messages may stand behind it.
    pub(super) length: usize,
}

/// A usual head is read at once, cookies and all.
const HEARD_BYTES: usize = 2 * 1024;
/// Heads of more headers are hyper's; these stand on the stack.
const HEADERS_MAX: usize = 64;

/// Reads until it is known who is to serve the client. Who has said nothing when `departs` ends has nothing more to say.
///
/// # Errors
/// The client left, or is to leave, or its connection broke.
pub(super) async fn hear(
    stream: &mut (impl AsyncRead + Unpin),
    limits: &ListenerLimits,
    departs: impl Future<Output = ()>,
) -> io::Result<Opening> {
    let mut heard = BytesMut::with_capacity(HEARD_BYTES);
    let mut read = tokio::select! {
        biased;
        read = stream.read_buf(&mut heard) => read?,
        () = departs => return Err(ErrorKind::Interrupted.into()),
    };
    let mut looked_at = 0;
    while read > 0 {
        // As hyper does: a head that comes byte by byte is not parsed with every byte.
        if looked_at == 0 || heard.len() >= limits.header_bytes_max || may_end(&heard[looked_at..]) {
            let whole = heard.freeze();
            match look(&whole, limits) {
                Status::Complete(handshake) => return Ok(Opening { heard: whole, handshake }),
                Status::Partial if whole.len() < limits.header_bytes_max => {}
                Status::Partial => return Ok(Opening { heard: whole, handshake: None }),
            }
            heard = BytesMut::from(whole);
        }
        // The end of a head may have begun.
        looked_at = heard.len().saturating_sub(2);
        read = stream.read_buf(&mut heard).await?;
    }
    Err(ErrorKind::UnexpectedEof.into())
}

/// Whether an empty line ends in there.
fn may_end(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\n\r\n").is_some() || memchr::memmem::find(bytes, b"\n\n").is_some()
}

/// Whether it begins with a handshake.
fn look(heard: &Bytes, limits: &ListenerLimits) -> Status<Option<Handshake>> {
    let mut found = [const { MaybeUninit::<Header<'_>>::uninit() }; HEADERS_MAX];
    let found = &mut found[..limits.headers_max.min(HEADERS_MAX)];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(heard, found) {
        Ok(Status::Partial) => Status::Partial,
        Ok(Status::Complete(length)) if length <= limits.header_bytes_max => {
            Status::Complete(wants_websocket(heard, &parsed).map(|request| Handshake { request, length }))
        }
        Ok(Status::Complete(_)) | Err(_) => Status::Complete(None),
    }
}

/// A GET of HTTP/1.1 that asks for a WebSocket and has no body (RFC 6455, section 4.1).
fn wants_websocket(heard: &Bytes, parsed: &httparse::Request<'_, '_>) -> Option<Request<()>> {
    let (Some("GET"), Some(1), Some(target)) = (parsed.method, parsed.version, parsed.path) else { return None };
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_maybe_shared(heard.slice_ref(target.as_bytes())).ok()?;
    *request.headers_mut() = head::fields(heard, parsed.headers)?;
    let has_body = [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT].iter().any(|name| request.headers().contains_key(name));
    (!has_body && serve::wants_websocket(&request)).then_some(request)
}

#[cfg(test)]
mod tests;
