//! The payload of a close frame (RFC 6455, sections 5.5.1 and 7.4).

use super::ProtocolError;
use crate::dataplane::message::{CloseReason, REASON_BYTES_MAX};

/// Whether a code may be sent: those that are defined, without the three that only stand for something that happened
/// (1005, 1006, 1015), and those left to libraries and applications.
pub fn may_stand_on_wire(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

pub(super) fn parse(payload: &[u8]) -> Result<CloseReason, ProtocolError> {
    let (code, reason) = match payload {
        [] => return Ok(CloseReason { code: None, reason: "".into() }),
        [_] => return Err(ProtocolError::CloseCodeTruncated),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !may_stand_on_wire(code) {
        return Err(ProtocolError::CloseCodeInvalid(code));
    }
    let reason = simdutf8::basic::from_utf8(reason).map_err(|_| ProtocolError::ReasonNotUtf8)?;
    Ok(CloseReason { code: Some(code), reason: reason.into() })
}

/// Cut to what a control frame holds. A code that may not be sent makes an empty payload, which says 1005 to its reader.
pub(super) fn payload(close: &CloseReason) -> Vec<u8> {
    let Some(code) = close.code.filter(|code| may_stand_on_wire(*code)) else {
        return Vec::new();
    };
    let reason = &close.reason[..close.reason.floor_char_boundary(REASON_BYTES_MAX)];
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}
