//! When one client is asked, asked again, and taken for dead. Forty-eight bytes a session.

use std::time::Duration;

use super::estimate::Estimate;
use super::network::Bounds;
use super::networks::Shared;
use super::{Adaptive, LossAware, Probe};
use crate::time::Instant;

/// See the module.
#[derive(Debug)]
pub struct Prober {
    estimate: Estimate,
    /// The silence after which the client is asked, as last known.
    interval: Millis,
    phase: Phase,
    /// When the client was last sent anything: if it lives, its own acknowledgement of that has kept its connection known.
    written: Instant,
    network: Option<Shared>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// The client was heard, or is not silent for long enough to be asked.
    Quiet,
    /// It is to be asked after a silence of its own: its first, or one longer than is known to be safe, which it is left in
    /// for the sake of its network.
    Apart { silence: Millis },
    /// It was asked after `silence`, the last time of `tries` at `sent`.
    Asked { sent: Instant, silence: Millis, tries: u8 },
}

/// What is to be done with a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing yet.
    Wait,
    /// Ask whether it lives.
    Ask {
        /// How often it was asked before.
        asked: Try,
        /// To be repeated by the answer.
        number: u64,
    },
    /// It is dead.
    Dead,
}

/// The first time that a client is asked, or one more after an answer was missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Try {
    /// It was silent.
    First,
    /// It did not answer in time.
    Again,
}

/// Milliseconds in 32 bits: 49 days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Millis(u32);

/// An adaptive probe asks so often before it gives a client up, each time for twice as long (RFC 6298, section 5.5).
const TRIES: u8 = 2;
/// The sum of these timeouts, in units of the first.
const TIMEOUTS: u32 = (1 << TRIES) - 1;
/// All tries together take so many of the timeouts that RFC 6298 has for a packet: a question goes over TCP, which needs some
/// of them to bring a lost packet there after all.
const PATIENCE_TIMEOUTS: u32 = 8;
/// Before anything is known.
const PATIENCE_UNKNOWN: Duration = Duration::from_secs(9);
/// However fast a client has been.
const PATIENCE_MIN: Duration = Duration::from_millis(4_500);
/// However slowly it answers.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// And no more than this part of the time to detect in: what is spent on patience cannot be spent on silence.
const PATIENCE_SHARE: u32 = 4;
/// The published rule says when to ask, and nothing of timeouts.
const RULE_PATIENCE: Duration = Duration::from_secs(10);
/// An answer to a number older than this is none.
const ANSWER_AGE_MAX: Duration = Duration::from_secs(120);
/// A loss above this is much, to [`LossAware`].
const MUCH_LOSS: f32 = 0.1;

impl Prober {
    /// For a client that has just come, with its network if it learns together with others. It is first asked in the second
    /// half of its interval, where in it `phase` says from 0 to 1: a crowd that came at once is not asked at once, and one that
    /// has just spoken is not asked at all.
    pub fn new(policy: &Probe, network: Option<Shared>, now: Instant, phase: f64) -> Self {
        let mut prober =
            Self { estimate: Estimate::default(), interval: Millis(0), phase: Phase::Quiet, written: now, network };
        prober.refresh(policy);
        let first = Duration::from(prober.interval).mul_f64(f64::midpoint(1.0, phase.clamp(0.0, 1.0)));
        prober.phase = Phase::Apart { silence: first.into() };
        prober
    }

    /// The client was sent something.
    pub fn on_written(&mut self, now: Instant) {
        self.written = now;
    }

    /// When [`Prober::handle_due`] has something to do, `heard` being when the client's last byte came.
    pub fn next_due(&self, policy: &Probe, heard: Instant) -> Instant {
        match self.phase {
            Phase::Asked { sent, tries, .. } => sent + self.timeout(policy, tries),
            Phase::Quiet => self.due_after(policy, heard, self.interval),
            Phase::Apart { silence } => self.due_after(policy, heard, silence),
        }
    }

    /// Whether the client, having been asked, has since said something else than an answer: it says as well that it lives.
    pub fn hear(&mut self, policy: &Probe, now: Instant, heard: Instant) -> bool {
        let Phase::Asked { sent, silence, tries } = self.phase else { return false };
        let is_heard = heard >= sent;
        if is_heard {
            self.settle(policy, now, silence, tries);
        }
        is_heard
    }

    /// Says what to do now with a client that [`Prober::hear`] was told of.
    pub fn handle_due(&mut self, policy: &Probe, now: Instant, heard: Instant) -> Step {
        if let Phase::Asked { sent, silence, tries } = self.phase {
            return self.handle_timeout(policy, now, sent, silence, tries);
        }
        let silence = self.silence(policy, now, heard);
        if let Phase::Apart { .. } = self.phase
            && now < self.next_due(policy, heard)
        {
            // Apart => Quiet: the silence was broken.
            self.phase = Phase::Quiet;
        }
        if let (Phase::Quiet, Some(network), Probe::Adaptive(adaptive)) = (self.phase, &self.network, policy)
            && silence >= Duration::from(self.interval)
            && let Some(longer) = network.poll_explorer(now, self.bounds(adaptive))
        {
            // Quiet => Apart
            self.phase = Phase::Apart { silence: longer.into() };
        }
        let due = self.next_due(policy, heard);
        if now < due { Step::Wait } else { self.ask(now, silence.into(), 0) }
    }

