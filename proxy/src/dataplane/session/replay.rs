//! Client messages that each later upstream is told first, so that protocols that log in by a first message survive a
//! backend that knows nothing of us.

use super::outbox::{Origin, Outbox, Pool};
use crate::dataplane::codec::{Framing, Role};
use crate::dataplane::hold::Replay;
use crate::dataplane::message::MessageKind;

/// See the module.
#[derive(Default)]
pub(super) struct Remembered {
    messages: Vec<Entry>,
    bytes: usize,
}

struct Entry {
    /// The message's place among all that were sent to the upstream.
    sequence: u64,
    kind: MessageKind,
    payload: Box<[u8]>,
}

/// What was not remembered since it did not fit.
#[derive(Debug)]
pub(super) struct DoesNotFit;

impl Remembered {
    /// Keeps a copy, within the policy's bytes.
    pub(super) fn push(
        &mut self,
        policy: &Replay,
        sequence: u64,
        kind: MessageKind,
        payload: &[u8],
    ) -> Result<(), DoesNotFit> {
        if self.bytes + payload.len() > policy.bytes_max {
            return Err(DoesNotFit);
        }
        self.bytes += payload.len();
        self.messages.push(Entry { sequence, kind, payload: payload.into() });
        Ok(())
    }

    /// Those that earlier upstreams were sent, as frames for the next. What still waits to be sent is not said twice.
    pub(super) fn frames(&self, first_unsent: u64, framing: &Framing, pool: &mut Pool) -> Outbox {
        let mut frames = Outbox::default();
        for entry in self.messages.iter().filter(|entry| entry.sequence < first_unsent) {
            let write = |out: &mut Vec<u8>| framing.write(Role::Client, entry.kind, &entry.payload, out);
            // It has been written before, so it fits.
            let _ = frames.push(pool, Origin::Ours, write);
        }
        frames
    }
}
