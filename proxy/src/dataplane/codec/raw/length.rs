//! Frames that say how long they are, in a field of their head.

use std::ops::Range;

use super::DoesNotFit;
use crate::dataplane::codec::ProtocolError;

/// Where a frame says how long it is, and what it means by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LengthField {
    /// How the number is written.
    pub width: Width,
    /// Bytes of the frame before it. Default 0.
    pub offset: usize,
    /// Added to the number. Default 0.
    pub adjust: i64,
    /// What the number counts.
    pub counts: Counts,
}

/// How a length is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// One byte.
    One,
    /// Two bytes.
    Two(Order),
    /// Four bytes.
    Four(Order),
    /// Eight bytes.
    Eight(Order),
    /// Seven bits a byte, the lowest first, the top bit of each but the last set: at most ten bytes
    /// (<https://protobuf.dev/programming-guides/encoding/#varints>).
    Varint,
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// The highest: network order. The default.
    #[default]
    Big,
    /// The lowest.
    Little,
}

/// What a length counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Counts {
    /// What comes after it. The default.
    #[default]
    Body,
    /// The whole frame, itself and what is before it too.
    Frame,
}

/// 64 bits in groups of seven.
const VARINT_BYTES_MAX: usize = 10;

impl LengthField {
    /// Whether a frame is a length and a message, so that the message can go without the length. Otherwise the message is
    /// the whole frame: what else its head says is the two ends' own.
    pub fn is_taken_away(&self) -> bool {
        self.offset == 0 && self.adjust == 0
    }

    /// The end of the frame at the front of `bytes`, once its length is there.
    pub(super) fn find_end(&self, bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let Some(field) = bytes.get(self.offset..) else { return Ok(None) };
        let Some((length, width)) = self.width.read(field)? else { return Ok(None) };
        let head = self.offset + width;
        let before = match self.counts {
            Counts::Body => head,
            Counts::Frame => 0,
        };
        let end = before as i128 + i128::from(length) + i128::from(self.adjust);
        if end < head as i128 {
            return Err(ProtocolError::Unframed("a frame is shorter than its own head"));
        }
        // More than can be counted is more than any limit.
        Ok(Some(usize::try_from(end).unwrap_or(usize::MAX)))
    }

    pub(super) fn payload(&self, frame: &[u8]) -> Range<usize> {
        match (self.is_taken_away(), self.width.read(frame)) {
            (true, Ok(Some((_, width)))) => width..frame.len(),
            _ => 0..frame.len(),
        }
    }

    pub(super) fn overhead(&self) -> usize {
        if self.is_taken_away() { self.width.bytes_max() } else { 0 }
    }

    /// Appends what stands before a message of so many bytes; nothing if that is the message's own.
    pub(super) fn write_head(&self, message: usize, out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
        if !self.is_taken_away() {
            return Ok(());
        }
        let counted = match self.counts {
            Counts::Body => message,
            Counts::Frame => message + self.width.bytes_max(),
        };
        self.width.write(counted as u64, out)
    }
}

impl Width {
    fn bytes_max(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two(_) => 2,
            Self::Four(_) => 4,
            Self::Eight(_) => 8,
            Self::Varint => VARINT_BYTES_MAX,
        }
    }

    /// The number at the front, and how many bytes it takes.
    fn read(self, bytes: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
        let mut wide = [0; 8];
        let (order, width) = match self {
            Self::Varint => return varint(bytes),
            Self::One => (Order::Big, 1),
            Self::Two(order) => (order, 2),
            Self::Four(order) => (order, 4),
            Self::Eight(order) => (order, 8),
        };
        let Some(number) = bytes.get(..width) else { return Ok(None) };
        Ok(Some(match order {
            Order::Big => {
                wide[8 - width..].copy_from_slice(number);
                (u64::from_be_bytes(wide), width)
            }
            Order::Little => {
                wide[..width].copy_from_slice(number);
                (u64::from_le_bytes(wide), width)
            }
        }))
    }

    fn write(self, mut number: u64, out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
        let (order, width) = match self {
            Self::Varint => {
                while number > 0x7F {
                    out.push(number.to_le_bytes()[0] | 0x80);
                    number >>= 7;
                }
                out.push(number.to_le_bytes()[0]);
                return Ok(());
            }
            Self::One => (Order::Big, 1),
            Self::Two(order) => (order, 2),
            Self::Four(order) => (order, 4),
            Self::Eight(order) => (order, 8),
        };
        if width < 8 && number >> (8 * width) != 0 {
            return Err(DoesNotFit);
        }
        match order {
            Order::Big => out.extend_from_slice(&number.to_be_bytes()[8 - width..]),
            Order::Little => out.extend_from_slice(&number.to_le_bytes()[..width]),
        }
        Ok(())
    }
}

fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    let mut number: u64 = 0;
    for (index, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7F);
        // Of the tenth byte one bit is left.
        if index == VARINT_BYTES_MAX - 1 && *byte > 1 {
            return Err(ProtocolError::Unframed("a length has more than 64 bits"));
        }
        number |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((number, index + 1)));
        }
    }
    Ok(None)
}
