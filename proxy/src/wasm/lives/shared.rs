//! One instance for all sessions of a worker.

use std::sync::Arc;
use std::time::Duration;

use super::{Life, OpenError, Opened, Settled, Site};
use crate::dataplane::chain::Handle;
use crate::time::Instant;
use crate::wasm::deadline::thread_cpu;
use crate::wasm::live::Live;
use crate::wasm::loaded::{Update, Version};
use crate::wasm::moving::Moving;
use crate::wasm::stats::FilterStats;
use crate::wasm::throttle::Throttle;

/// After a failure to replace an instance that has grown too far.
const RECYCLE_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub(in crate::wasm) struct Shared {
    life: Life,
    throttle: Throttle,
    moving: Moving,
    /// Not before this time is an instance that has grown too far replaced: the last attempt failed.
    recycle_from: Instant,
}

impl Shared {
    pub(in crate::wasm) fn new(live: Live) -> Self {
        Self {
            life: Life::Running(Box::new(live)),
            throttle: Throttle::default(),
            moving: Moving::default(),
            recycle_from: Instant::ZERO,
        }
    }

    pub(super) fn knows(&self, handle: Handle, version: &Version) -> bool {
        matches!(&self.life, Life::Running(live)
            if live.generation == handle.generation
                && !live.is_worn(version.context.limits.recycle_bytes)
                && self.moving.settled() == Settled::Yes)
    }

    pub(super) fn open(&mut self, handle: &mut Handle, site: &Site<'_>) -> Result<Opened, OpenError> {
        if let Life::Failed { next } = self.life {
            self.restart(next, site)?;
        }
        // So that one that was recycled goes soon: nobody else asks for what it still has.
        if self.moving.settled() == Settled::NotYet {
            self.moving.turn(site);
        }
        if matches!(&self.life, Life::Running(live) if live.is_worn(site.context.limits.recycle_bytes)) {
            self.recycle(site);
        }
        let Life::Running(live) = &mut self.life else { return Err(OpenError::Throttled(Default::default())) };
        if handle.generation == live.generation {
            return Ok(Opened::Before);
        }
        let carried = self.moving.take(*handle, site);
        *handle = Handle { generation: live.generation, slot: live.slots.take() };
        site.stats.sessions.add(1);
        Ok(Opened::Anew { carried })
    }

    // Running => Running, in a fresh instance of the same version
    #[cold]
    fn recycle(&mut self, site: &Site<'_>) {
        if self.moving.settled() == Settled::NotYet || site.now < self.recycle_from {
            return;
        }
        match Live::start(&site.version.program, site.context, site.stats, site.beat, site.now) {
            Ok(fresh) => {
                site.stats.recycled.add(1);
                if let Life::Running(worn) = std::mem::replace(&mut self.life, Life::Running(Box::new(fresh))) {
                    self.moving.retire(worn);
                }
            }
            // The worn one still serves.
            Err(error) => {
                self.recycle_from = site.now + RECYCLE_PAUSE;
                let (filter, cause) = (&*site.context.name, error.cause());
                tracing::warn!(filter, %cause, "an instance that has grown beyond limits.recycle cannot be replaced yet");
            }
        }
    }

    // Failed => (Running | Failed)
    #[cold]
    fn restart(&mut self, next: Instant, site: &Site<'_>) -> Result<(), OpenError> {
        if site.now < next {
            return Err(OpenError::Throttled(next.since(site.now)));
        }
        let before = thread_cpu();
        let made = Live::start(&site.version.program, site.context, site.stats, site.beat, site.now);
        self.throttle.made(thread_cpu().saturating_sub(before));
        match made {
            Ok(live) => {
                site.stats.restarts.add(1);
                self.life = Life::Running(Box::new(live));
                Ok(())
            }
            Err(error) => {
                self.died(site.now);
                Err(OpenError::Start(error))
            }
        }
    }

    pub(super) fn find(&mut self, handle: Handle) -> Option<(&mut Live, u32)> {
        match &mut self.life {
            Life::Running(live) if live.generation == handle.generation => Some((live, handle.slot)),
            Life::Running(_) | Life::Failed { .. } => None,
        }
    }

    // (Running | Failed) => Failed
    pub(super) fn died(&mut self, now: Instant) {
        self.life = Life::Failed { next: self.throttle.failed(now) };
    }

    pub(super) fn forget(&mut self, handle: Handle, stats: &FilterStats) {
        match self.find(handle) {
            Some((live, slot)) => {
                live.slots.give_back(slot);
                stats.sessions.sub(1);
            }
            None => self.moving.forget(handle),
        }
    }

    pub(super) fn settle(&mut self, site: &Site<'_>) -> Settled {
        self.moving.turn(site);
        self.moving.settled()
    }

    // (Running | Failed) => Running
    pub(super) fn take_up(&mut self, update: Update, stats: &Arc<FilterStats>) {
        let mut live = update.live;
        live.count_in(stats);
        let carries = live.exports.state.is_some();
        self.throttle = Throttle::default();
        match std::mem::replace(&mut self.life, Life::Running(live)) {
            Life::Running(old) if carries => self.moving.retire(old),
            Life::Failed { .. } if carries => {}
            Life::Running(_) | Life::Failed { .. } => self.moving.give_up(stats),
        }
    }
}
