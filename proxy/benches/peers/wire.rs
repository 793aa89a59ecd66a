//! Just enough of RFC 6455 for both ends of a bench: unfragmented frames of peers that behave, as they lie in a buffer.
//! Belay's own codec is not used: it is what is measured.

use std::io::{Error, Result};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// A client must mask; with what is nobody's business on loopback.
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];

/// A whole frame at the beginning of a buffer.
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    /// Where the payload lies; unmasked.
    pub(crate) payload: std::ops::Range<usize>,
}

/// The first frame, its payload unmasked in place; nothing if it is not all there yet.
pub(crate) fn first_frame(bytes: &mut [u8]) -> Result<Option<Frame>> {
    let [first, second, rest @ ..] = &*bytes else { return Ok(None) };
    if first & FIN == 0 || first & 0x0f == 0 {
        return Err(Error::other("a fragmented message, which no message of the bench is"));
    }
    let (length_bytes, length) = match second & 0x7f {
        126 if rest.len() < 2 => return Ok(None),
        126 => (2, u64::from(u16::from_be_bytes([rest[0], rest[1]]))),
        127 if rest.len() < 8 => return Ok(None),
        127 => (8, rest[..8].iter().fold(0, |length, byte| length << 8 | u64::from(*byte))),
        short => (0, u64::from(short)),
    };
    let masked = second & MASKED != 0;
    let begin = 2 + length_bytes + if masked { 4 } else { 0 };
    let end = begin + usize::try_from(length).map_err(Error::other)?;
    if bytes.len() < end {
        return Ok(None);
    }
    let opcode = first & 0x0f;
    if masked {
        let (head, payload) = bytes[..end].split_at_mut(begin);
        let mask = [head[begin - 4], head[begin - 3], head[begin - 2], head[begin - 1]];
        apply(mask, payload);
    }
    Ok(Some(Frame { opcode, payload: begin..end }))
}

/// Which end writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Client,
    Server,
}

/// Appends a frame.
pub(crate) fn write_frame(out: &mut Vec<u8>, role: Role, opcode: u8, payload: &[u8]) {
    let masked = if role == Role::Client { MASKED } else { 0 };
    out.push(FIN | opcode);
    match payload.len() {
        short @ 0..126 => out.push(masked | short as u8),
        medium @ 126..65_536 => {
            out.push(masked | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(masked | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    if role == Role::Client {
        out.extend_from_slice(&MASK);
        let begin = out.len();
        out.extend_from_slice(payload);
        apply(MASK, &mut out[begin..]);
    } else {
        out.extend_from_slice(payload);
    }
}

fn apply(mask: [u8; 4], payload: &mut [u8]) {
    for block in payload.chunks_mut(4) {
        for (byte, mask) in block.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}

/// Just past the empty line that ends a request's or an answer's head.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}
