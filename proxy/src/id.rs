//! Names that outlive the thing they name: today the session's.

use std::fmt;

/// The stable name of a session: what the backend sees as `Belay-Session`, and what logs and traces say. 128 random bits,
/// written as 32 hexadecimal digits; not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(u128);

impl SessionId {
    /// A new name.
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl From<u128> for SessionId {
    fn from(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
