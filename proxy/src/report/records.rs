//! How files of the spool are written: one record after the other, each its length and its CRC-32 (both 32 bits, little
//! endian) and then its bytes. A file is read up to its first record that is not whole: the tail that a crash tore.

/// Before a record's bytes.
const HEAD_BYTES: usize = 8;

/// Appends one.
pub(super) fn encode(record: &[u8], into: &mut Vec<u8>) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
    into.extend_from_slice(record);
}

/// So much it takes in the file.
pub(super) fn encoded_bytes(record: &[u8]) -> usize {
    HEAD_BYTES + record.len()
}

/// The records of a file, up to the first that is not whole.
pub(super) struct Records<'a> {
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Records<'a> {
    pub(super) fn of(file: &'a [u8]) -> Self {
        Self { rest: file, whole: 0 }
    }

    /// Bytes of whole records that were read so far.
    pub(super) fn whole_bytes(&self) -> usize {
        self.whole
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk()?;
        let (crc, rest) = rest.split_first_chunk()?;
        let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        if crc32fast::hash(record) != u32::from_le_bytes(*crc) {
            return None;
        }
        self.whole += encoded_bytes(record);
        self.rest = rest;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cut_anywhere_gives_its_whole_records() {
        let mut file = Vec::new();
        let records: [&[u8]; 3] = [b"one", b"", b"three and more"];
        let mut ends = vec![0];
        for record in records {
            encode(record, &mut file);
            ends.push(file.len());
        }
        for cut in 0..=file.len() {
            let mut read = Records::of(&file[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            assert_eq!(read.by_ref().collect::<Vec<_>>(), records[..whole], "cut at {cut}");
            assert_eq!(read.whole_bytes(), ends[whole]);
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_file() {
        let mut file = Vec::new();
        encode(b"one", &mut file);
        let end = file.len();
        encode(b"two", &mut file);
        for bit in end * 8..file.len() * 8 {
            file[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Records::of(&file).collect::<Vec<_>>(), [b"one"], "bit {bit}");
            file[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
