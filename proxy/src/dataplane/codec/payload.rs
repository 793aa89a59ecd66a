//! A message's bytes, copied only if they must be.

use std::ops::{Deref, DerefMut};

/// A payload where it arrived, or, if it arrived in parts, where they were put together.
#[derive(Debug)]
pub enum Payload<'a> {
    /// It arrived whole.
    Borrowed(&'a mut [u8]),
    /// It arrived in parts.
    Owned(Vec<u8>),
}

impl Payload<'_> {
    /// Copies only what is not owned already.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Borrowed(bytes) => bytes.to_vec(),
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl DerefMut for Payload<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload<'_> {}