    /// The client answered the probe of that number. Whether it was asked.
    pub fn handle_answer(&mut self, policy: &Probe, now: Instant, number: u64) -> bool {
        let Phase::Asked { silence, tries, .. } = self.phase else { return false };
        // The number is the time of asking. Karn's ambiguity does not arise, as each try has a number of its own.
        let rtt = now.as_micros().checked_sub(number).map(Duration::from_micros);
        if let Some(rtt) = rtt.filter(|rtt| *rtt <= ANSWER_AGE_MAX) {
            self.estimate.on_answer(rtt);
        }
        self.settle(policy, now, silence, tries);
        true
    }

    /// The smoothed round-trip time, once there was an answer.
    pub fn rtt(&self) -> Option<Duration> {
        self.estimate.rtt()
    }

    fn handle_timeout(&mut self, policy: &Probe, now: Instant, sent: Instant, silence: Millis, tries: u8) -> Step {
        let timeout = self.timeout(policy, tries);
        let until = sent + timeout;
        if now < until {
            return Step::Wait;
        }
        if now > until + timeout {
            // We were not there to hear an answer: the process stood still.
            return self.ask(now, silence, tries);
        }
        if tries == 0 {
            self.estimate.on_missed();
        }
        if tries + 1 < tries_max(policy) {
            return self.ask(now, silence, tries + 1);
        }
        if let (Some(network), Probe::Adaptive(adaptive)) = (&self.network, policy) {
            network.on_missed(now, self.bounds(adaptive), silence.into());
        }
        self.phase = Phase::Quiet;
        Step::Dead
    }

    fn ask(&mut self, now: Instant, silence: Millis, tries: u8) -> Step {
        self.phase = Phase::Asked { sent: now, silence, tries };
        let asked = if tries == 0 { Try::First } else { Try::Again };
        Step::Ask { asked, number: now.as_micros() }
    }

    // Asked => Quiet
    fn settle(&mut self, policy: &Probe, now: Instant, silence: Millis, tries: u8) {
        self.phase = Phase::Quiet;
        if tries == 0 {
            self.estimate.on_kept();
        }
        if let (Some(network), Probe::Adaptive(adaptive)) = (&self.network, policy) {
            self.interval = network.on_answered(now, self.bounds(adaptive), silence.into()).into();
        } else {
            self.refresh(policy);
        }
    }

    fn refresh(&mut self, policy: &Probe) {
        let interval = match policy {
            Probe::Fixed(fixed) => fixed.every,
            Probe::LossAware(rule) => rule.interval(&self.estimate),
            Probe::Adaptive(adaptive) => {
                let bounds = self.bounds(adaptive);
                self.network.as_ref().map_or(bounds.min, |network| network.interval(bounds))
            }
        };
        self.interval = interval.into();
    }

    /// When a silence that began with the last byte is so long, or so long that the client must be asked to be found dead
    /// in time.
    fn due_after(&self, policy: &Probe, heard: Instant, silence: Millis) -> Instant {
        let Probe::Adaptive(adaptive) = policy else { return heard + silence.into() };
        let detecting = adaptive.detect_within.saturating_sub(self.patience(adaptive));
        (heard.max(self.written) + silence.into()).min(heard + detecting)
    }

    /// Of the client, or of both sides where it is the network that must not forget them.
    fn silence(&self, policy: &Probe, now: Instant, heard: Instant) -> Duration {
        match policy {
            Probe::Adaptive(_) => now - heard.max(self.written),
            Probe::Fixed(_) | Probe::LossAware(_) => now - heard,
        }
    }

    fn timeout(&self, policy: &Probe, tries: u8) -> Duration {
        match policy {
            Probe::Fixed(fixed) => fixed.timeout,
            Probe::LossAware(_) => RULE_PATIENCE / TIMEOUTS * (1 << tries),
            Probe::Adaptive(adaptive) => self.patience(adaptive) / TIMEOUTS * (1 << tries),
        }
    }

    /// The longest from the first try to giving up.
    fn patience(&self, adaptive: &Adaptive) -> Duration {
        let most = (adaptive.detect_within / PATIENCE_SHARE).min(PATIENCE_MAX);
        let patience = self.estimate.timeout().map_or(PATIENCE_UNKNOWN, |timeout| timeout * PATIENCE_TIMEOUTS);
        patience.clamp(PATIENCE_MIN.min(most), most)
    }

    fn bounds(&self, adaptive: &Adaptive) -> Bounds {
        let max = adaptive.max.min(adaptive.detect_within.saturating_sub(self.patience(adaptive)));
        Bounds { min: adaptive.min, max: max.max(adaptive.min) }
    }
}

fn tries_max(policy: &Probe) -> u8 {
    match policy {
        Probe::Fixed(_) => 1,
        Probe::LossAware(_) | Probe::Adaptive(_) => TRIES,
    }
}

impl LossAware {
    fn interval(&self, estimate: &Estimate) -> Duration {
        // Without a round-trip time there is no loss either.
        let rtt = estimate.rtt().unwrap_or_default();
        if estimate.loss() > MUCH_LOSS { (rtt * 2).min(self.max) } else { rtt.mul_f64(0.8).max(self.min) }
    }
}

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
    }
}

impl From<Millis> for Duration {
    fn from(millis: Millis) -> Self {
        Self::from_millis(u64::from(millis.0))
    }
}
