//! SHA-256 sums, as people write them.

use sha2::{Digest, Sha256};

/// In hexadecimal digits, as `sha256sum` says it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Two lower-case digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
