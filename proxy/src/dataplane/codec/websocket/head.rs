//! The head of a frame: two bytes, then the length's longer forms, then the masking key (RFC 6455, section 5.2).

use super::mask::Mask;
use super::{Opcode, ProtocolError, Role};

/// Two bytes, a 64-bit length and a masking key.
pub(super) const HEAD_BYTES_MAX: usize = 14;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;
const CONTROL_BYTES_MAX: u8 = 125;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) fin: Fin,
    pub(super) opcode: Opcode,
    pub(super) mask: Mask,
    pub(super) length: u64,
}

/// Whether a message ends with this frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fin {
    Last,
    More,
}

impl Head {
    /// The head at the front of `bytes` and how long it is; nothing if more bytes are needed. What is wrong is found as
    /// soon as the byte that is wrong is there.
    pub(super) fn parse(bytes: &[u8], reader: Role) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let opcode = opcode(first & 0x0F)?;
        let fin = if first & FIN != 0 { Fin::Last } else { Fin::More };
        if opcode.is_control() && fin == Fin::More {
            return Err(ProtocolError::ControlFragmented);
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        match (reader, second & MASKED) {
            (Role::Server, 0) => return Err(ProtocolError::NotMasked),
            (Role::Client, MASKED) => return Err(ProtocolError::Masked),
            _ => {}
        }
        let short = second & !MASKED;
        if opcode.is_control() && short > CONTROL_BYTES_MAX {
            return Err(ProtocolError::ControlTooLong);
        }

        let Some((length, after)) = length(short, &bytes[2..])? else { return Ok(None) };
        let at = bytes.len() - after.len();
        match reader {
            Role::Client => Ok(Some((Self { fin, opcode, mask: Mask::NONE, length }, at))),
            Role::Server => {
                Ok(after.first_chunk().map(|key| (Self { fin, opcode, mask: Mask::new(*key), length }, at + key.len())))
            }
        }
    }
}

/// The length, and what comes after it.
fn length(short: u8, bytes: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (length, after, shorter_max) = match short {
        LENGTH_16 => {
            let Some((long, after)) = bytes.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*long)), after, u64::from(CONTROL_BYTES_MAX))
        }
        LENGTH_64 => {
            let Some((long, after)) = bytes.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*long), after, u64::from(u16::MAX))
        }
        _ => return Ok(Some((u64::from(short), bytes))),
    };
    if length > i64::MAX as u64 {
        return Err(ProtocolError::LengthTopBit);
    }
    if length <= shorter_max {
        return Err(ProtocolError::LengthNotMinimal);
    }
    Ok(Some((length, after)))
}

fn opcode(bits: u8) -> Result<Opcode, ProtocolError> {
    match bits {
        0x0 => Ok(Opcode::Continuation),
        0x1 => Ok(Opcode::Text),
        0x2 => Ok(Opcode::Binary),
        0x8 => Ok(Opcode::Close),
        0x9 => Ok(Opcode::Ping),
        0xA => Ok(Opcode::Pong),
        _ => Err(ProtocolError::ReservedOpcode(bits)),
    }
}

/// Appends the head of an unfragmented frame, all but its masking key, its length in the shortest form.
pub(super) fn write(role: Role, opcode: Opcode, length: usize, out: &mut Vec<u8>) {
    let masked = match role {
        Role::Server => 0,
        Role::Client => MASKED,
    };
    out.push(FIN | opcode as u8);
    if let Ok(short) = u8::try_from(length)
        && short <= CONTROL_BYTES_MAX
    {
        out.push(masked | short);
    } else if let Ok(long) = u16::try_from(length) {
        out.push(masked | LENGTH_16);
        out.extend_from_slice(&long.to_be_bytes());
    } else {
        out.push(masked | LENGTH_64);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}
