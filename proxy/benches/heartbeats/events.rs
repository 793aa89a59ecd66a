//! What happens next, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use belay::time::Instant;

/// Something that happens to one client. Where it is about a session, it names which, and is void once that is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Event {
    /// It connects.
    Connects,
    /// It vanishes without a word.
    Dies,
    /// It begins to chat, or ends it.
    ChangesMood,
    /// It says something.
    Talks,
    /// The backend says something to it.
    IsToldSomething,
    /// It finds that its connection is not there any more.
    Notices { session: u32 },
    /// The prober of its session is due.
    IsDue { session: u32 },
    /// A question of that number reached it.
    IsAsked { session: u32, number: u64 },
    /// Bytes of it reached the server, which may be an answer.
    IsHeard { session: u32, number: Option<u64> },
}

#[derive(Default)]
pub(crate) struct Events {
    heap: BinaryHeap<Reverse<(Instant, u64, usize, Event)>>,
    /// Of two at one time, the one that was known first comes first.
    sequence: u64,
}

impl Events {
    pub(crate) fn add(&mut self, at: Instant, client: usize, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, client, event)));
    }

    pub(crate) fn next(&mut self) -> Option<(Instant, usize, Event)> {
        self.heap.pop().map(|Reverse((at, _, client, event))| (at, client, event))
    }
}
