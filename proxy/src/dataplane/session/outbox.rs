//! What is on its way to one end of a session, as the frames that will stand on the wire. While nothing is, it is one null
//! pointer. Toward the backend it is also the place where messages are held. When to write is the driver's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::dataplane::codec::DoesNotFit;
use crate::dataplane::ledger::Counter;

/// See the module.
#[derive(Default)]
pub(super) struct Outbox(Option<Box<Queue>>);

/// What a frame is to the accounting, and to the next upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// One end's message: counted, and kept for the next upstream if it was not written.
    Message,
    /// Pings, pongs, close frames, notices, replies, replays: not counted, and of no use to another connection.
    Ours,
}

/// Whether written messages are kept until their receiver proves to have read them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Retention {
    /// Written is gone.
    UntilWritten,
    /// Written messages stay until [`Outbox::confirm`].
    UntilConfirmed,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Where in `bytes` the first of `frames` begins.
    start: usize,
    frames: VecDeque<Frame>,
    /// The first of `frames` that is not wholly written; those before it are retained.
    next: usize,
    /// Where in `bytes` it begins.
    next_start: usize,
    /// How much of it is written.
    next_written: usize,
    /// What the process-wide budget was told of.
    charged: usize,
    /// Bytes of frames of our own that are not wholly written.
    ours: usize,
}

#[derive(Clone, Copy)]
struct Frame {
    bytes: u32,
    origin: Origin,
}

/// Queues that sessions gave back, for the next that needs one. One a worker.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "queues are lent as they are: an outbox is one pointer")]
pub struct Pool(Vec<Box<Queue>>);

/// More idle queues than this are freed: enough for a worker's burst, 2 MiB at most.
const POOLED_MAX: usize = 128;
/// A queue that grew larger than this is freed and not pooled.
const POOLED_BYTES_MAX: usize = 16 * 1024;

/// The bytes that all sessions of the process hold, and how many they may.
#[derive(Clone, Debug)]
pub struct Budget {
    used: Arc<AtomicUsize>,
    bytes_max: Arc<AtomicUsize>,
}

impl Budget {
    /// Shared by all its clones.
    pub fn new(bytes_max: usize) -> Self {
        Self { used: Arc::default(), bytes_max: Arc::new(bytes_max.into()) }
    }

    /// From now on so many. What is held stays held.
    pub fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Relaxed);
    }

    /// Whether so many bytes more would still be within it.
    pub fn allows(&self, bytes: usize) -> bool {
        self.used.load(Relaxed).saturating_add(bytes) <= self.bytes_max.load(Relaxed)
    }

    /// The bytes held now.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// What is kept of a message that is partly there has grown, or shrunk.
    pub(super) fn recharge_part(&self, before: usize, after: usize) {
        if after > before {
            self.used.fetch_add(after - before, Relaxed);
        } else if after < before {
            self.used.fetch_sub(before - after, Relaxed);
        }
    }

    /// Changes what one queue is charged for, here and in its direction's count.
    fn recharge(&self, charged: &mut usize, bytes: usize, held_bytes: &Counter) {
        if bytes > *charged {
            self.used.fetch_add(bytes - *charged, Relaxed);
            held_bytes.add((bytes - *charged) as u64);
        } else if bytes < *charged {
            self.used.fetch_sub(*charged - bytes, Relaxed);
            held_bytes.sub((*charged - bytes) as u64);
        }
        *charged = bytes;
    }
}

