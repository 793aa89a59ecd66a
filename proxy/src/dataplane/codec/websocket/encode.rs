//! Frames, written.

use super::mask::Mask;
use super::{Opcode, Role, close, head};
use crate::dataplane::message::CloseReason;

/// Appends one unfragmented frame to `out`, which grows by [`encoded_len`]. A control frame's payload is at most 125 bytes;
/// that is the caller's to see to.
pub fn encode(role: Role, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(!opcode.is_control() || payload.len() <= 125, "a control frame of {} bytes", payload.len());
    out.reserve(encoded_len(role, payload.len()));
    head::write(role, opcode, payload.len(), out);
    match role {
        Role::Server => out.extend_from_slice(payload),
        Role::Client => {
            let mut mask = Mask::random();
            out.extend_from_slice(&mask.key());
            let start = out.len();
            out.extend_from_slice(payload);
            mask.apply(&mut out[start..]);
        }
    }
}

/// Appends a close frame. A reason that does not fit is cut; a code that may not stand on the wire is left out, and with it
/// the reason.
pub fn encode_close(role: Role, reason: &CloseReason, out: &mut Vec<u8>) {
    encode(role, Opcode::Close, &close::payload(reason), out);
}

/// The length of a frame on the wire.
pub const fn encoded_len(role: Role, payload_len: usize) -> usize {
    let length = match payload_len {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    };
    let key = match role {
        Role::Server => 0,
        Role::Client => 4,
    };
    length + key + payload_len
}
