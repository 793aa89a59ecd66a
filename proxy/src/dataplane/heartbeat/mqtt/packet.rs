//! Where one control packet ends and the next begins: the fixed header (3.1.1, section 2.2; 5, section 2.1).

/// A control packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Packet<'b> {
    pub(super) kind: Type,
    /// With its fixed header.
    pub(super) whole: &'b [u8],
    /// Without.
    pub(super) body: &'b [u8],
}

/// The types that matter to heartbeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Connect,
    ConnAck,
    PingReq,
    PingResp,
    Disconnect,
    Other,
}

/// What some bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next<'b> {
    /// A packet, and what follows it.
    Packet(Packet<'b>, &'b [u8]),
    /// Less than a packet, which will have so many bytes, as far as is known.
    Part { bytes: usize },
    /// No packet begins so.
    Broken,
}

/// A remaining length has no more bytes than this (5, section 1.5.5).
const LENGTH_BYTES_MAX: usize = 4;

/// Reads as far as the first packet's end.
pub(super) fn next(bytes: &[u8]) -> Next<'_> {
    let Some((&first, after)) = bytes.split_first() else { return Next::Part { bytes: 0 } };
    let kind = match first >> 4 {
        // Reserved.
        0 => return Next::Broken,
        1 => Type::Connect,
        2 => Type::ConnAck,
        12 => Type::PingReq,
        13 => Type::PingResp,
        14 => Type::Disconnect,
        _ => Type::Other,
    };
    let (body_bytes, length_bytes) = match variable(after) {
        Variable::Number(number, bytes) => (number, bytes),
        Variable::Part => return Next::Part { bytes: 0 },
        Variable::Broken => return Next::Broken,
    };
    let total = 1 + length_bytes + body_bytes;
    match bytes.split_at_checked(total) {
        Some((whole, rest)) => Next::Packet(Packet { kind, whole, body: &whole[1 + length_bytes..] }, rest),
        None => Next::Part { bytes: total },
    }
}

/// A number of one to four bytes.
pub(super) enum Variable {
    /// It, and how many bytes it took.
    Number(usize, usize),
    Part,
    Broken,
}

/// Reads a variable byte integer.
pub(super) fn variable(bytes: &[u8]) -> Variable {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(LENGTH_BYTES_MAX).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Variable::Number(number, index + 1);
        }
    }
    if bytes.len() < LENGTH_BYTES_MAX { Variable::Part } else { Variable::Broken }
}
