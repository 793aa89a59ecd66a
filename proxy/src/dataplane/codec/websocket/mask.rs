//! Masking and unmasking, which are the same (RFC 6455, section 5.3).

/// A masking key, turned so that its first byte is for the next byte of payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    /// Changes nothing: the key of frames that are not masked.
    pub(super) const NONE: Self = Self([0; 4]);

    pub(super) fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// From the system-seeded generator of this thread: keys must not be foreseeable by who chose the payload.
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    pub(super) fn key(self) -> [u8; 4] {
        self.0
    }

    /// Applies the key and turns it for the bytes that follow these. Eight bytes a step, which the compiler widens further.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        if *self == Self::NONE {
            return;
        }
        let [a, b, c, d] = self.0;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, tail) = bytes.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
        for (byte, key) in tail.iter_mut().zip([a, b, c, d, a, b, c]) {
            *byte ^= key;
        }
        self.0.rotate_left(tail.len() % 4);
    }
}
