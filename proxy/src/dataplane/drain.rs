//! How the process goes away: what was configured. When it begins is the app's, who is told when a worker's
//! (`worker/departure.rs`), what a session does then its own.

use std::time::Duration;

use rand::Rng;

use super::message::CloseReason;

/// The YAML's `drain`. All of it together, and the six seconds that close handshakes are given, is what the process takes
/// at most from SIGTERM to its last session.
#[derive(Clone, Debug)]
pub struct Drain {
    /// Clients are still taken for so long, while readiness is off already. Default none.
    pub accept_for: Duration,
    /// Sessions that have a backend are left to it for so long. One that loses it then is closed in place of being held.
    /// Default none.
    pub wait_for_backend: Duration,
    /// Sessions are closed one by one over this time. Default 10 s.
    pub over: Duration,
    /// With this code. Default 1001.
    pub close_code: u16,
    /// And this text, in which [`SECONDS`] becomes the wait. Default `going away; reconnect after {seconds} s`.
    pub reason: Box<str>,
    /// When clients are to come back.
    pub reconnect_after: ReconnectAfter,
}

/// Each client is told a wait of its own, drawn evenly from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReconnectAfter {
    /// The shortest. Default 500 ms.
    pub from: Duration,
    /// The longest. Default 5 s.
    pub to: Duration,
}

/// In [`Drain::reason`]: seconds, with one digit behind the point.
pub const SECONDS: &str = "{seconds}";

impl Drain {
    /// What one client is told.
    pub fn farewell(&self, random: &mut impl Rng) -> CloseReason {
        CloseReason::new(self.close_code, &self.said(self.reconnect_after.draw(random)))
    }

    /// The same without any waiting.
    #[must_use]
    pub fn at_once(&self) -> Self {
        let none = Duration::ZERO;
        Self { accept_for: none, wait_for_backend: none, over: none, ..self.clone() }
    }

    /// The text with this wait in it.
    pub fn said(&self, wait: Duration) -> String {
        self.reason.replace(SECONDS, &format!("{:.1}", wait.as_secs_f64()))
    }
}

impl ReconnectAfter {
    fn draw(self, random: &mut impl Rng) -> Duration {
        random.random_range(self.from..=self.to.max(self.from))
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            accept_for: Duration::ZERO,
            wait_for_backend: Duration::ZERO,
            over: Duration::from_secs(10),
            close_code: 1001,
            reason: "going away; reconnect after {seconds} s".into(),
            reconnect_after: ReconnectAfter::default(),
        }
    }
}

impl Default for ReconnectAfter {
    fn default() -> Self {
        Self { from: Duration::from_millis(500), to: Duration::from_secs(5) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn each_client_is_told_a_wait_of_its_own_within_the_bounds() {
        let drain = Drain::default();
        let mut random = SmallRng::seed_from_u64(7);
        let told: BTreeSet<String> = (0..200).map(|_| drain.farewell(&mut random).reason.into()).collect();
        assert!(told.len() > 30, "{told:?}");
        for reason in &told {
            let seconds = reason.strip_prefix("going away; reconnect after ").and_then(|rest| rest.strip_suffix(" s"));
            let seconds: f64 = seconds.unwrap().parse().unwrap();
            assert!((0.5..=5.0).contains(&seconds), "{reason}");
        }
    }

    #[test]
    fn a_text_without_the_wait_is_said_as_it_is() {
        let drain = Drain { reason: "bye".into(), close_code: 1012, ..Drain::default() };
        assert_eq!(drain.farewell(&mut SmallRng::seed_from_u64(1)), CloseReason::new(1012, "bye"));
    }
}
