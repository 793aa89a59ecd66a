//! MQTT control packets: a byte of type and flags, the remaining length in one to four bytes, and so many bytes more
//! (MQTT 3.1.1, sections 2.2.1 and 2.2.3; the same in 5.0, sections 2.1.1 and 2.1.4). What is in a packet is nobody's here.

use crate::dataplane::codec::ProtocolError;

/// Of the remaining length.
const LENGTH_BYTES_MAX: usize = 4;

/// The end of the packet at the front of `bytes`, once its length is there.
pub(super) fn find_end(bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    if first >> 4 == 0 {
        return Err(ProtocolError::Unframed("an MQTT packet of type 0"));
    }
    let mut length = 0;
    for (index, byte) in rest.iter().take(LENGTH_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(1 + index + 1 + length));
        }
        if index == LENGTH_BYTES_MAX - 1 {
            return Err(ProtocolError::Unframed("an MQTT packet's length has more than four bytes"));
        }
    }
    Ok(None)
}
