//! What one more filter costs each message: many of the same kind, so that it stands out of the noise, and divided.

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::echo;
use crate::options::Options;
use crate::subject::Subject;

/// Filters in the chain. Each hears both of an echo's messages, if it hears any.
pub(crate) const FILTERS: usize = 8;
/// Messages of an echo: there and back.
const MESSAGES: usize = 2;
/// Where the processor time of an echo is steadiest.
const CONNECTIONS: usize = 64;

/// One round: processor time of an echo, in microseconds.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub(crate) struct FilterCosts {
    pub(crate) none_us: f64,
    pub(crate) unsubscribed_us: f64,
    pub(crate) without_payload_us: f64,
}

impl FilterCosts {
    /// Of one more filter that does not subscribe to messages.
    pub(crate) fn of_unsubscribed_us(&self) -> f64 {
        (self.unsubscribed_us - self.none_us) / (FILTERS * MESSAGES) as f64
    }

    /// Of one more filter that subscribes to messages without their payload.
    pub(crate) fn of_listening_us(&self) -> f64 {
        (self.without_payload_us - self.none_us) / (FILTERS * MESSAGES) as f64
    }
}

pub(crate) fn measure(options: &Options, round: u32) -> Outcome<FilterCosts> {
    let cpu_us = |subject: Subject| echo::measure(&subject, options, CONNECTIONS, round).map(|echo| echo.cpu_us());
    Ok(FilterCosts {
        none_us: cpu_us(Subject::belay(options))?,
        unsubscribed_us: cpu_us(Subject::belay_unsubscribed(options))?,
        without_payload_us: cpu_us(Subject::belay_without_payload(options))?,
    })
}
