//! Which running instance a session's events go to: one for all sessions of a worker, or one for each. When instances begin
//! and end, and what that leaves; how they are called is the caller's.

mod isolated;
mod shared;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::isolated::{Isolated, Places};
pub(super) use self::shared::Shared;
use super::context::Context;
use super::live::{Live, StartError};
use super::loaded::{Update, Version};
use super::stats::FilterStats;
use super::ticker::Beat;
use crate::dataplane::chain::Handle;
use crate::time::Instant;

/// See the module.
pub(super) enum Lives {
    Shared(Box<Shared>),
    Isolated(Isolated),
}

/// What an instance is made and asked with.
pub(super) struct Site<'a> {
    pub(super) version: &'a Version,
    pub(super) context: &'a Arc<Context>,
    pub(super) stats: &'a Arc<FilterStats>,
    pub(super) beat: &'a Beat,
    pub(super) now: Instant,
}

/// An instance, if it is well.
pub(super) enum Life {
    Running(Box<Live>),
    /// The last one failed; not before this time is there another.
    Failed {
        next: Instant,
    },
}

/// What the instance that a session was opened in knows of it.
#[derive(PartialEq, Eq)]
pub(super) enum Opened {
    /// All that it was told.
    Before,
    /// Nothing yet. An earlier instance kept this of it.
    Anew { carried: Option<Box<[u8]>> },
}

/// Whether a session's event can go to its instance as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Knows {
    /// The session is open in it, and nothing else is to be done before.
    Yes,
    /// [`Lives::open`] is to see to it.
    No,
}

/// Why a session has no instance.
pub(super) enum OpenError {
    /// Its instance keeps failing, and there is none for so long.
    Throttled(Duration),
    /// A new one failed at once.
    Start(StartError),
    /// There are as many instances as there may be.
    Full {
        /// That many.
        instances_max: usize,
    },
}

/// Whether there is something left to do for a version that was taken up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Yes,
    NotYet,
}

impl Lives {
    /// What nearly every event finds, looked for in as few steps as it takes.
    pub(super) fn knows(&self, handle: Handle, version: &Version) -> Knows {
        let knows = match self {
            Self::Shared(shared) => shared.knows(handle, version),
            Self::Isolated(isolated) => isolated.knows(handle, version),
        };
        if knows { Knows::Yes } else { Knows::No }
    }

    /// Gives the session its place in a running instance.
    pub(super) fn open(&mut self, handle: &mut Handle, site: &Site<'_>) -> Result<Opened, OpenError> {
        match self {
            Self::Shared(shared) => shared.open(handle, site),
            Self::Isolated(isolated) => isolated.open(handle, site),
        }
    }

    /// The instance that the session is open in, and its number there.
    pub(super) fn find(&mut self, handle: Handle) -> Option<(&mut Live, u32)> {
        match self {
            Self::Shared(shared) => shared.find(handle),
            Self::Isolated(isolated) => isolated.find(handle),
        }
    }

    /// The session's instance is of no more use. Frees all that it had.
    pub(super) fn died(&mut self, handle: Handle, now: Instant) {
        match self {
            Self::Shared(shared) => shared.died(now),
            Self::Isolated(isolated) => isolated.died(handle, now),
        }
    }

    /// The session is over.
    pub(super) fn forget(&mut self, handle: Handle, stats: &FilterStats) {
        match self {
            Self::Shared(shared) => shared.forget(handle, stats),
            Self::Isolated(isolated) => isolated.forget(handle, stats),
        }
    }

    /// Goes on with what the last version left to do.
    pub(super) fn settle(&mut self, site: &Site<'_>) -> Settled {
        match self {
            Self::Shared(shared) => shared.settle(site),
            // Each session's state moves at its next event.
            Self::Isolated(_) => Settled::Yes,
        }
    }

    /// A newer version comes into service. Only when settled.
    pub(super) fn take_up(&mut self, update: Update, stats: &Arc<FilterStats>) {
        match self {
            Self::Shared(shared) => shared.take_up(update, stats),
            Self::Isolated(_) => {}
        }
    }
}
