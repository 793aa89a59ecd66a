//! Heads of HTTP/1.1 messages as they stand on the wire, for the two handshakes that are read and written by hand: the client's
//! (`listener/opening.rs`) and the backend's (`upstream/websocket/shake.rs`). All other messages are hyper's.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use httparse::Header;

/// The fields that were found in `heard`, which their values go on using. Nothing if one of them is none to [`http`].
pub fn fields(heard: &Bytes, found: &[Header<'_>]) -> Option<HeaderMap> {
    // Belay adds some of its own to either head.
    let mut headers = HeaderMap::with_capacity(found.len() + 4);
    for field in found {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = if field.value.is_empty() {
            HeaderValue::from_static("")
        } else {
            HeaderValue::from_maybe_shared(heard.slice_ref(field.value)).ok()?
        };
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}

/// The fields and the end of a head (RFC 9112, section 2.1), in the form that hyper gives them.
pub fn write_fields(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
}
