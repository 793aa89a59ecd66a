//! What is counted of a filter. Each instance counts for itself, without locked instructions; readers add them up.

use crate::dataplane::chain::{Reaction, Verdict};
use crate::dataplane::ledger::Counter;

/// One call in so many is timed: reading the clock twice would cost a sixth of a call.
pub(super) const TIMED_ONE_IN: u64 = 64;

/// One instance's counts, written by its worker alone.
#[derive(Debug, Default)]
pub struct FilterStats {
    /// Calls made into the filter.
    pub calls: Counter,
    /// Answers to messages, in the order of [`VERDICTS`].
    pub verdicts: [Counter; VERDICTS.len()],
    /// Handshakes that it let in.
    pub accepted: Counter,
    /// Handshakes that it refused.
    pub refused: Counter,
    /// Answers to other events that said something to the client, or closed its session.
    pub reactions: Counter,
    /// Events that ended as the failure policy says, for any of the reasons below.
    pub failures: Counter,
    /// Calls that trapped, deadlines included.
    pub traps: Counter,
    /// Calls that were stopped at their deadline.
    pub deadlines: Counter,
    /// Calls whose answer or requests were not allowed.
    pub misuses: Counter,
    /// Events that came while a failed instance was not replaced yet.
    pub throttled: Counter,
    /// Instances made in place of failed ones.
    pub restarts: Counter,
    /// Instances made in place of those that had grown beyond `limits.recycle`.
    pub recycled: Counter,
    /// Events of sessions that could have no instance of their own, as there were too many.
    pub instances_refused: Counter,
    /// Sessions whose state was taken in by a newer version.
    pub states_carried: Counter,
    /// Sessions whose state was not: a snapshot or restore failed, was refused, or was too large.
    pub states_lost: Counter,
    /// Lines of the filter's log that were thinned out.
    pub log_lines_thinned: Counter,
    /// Calls that were timed, one in 64: how many took at most each of [`CALL_NANOS`] and more than the one before; last,
    /// those that took longer.
    pub timed_calls: [Counter; CALL_NANOS.len() + 1],
    /// Nanoseconds that these took together.
    pub timed_nanos: Counter,
    /// Sessions that are open in the instance now.
    pub sessions: Counter,
    /// Linear memory of the instance now, in bytes.
    pub memory_bytes: Counter,
}

/// Names of verdicts, as metrics say them.
pub const VERDICTS: [&str; 8] = ["continue", "remember", "replace", "reply", "drop", "heartbeat", "close", "call_out"];

/// Bounds of the times of calls, in nanoseconds: from what crossing the boundary costs to the default deadline and beyond.
pub const CALL_NANOS: [u64; 11] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

impl FilterStats {
    /// Adds another instance's counts to these.
    pub(super) fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.verdicts.iter().zip(&other.verdicts) {
            mine.add(theirs.value());
        }
        for (mine, theirs) in self.timed_calls.iter().zip(&other.timed_calls) {
            mine.add(theirs.value());
        }
        for (mine, theirs) in self.plain().into_iter().zip(other.plain()) {
            mine.add(theirs.value());
        }
    }

    /// A call took so long.
    pub(super) fn count_time(&self, nanos: u64) {
        let bucket = CALL_NANOS.partition_point(|&bound| bound < nanos);
        self.timed_calls[bucket].add(1);
        self.timed_nanos.add(nanos);
    }

    pub(super) fn count_verdict(&self, verdict: &Verdict) {
        let index = match verdict {
            Verdict::Continue => 0,
            Verdict::Remember => 1,
            Verdict::Replace(_) => 2,
            Verdict::Reply(_) => 3,
            Verdict::Drop => 4,
            Verdict::Heartbeat(_) => 5,
            Verdict::Close(_) => 6,
            Verdict::CallOut(_) => 7,
        };
        self.verdicts[index].add(1);
    }

    pub(super) fn count_reaction(&self, reaction: &Reaction) {
        match reaction {
            Reaction::None | Reaction::CallOut(_) => {}
            Reaction::Send(_) | Reaction::Close(_) => self.reactions.add(1),
        }
    }

    fn plain(&self) -> [&Counter; 18] {
        [
            &self.calls,
            &self.accepted,
            &self.refused,
            &self.reactions,
            &self.failures,
            &self.traps,
            &self.deadlines,
            &self.misuses,
            &self.throttled,
            &self.restarts,
            &self.recycled,
            &self.instances_refused,
            &self.states_carried,
            &self.states_lost,
            &self.log_lines_thinned,
            &self.timed_nanos,
            &self.sessions,
            &self.memory_bytes,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_under_the_first_bound_that_it_does_not_exceed() {
        let stats = FilterStats::default();
        for nanos in [1, 250, 251, 100_000_001] {
            stats.count_time(nanos);
        }
        let counts: Vec<u64> = stats.timed_calls.iter().map(Counter::value).collect();
        assert_eq!((counts[0], counts[1], counts[CALL_NANOS.len()]), (2, 1, 1));
        assert_eq!(counts.iter().sum::<u64>(), 4);
    }
}
