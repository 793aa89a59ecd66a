//! The classic binary heartbeat of 13 bytes: a magic `uint8`, a timestamp `uint64` in milliseconds since 1970, and a checksum
//! `uint32` of these nine bytes. The answer has the same form and our time.
//!
//! One byte is too little to tell it from other messages by, so only messages of its length are looked at; what begins with
//! the magic and is longer or shorter is passed on, and so is a text.

use super::{Finding, Sender};
use crate::dataplane::codec::raw::Order;
use crate::dataplane::message::{Direction, Message, MessageKind};
use crate::time::UnixTime;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Whose heartbeat it is.
    pub from: Sender,
    /// The first byte.
    pub magic: u8,
    /// Of timestamp and checksum. Default big, the network's.
    pub order: Order,
    /// Over magic and timestamp as they stand on the wire. Default CRC-32.
    pub checksum: Checksum,
}

/// What the last four bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// CRC-32 as Ethernet and zip have it (ISO-HDLC, polynomial `0x04C11DB7` reflected).
    #[default]
    Crc32,
    /// RFC 1950, section 8.2.
    Adler32,
    /// All bytes added.
    Sum,
    /// All bytes in exclusive or.
    Xor,
    /// Anything; it is not looked at, and zero in answers.
    None,
}

const TIMESTAMP_AT: usize = 1;
const CHECKSUM_AT: usize = TIMESTAMP_AT + size_of::<u64>();
const BYTES: usize = CHECKSUM_AT + size_of::<u32>();
/// The largest prime below 2^16 (RFC 1950).
const ADLER_MODULUS: u32 = 65_521;

impl Packet {
    pub(super) fn find(
        &self,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
        clock: fn() -> UnixTime,
    ) -> Finding {
        if !self.from.sends(direction) || payload.len() != BYTES || payload[0] != self.magic {
            return Finding::Other;
        }
        let (checked, checksum) = payload.split_at(CHECKSUM_AT);
        let is_valid = self.checksum == Checksum::None || *checksum == bytes32(self.order, self.checksum.of(checked));
        match (kind, is_valid) {
            (MessageKind::Binary, false) => return Finding::Malformed,
            // On TCP a message is text if its bytes may be, which those of a packet may be by chance.
            (MessageKind::Text, _) if !is_valid || self.checksum == Checksum::None => return Finding::Other,
            _ => {}
        }
        let payload = self.stamped(clock()).to_vec();
        Finding::Heartbeat(Some(Message { kind: MessageKind::Binary, payload }))
    }

    fn stamped(&self, now: UnixTime) -> [u8; BYTES] {
        let mut packet = [0; BYTES];
        packet[0] = self.magic;
        packet[TIMESTAMP_AT..CHECKSUM_AT].copy_from_slice(&bytes64(self.order, now.as_millis()));
        let checksum = bytes32(self.order, self.checksum.of(&packet[..CHECKSUM_AT]));
        packet[CHECKSUM_AT..].copy_from_slice(&checksum);
        packet
    }
}

/// A number as it stands on the wire.
fn bytes32(order: Order, number: u32) -> [u8; 4] {
    match order {
        Order::Big => number.to_be_bytes(),
        Order::Little => number.to_le_bytes(),
    }
}

fn bytes64(order: Order, number: u64) -> [u8; 8] {
    match order {
        Order::Big => number.to_be_bytes(),
        Order::Little => number.to_le_bytes(),
    }
}

impl Checksum {
    fn of(self, bytes: &[u8]) -> u32 {
        match self {
            Self::Crc32 => crc32fast::hash(bytes),
            Self::Adler32 => {
                let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
                    let low = (low + u32::from(*byte)) % ADLER_MODULUS;
                    (low, (high + low) % ADLER_MODULUS)
                });
                high << 16 | low
            }
            Self::Sum => bytes.iter().map(|byte| u32::from(*byte)).sum(),
            Self::Xor => bytes.iter().fold(0, |all, byte| all ^ u32::from(*byte)),
            Self::None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_123;

    const CLASSIC: Packet = Packet { from: Sender::Client, magic: 0xbe, order: Order::Big, checksum: Checksum::Crc32 };

    fn clock() -> UnixTime {
        UnixTime::from_millis(NOW)
    }

    fn find(packet: Packet, payload: &[u8]) -> Finding {
        packet.find(Direction::ToBackend, MessageKind::Binary, payload, clock)
    }

    /// As a client of the same form would have sent it.
    fn sent(packet: Packet) -> Vec<u8> {
        packet.stamped(UnixTime::from_millis(1)).to_vec()
    }

    #[test]
    fn the_classic_packet_is_as_another_implementation_makes_it() {
        // Python: struct.pack(">BQ", 0xbe, 1) + struct.pack(">I", zlib.crc32(…))
        let theirs = [0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0x11, 0xa8, 0x3f, 0x37];
        assert_eq!(sent(CLASSIC), theirs);
        let ours = [0xbe, 0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x7b, 0x80, 0x31, 0xf8, 0x87];
        let answer = Message { kind: MessageKind::Binary, payload: ours.to_vec() };
        assert_eq!(find(CLASSIC, &theirs), Finding::Heartbeat(Some(answer)));
    }

    #[test]
    fn every_form_is_answered_in_its_own_form() {
        for order in [Order::Big, Order::Little] {
            for checksum in [Checksum::Crc32, Checksum::Adler32, Checksum::Sum, Checksum::Xor, Checksum::None] {
                let packet = Packet { order, checksum, ..CLASSIC };
                let Finding::Heartbeat(Some(answer)) = find(packet, &sent(packet)) else { panic!("{packet:?}") };
                assert_eq!(answer.payload, packet.stamped(clock()), "{packet:?}");
            }
        }
    }

    #[test]
    fn the_checksums_are_those_that_others_compute() {
        // "123456789", the usual check input; Adler-32 by Python's zlib.
        for (checksum, expected) in [
            (Checksum::Crc32, 0xcbf4_3926),
            (Checksum::Adler32, 0x091e_01de),
            (Checksum::Sum, 477),
            (Checksum::Xor, 0x31),
        ] {
            assert_eq!(checksum.of(b"123456789"), expected, "{checksum:?}");
        }
    }

    #[test]
    fn any_changed_bit_is_malformed_or_no_heartbeat() {
        for bit in 0..BYTES * 8 {
            let mut payload = sent(CLASSIC);
            payload[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 8 { Finding::Other } else { Finding::Malformed };
            assert_eq!(find(CLASSIC, &payload), expected, "bit {bit}");
        }
    }

    #[test]
    fn what_is_longer_or_shorter_or_text_is_not_ours() {
        let whole = sent(CLASSIC);
        assert_eq!(find(CLASSIC, &whole[..12]), Finding::Other);
        assert_eq!(find(CLASSIC, &[&whole[..], &[0]].concat()), Finding::Other);
        assert_eq!(find(CLASSIC, &[]), Finding::Other);
        assert_eq!(CLASSIC.find(Direction::ToBackend, MessageKind::Text, b"\xbethirteen---", clock), Finding::Other);
        assert_eq!(CLASSIC.find(Direction::ToClient, MessageKind::Binary, &whole, clock), Finding::Other);
    }
}
