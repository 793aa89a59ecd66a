//! What one client's answers tell of its way: round-trip time, how much it varies, and how often an answer is missed. Twelve
//! bytes, since every session has one.

use std::time::Duration;

/// Smoothed round-trip time and its variation as RFC 6298, section 2, has them, and a moving average of loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Estimate {
    /// In microseconds; zero before the first answer.
    srtt: u32,
    /// In microseconds.
    rttvar: u32,
    /// In 65,536ths.
    loss: u16,
}

/// The weight of the last probe in the average of loss.
const LOSS_WEIGHT: u16 = 16;

impl Estimate {
    /// A probe was answered after `rtt`.
    pub fn on_answer(&mut self, rtt: Duration) {
        // Zero means that there is none.
        let rtt = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX).max(1);
        if self.srtt == 0 {
            (self.srtt, self.rttvar) = (rtt, rtt / 2);
            return;
        }
        // Weights of a quarter and an eighth, as in the RFC; the differences are halved first so that nothing overflows.
        self.rttvar = self.rttvar - self.rttvar / 4 + self.srtt.abs_diff(rtt) / 4;
        self.srtt = (self.srtt - self.srtt / 8).saturating_add(rtt / 8).max(1);
    }

    /// A probe was answered before its first timeout.
    pub fn on_kept(&mut self) {
        self.loss -= self.loss / LOSS_WEIGHT;
    }

    /// A probe was not answered before its first timeout.
    pub fn on_missed(&mut self) {
        self.loss += (u16::MAX - self.loss) / LOSS_WEIGHT;
    }

    /// The smoothed round-trip time, once there was an answer.
    pub fn rtt(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| Duration::from_micros(u64::from(self.srtt)))
    }

    /// The share of probes whose first timeout passed, from 0 to 1.
    pub fn loss(&self) -> f32 {
        f32::from(self.loss) / f32::from(u16::MAX)
    }

    /// RFC 6298's RTO, once there was an answer: how long an answer may take without anything being wrong.
    pub fn timeout(&self) -> Option<Duration> {
        self.rtt().map(|rtt| rtt + Duration::from_micros(4 * u64::from(self.rttvar)))
    }
}
