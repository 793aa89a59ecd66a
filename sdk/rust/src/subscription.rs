//! What a filter wants to hear. What it does not ask for is neither called nor copied.

/// How much of each message a filter wants to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Interest {
    /// Not called for messages in this direction.
    #[default]
    Ignore,
    /// Called with the kind and size alone.
    Size,
    /// Called with at most this many leading bytes.
    Prefix(u32),
    /// Called with the whole payload.
    Whole,
}

/// Whether a kind of event is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Wanted {
    /// Not called.
    #[default]
    No,
    /// Called.
    Yes,
}

/// What a filter wants to hear. Starts with nothing; each method adds. Timers need no subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subscription {
    pub(crate) to_backend: Interest,
    pub(crate) to_client: Interest,
    pub(crate) handshake: Wanted,
    pub(crate) upstream: Wanted,
    pub(crate) heartbeat: Wanted,
    pub(crate) close: Wanted,
}

impl Subscription {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// So much of what clients say.
    #[must_use]
    pub fn to_backend(self, interest: Interest) -> Self {
        Self { to_backend: interest, ..self }
    }

    /// So much of what backends say.
    #[must_use]
    pub fn to_client(self, interest: Interest) -> Self {
        Self { to_client: interest, ..self }
    }

    /// `on_handshake`, and `on_reopen`.
    #[must_use]
    pub fn handshake(self) -> Self {
        Self { handshake: Wanted::Yes, ..self }
    }

    /// `on_upstream`.
    #[must_use]
    pub fn upstream(self) -> Self {
        Self { upstream: Wanted::Yes, ..self }
    }

    /// `on_heartbeat`.
    #[must_use]
    pub fn heartbeat(self) -> Self {
        Self { heartbeat: Wanted::Yes, ..self }
    }

    /// `on_close`. Said for you if `Session` is not of size zero.
    #[must_use]
    pub fn close(self) -> Self {
        Self { close: Wanted::Yes, ..self }
    }
}
