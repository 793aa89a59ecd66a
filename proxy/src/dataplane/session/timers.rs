//! Every deadline that a session itself has, in one table. The filters' own timers are facts of the session.

use crate::time::Instant;

/// What may be due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// Holding has lasted as long as it may.
    HoldEnds,
    /// Dial again.
    Redial,
    /// Ask the upstream to prove that it has read what it was sent.
    Confirm,
    /// See whether the client lives.
    Probe,
    /// The protocol's heartbeats want something sent, or find someone dead.
    Heartbeat,
    /// The client has taken nothing for too long.
    ClientStalled,
    /// The upstream has taken nothing for too long.
    UpstreamStalled,
    /// The other side has had its time to answer a close.
    CloseEnds,
}

impl Timer {
    /// Every timer, in the order of the table.
    pub(super) const ALL: [Self; 8] = [
        Self::HoldEnds,
        Self::Redial,
        Self::Confirm,
        Self::Probe,
        Self::Heartbeat,
        Self::ClientStalled,
        Self::UpstreamStalled,
        Self::CloseEnds,
    ];
}

/// When each is due; [`Instant::NEVER`] when it is not set.
pub(super) struct Timers([Instant; Timer::ALL.len()]);

impl Default for Timers {
    fn default() -> Self {
        Self([Instant::NEVER; Timer::ALL.len()])
    }
}

impl Timers {
    /// Sets it, in place of an earlier setting.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = at;
    }

    /// Sets it unless it is set.
    pub(super) fn set_if_unset(&mut self, timer: Timer, at: Instant) {
        if self.0[timer as usize] == Instant::NEVER {
            self.set(timer, at);
        }
    }

    /// When it is due.
    pub(super) fn at(&self, timer: Timer) -> Instant {
        self.0[timer as usize]
    }

    /// Forgets it.
    pub(super) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = Instant::NEVER;
    }

    /// The first deadline of all.
    pub(super) fn next(&self) -> Instant {
        self.0.iter().copied().min().unwrap_or(Instant::NEVER)
    }

    /// Takes one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let timer = Timer::ALL.into_iter().find(|&timer| self.0[timer as usize] <= now)?;
        self.clear(timer);
        Some(timer)
    }
}
