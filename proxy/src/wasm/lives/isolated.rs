//! An instance for each session: what one does to its memory, or to itself, no other session sees. Their number is bounded
//! over all workers.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use slab::Slab;

use super::{Life, OpenError, Opened, Site};
use crate::dataplane::chain::Handle;
use crate::time::Instant;
use crate::wasm::deadline::thread_cpu;
use crate::wasm::live::{Live, next_generation};
use crate::wasm::loaded::Version;
use crate::wasm::stats::FilterStats;
use crate::wasm::throttle::Throttle;

/// See the module.
#[derive(Default)]
pub(in crate::wasm) struct Isolated {
    seats: Slab<Seat>,
}

/// One session's instance, and those that follow it.
struct Seat {
    /// What the session's handle says: no other seat of the process has or had it.
    number: u32,
    life: Life,
    /// The version of the instance.
    version: u32,
    throttle: Throttle,
    _place: Place,
}

/// How many instances a filter has in all workers, and how many it may have.
#[derive(Debug)]
pub(in crate::wasm) struct Places {
    taken: AtomicUsize,
    max: usize,
}

/// One of them, given back when dropped.
struct Place(Arc<Places>);

impl Isolated {
    pub(super) fn knows(&self, handle: Handle, version: &Version) -> bool {
        let seat = self.seats.get(handle.slot as usize).filter(|seat| seat.number == handle.generation);
        seat.is_some_and(|seat| seat.is_current(version))
    }

    pub(super) fn open(&mut self, handle: &mut Handle, site: &Site<'_>) -> Result<Opened, OpenError> {
        if let Some(seat) = self.seat(*handle) {
            return seat.refresh(site);
        }
        let places = &site.context.places;
        let place = places.take().ok_or(OpenError::Full { instances_max: places.max })?;
        let seat = Seat {
            number: next_generation(),
            life: Life::Failed { next: site.now },
            version: site.version.generation,
            throttle: Throttle::default(),
            _place: place,
        };
        let number = seat.number;
        let key = self.seats.insert(seat);
        *handle = Handle { generation: number, slot: u32::try_from(key).unwrap_or(u32::MAX) };
        match self.seats.get_mut(key) {
            Some(seat) => seat.start(site).map(|()| Opened::Anew { carried: None }),
            None => Ok(Opened::Before),
        }
    }

    pub(super) fn find(&mut self, handle: Handle) -> Option<(&mut Live, u32)> {
        match &mut self.seat(handle)?.life {
            // Each has one session, its first.
            Life::Running(live) => Some((live, 0)),
            Life::Failed { .. } => None,
        }
    }

    pub(super) fn died(&mut self, handle: Handle, now: Instant) {
        if let Some(seat) = self.seat(handle) {
            seat.died(now);
        }
    }

    pub(super) fn forget(&mut self, handle: Handle, stats: &FilterStats) {
        if self.seat(handle).is_some() {
            let mut seat = self.seats.remove(handle.slot as usize);
            if let Life::Running(live) = &mut seat.life {
                live.slots.give_back(0);
                stats.sessions.sub(1);
            }
        }
    }

    fn seat(&mut self, handle: Handle) -> Option<&mut Seat> {
        self.seats.get_mut(handle.slot as usize).filter(|seat| seat.number == handle.generation)
    }
}

impl Seat {
    /// Whether its instance runs, is of this version, and has not grown too far.
    fn is_current(&self, version: &Version) -> bool {
        matches!(&self.life, Life::Running(live)
            if self.version == version.generation && !live.is_worn(version.context.limits.recycle_bytes))
    }

    /// The session is heard of again.
    fn refresh(&mut self, site: &Site<'_>) -> Result<Opened, OpenError> {
        if self.is_current(site.version) {
            return Ok(Opened::Before);
        }
        match &mut self.life {
            // Running => Running, in a newer version or a fresh instance
            Life::Running(live) => {
                if self.version == site.version.generation {
                    site.stats.recycled.add(1);
                }
                let carried = live.snapshot(0, site).unwrap_or_else(|cause| {
                    site.stats.states_lost.add(1);
                    tracing::debug!(filter = &*site.context.name, %cause, "a session's state was not carried over");
                    None
                });
                self.start(site)?;
                Ok(Opened::Anew { carried: carried.map(Into::into) })
            }
            Life::Failed { next } if site.now < *next => Err(OpenError::Throttled(next.since(site.now))),
            // Failed => Running
            Life::Failed { .. } => {
                self.start(site)?;
                site.stats.restarts.add(1);
                Ok(Opened::Anew { carried: None })
            }
        }
    }

    // (Running | Failed) => (Running | Failed)
    fn start(&mut self, site: &Site<'_>) -> Result<(), OpenError> {
        let before = thread_cpu();
        let made = Live::start(&site.version.program, site.context, site.stats, site.beat, site.now);
        self.throttle.made(thread_cpu().saturating_sub(before));
        match made {
            Ok(mut live) => {
                live.slots.take();
                site.stats.sessions.add(1);
                self.version = site.version.generation;
                self.life = Life::Running(Box::new(live));
                Ok(())
            }
            Err(error) => {
                self.died(site.now);
                Err(OpenError::Start(error))
            }
        }
    }

    // (Running | Failed) => Failed
    fn died(&mut self, now: Instant) {
        self.life = Life::Failed { next: self.throttle.failed(now) };
    }
}

impl Places {
    pub(in crate::wasm) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), max })
    }

    fn take(self: &Arc<Self>) -> Option<Place> {
        let free = |taken| (taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, free).ok()?;
        Some(Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}
