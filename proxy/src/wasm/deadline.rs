//! How long one call may take: its deadline is processor time, not time on the wall. A proxy in a container is stopped for
//! tens of milliseconds at a time by its CPU quota; what the filter did not run in must not count against it.
//!
//! Reading the thread's processor time is a system call, too dear for each call to a filter. So a call is first given half of
//! its deadline in epochs. Only when these are over is the processor's clock read, and then the filter may use the other half
//! of it. Together that is never more than the deadline (and a tick), and on an undisturbed machine exactly it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::ticker::TICK;

/// How long a call may take, as each of them needs it: worked out once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Allowance {
    half: Duration,
    /// The same in epochs.
    epochs: u64,
}

/// The state of one call's deadline.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    half: Duration,
    /// The thread's processor time when the first half was over.
    half_time: Option<Duration>,
}

/// What the filter may do when its epochs are over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Run for so many epochs more.
    Continue(u64),
    /// Be stopped.
    Stop,
}

impl Allowance {
    /// Of a whole deadline.
    pub(super) fn of(deadline: Duration) -> Self {
        let half = deadline / 2;
        Self { half, epochs: ticks(half) }
    }
}

impl Deadline {
    /// A call begins. The epochs until [`Self::rule`] is to be asked.
    pub(super) fn arm(&mut self, allowance: Allowance) -> u64 {
        self.half = allowance.half;
        self.half_time = None;
        allowance.epochs
    }

    /// The epochs given are over, and the thread has used so much of the processor.
    pub(super) fn rule(&mut self, cpu: Duration) -> Ruling {
        let half_time = *self.half_time.get_or_insert(cpu);
        let left = self.half.saturating_sub(cpu.saturating_sub(half_time));
        if left.is_zero() { Ruling::Stop } else { Ruling::Continue(ticks(left)) }
    }
}

fn ticks(time: Duration) -> u64 {
    let ticks = time.as_micros().div_ceil(TICK.as_micros());
    u64::try_from(ticks).unwrap_or(u64::MAX).clamp(1, u64::MAX / 2)
}

/// What this thread has used of the processor.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_filter_that_runs_all_the_time_is_stopped_at_its_deadline() {
        let mut deadline = Deadline::default();
        assert_eq!(deadline.arm(Allowance::of(10 * MS)), 5);
        assert_eq!(deadline.rule(100 * MS), Ruling::Continue(5));
        assert_eq!(deadline.rule(105 * MS), Ruling::Stop);
    }

    #[test]
    fn time_that_the_thread_did_not_run_in_does_not_count() {
        let mut deadline = Deadline::default();
        deadline.arm(Allowance::of(10 * MS));
        assert_eq!(deadline.rule(100 * MS), Ruling::Continue(5));
        assert_eq!(deadline.rule(101 * MS), Ruling::Continue(4));
        assert_eq!(deadline.rule(101 * MS), Ruling::Continue(4));
        assert_eq!(deadline.rule(105 * MS), Ruling::Stop);
    }

    #[test]
    fn each_call_starts_anew() {
        let mut deadline = Deadline::default();
        deadline.arm(Allowance::of(10 * MS));
        deadline.rule(100 * MS);
        deadline.arm(Allowance::of(4 * MS));
        assert_eq!(deadline.rule(200 * MS), Ruling::Continue(2));
    }

    #[test]
    fn the_processor_time_of_a_thread_moves_with_its_work() {
        let before = thread_cpu();
        while thread_cpu() == before {
            std::hint::spin_loop();
        }
        assert!(thread_cpu() > before);
    }
}