impl Outbox {
    /// Adds one frame at the end: what `write` appends, if it is anything.
    pub(super) fn push(
        &mut self,
        pool: &mut Pool,
        origin: Origin,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), DoesNotFit>,
    ) -> Result<(), DoesNotFit> {
        let queue = self.0.get_or_insert_with(|| pool.0.pop().unwrap_or_default());
        let before = queue.bytes.len();
        write(&mut queue.bytes)?;
        let bytes = u32::try_from(queue.bytes.len() - before).unwrap_or(u32::MAX);
        if bytes > 0 {
            queue.frames.push_back(Frame { bytes, origin });
            queue.ours += if origin == Origin::Ours { bytes as usize } else { 0 };
        }
        Ok(())
    }

    /// The bytes to write next; empty if there are none.
    pub(super) fn unwritten(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |queue| &queue.bytes[queue.next_start + queue.next_written..])
    }

    /// So many of them were written. Returns how many messages that completed.
    pub(super) fn written(&mut self, bytes: usize, retention: Retention) -> u64 {
        let Some(queue) = &mut self.0 else { return 0 };
        queue.next_written += bytes;
        let mut messages = 0;
        while let Some(frame) = queue.frames.get(queue.next) {
            let length = frame.bytes as usize;
            if queue.next_written < length {
                break;
            }
            queue.next_written -= length;
            queue.next_start += length;
            match frame.origin {
                Origin::Message => messages += 1,
                Origin::Ours => queue.ours -= length,
            }
            queue.next += 1;
        }
        if retention == Retention::UntilWritten {
            queue.frames.drain(..queue.next);
            queue.next = 0;
            queue.start = queue.next_start;
        }
        messages
    }

    /// The first `messages` of the retained ones are not needed any more.
    pub(super) fn confirm(&mut self, mut messages: u64) {
        let Some(queue) = &mut self.0 else { return };
        while queue.next > 0 {
            let Some(frame) = queue.frames.front() else { break };
            if frame.origin == Origin::Message {
                if messages == 0 {
                    break;
                }
                messages -= 1;
            }
            queue.start += frame.bytes as usize;
            queue.frames.pop_front();
            queue.next -= 1;
        }
    }

    /// The connection it was written to is gone: keeps the messages, retained and unwritten, from their beginnings, and
    /// nothing else.
    pub(super) fn rewind(&mut self) {
        let Some(queue) = &mut self.0 else { return };
        let mut bytes = Vec::new();
        let mut at = queue.start;
        for frame in &queue.frames {
            let end = at + frame.bytes as usize;
            if frame.origin == Origin::Message {
                bytes.extend_from_slice(&queue.bytes[at..end]);
            }
            at = end;
        }
        queue.frames.retain(|frame| frame.origin == Origin::Message);
        queue.bytes = bytes;
        (queue.start, queue.next, queue.next_start, queue.next_written, queue.ours) = (0, 0, 0, 0, 0);
    }

    /// What `other` holds is sent first. Only for an outbox that was just rewound.
    pub(super) fn prepend(&mut self, mut other: Outbox, pool: &mut Pool) {
        std::mem::swap(self, &mut other);
        let Some(mut later) = other.0 else { return };
        let queue = self.0.get_or_insert_with(|| pool.0.pop().unwrap_or_default());
        queue.bytes.extend_from_slice(&later.bytes[later.start..]);
        queue.frames.append(&mut later.frames);
        queue.charged += std::mem::take(&mut later.charged);
        queue.ours += later.ours;
        pool.put(later);
    }

    /// Whether nothing of the next frame is written, so that a connection could end here without half a frame.
    pub(super) fn is_between_frames(&self) -> bool {
        self.0.as_ref().is_none_or(|queue| queue.next_written == 0)
    }

    /// Messages that are not wholly written.
    pub(super) fn unwritten_messages(&self) -> u64 {
        let Some(queue) = &self.0 else { return 0 };
        queue.frames.range(queue.next..).filter(|frame| frame.origin == Origin::Message).count() as u64
    }

    /// Bytes that it keeps, written or not.
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes.len() - queue.start)
    }

    /// Bytes of our own among them that are not written: answers to what the other end asks without taking them.
    pub(super) fn ours(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.ours)
    }

    /// To be called when there is nothing more to write at the moment: gives the memory back if nothing is kept, or tells
    /// the budget what is.
    pub(super) fn settle(&mut self, pool: &mut Pool, budget: &Budget, held_bytes: &Counter) {
        let Some(queue) = &mut self.0 else { return };
        let kept = queue.bytes.len() - queue.start;
        if kept > 0 {
            queue.compact();
        }
        if kept != queue.charged {
            budget.recharge(&mut queue.charged, kept, held_bytes);
        }
        if kept == 0
            && let Some(queue) = self.0.take()
        {
            pool.put(queue);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, pool: &mut Pool, budget: &Budget, held_bytes: &Counter) {
        if let Some(mut queue) = self.0.take() {
            budget.recharge(&mut queue.charged, 0, held_bytes);
            pool.put(queue);
        }
    }
}

impl Queue {
    /// Frees what was written once it is the larger part.
    fn compact(&mut self) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.next_start -= self.start;
            self.start = 0;
            self.bytes.shrink_to(self.bytes.len() * 2);
        }
    }
}

impl Pool {
    fn put(&mut self, mut queue: Box<Queue>) {
        if self.0.len() < POOLED_MAX && queue.bytes.capacity() <= POOLED_BYTES_MAX {
            queue.bytes.clear();
            queue.frames.clear();
            (queue.start, queue.next, queue.next_start, queue.next_written, queue.ours) = (0, 0, 0, 0, 0);
            self.0.push(queue);
        }
    }
}
