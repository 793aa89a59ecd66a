//! STOMP frames: a command and headers, one a line, an empty line, a body, and a NUL; a `content-length` lets a body have
//! NULs (STOMP 1.2, "STOMP Frames" and "Body"). Between frames there may be line ends, which are heart-beats or nothing.

use super::Scan;
use crate::dataplane::codec::ProtocolError;

const CONTENT_LENGTH: &[u8] = b"content-length:";

/// The end of the frame, or of the line end, at the front of `bytes`.
pub(super) fn find_end(bytes: &[u8], scan: &mut Scan) -> Result<Option<usize>, ProtocolError> {
    match bytes {
        [b'\n', ..] => Ok(Some(1)),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r'] => Ok(None),
        [b'\r', ..] => Err(ProtocolError::Unframed("a STOMP frame begins with a carriage return")),
        _ => find_frame_end(bytes, scan),
    }
}

fn find_frame_end(bytes: &[u8], scan: &mut Scan) -> Result<Option<usize>, ProtocolError> {
    loop {
        match *scan {
            // From => (EndsAt | BodyFrom)
            Scan::From(from) => {
                let Some(body) = find_body(bytes, from, scan)? else { return Ok(None) };
                *scan = match content_length(&bytes[..body])? {
                    Some(length) => Scan::EndsAt(body.saturating_add(length).saturating_add(1)),
                    None => Scan::BodyFrom(body),
                };
            }
            // BodyFrom => EndsAt
            Scan::BodyFrom(from) => match memchr::memchr(0, &bytes[from..]) {
                Some(at) => *scan = Scan::EndsAt(from + at + 1),
                None => {
                    *scan = Scan::BodyFrom(bytes.len());
                    return Ok(None);
                }
            },
            Scan::EndsAt(end) => {
                return match bytes.get(end - 1) {
                    Some(0) | None => Ok(Some(end)),
                    Some(_) => Err(ProtocolError::Unframed("a STOMP frame does not end where its content-length says")),
                };
            }
        }
    }
}

/// Where the body begins: behind an empty line.
fn find_body(bytes: &[u8], from: usize, scan: &mut Scan) -> Result<Option<usize>, ProtocolError> {
    let mut at = from;
    loop {
        let Some(found) = memchr::memchr2(b'\n', 0, &bytes[at..]) else {
            *scan = Scan::From(bytes.len());
            return Ok(None);
        };
        at += found;
        match &bytes[at..] {
            [0, ..] => return Err(ProtocolError::Unframed("a NUL in the head of a STOMP frame")),
            [_, b'\n', ..] => return Ok(Some(at + 2)),
            [_, b'\r', b'\n', ..] => return Ok(Some(at + 3)),
            // What follows the line's end decides, and is not there.
            [_] | [_, b'\r'] => {
                *scan = Scan::From(at);
                return Ok(None);
            }
            _ => at += 1,
        }
    }
}

/// Of headers that are given twice the first counts (STOMP 1.2, "Repeated Header Entries").
fn content_length(head: &[u8]) -> Result<Option<usize>, ProtocolError> {
    let Some(value) = head.split(|byte| *byte == b'\n').skip(1).find_map(|line| line.strip_prefix(CONTENT_LENGTH))
    else {
        return Ok(None);
    };
    let digits = value.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !is_number {
        return Err(ProtocolError::Unframed("a STOMP content-length that is no number"));
    }
    // More than can be counted is more than any limit.
    Ok(Some(std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX)))
}
