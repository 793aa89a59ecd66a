//! The networks and the habits of the clients. Figures of this kind differ between any two services; what matters is that
//! every way to ask meets the same ones.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

/// What the clients of one network have in common.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// After so much silence its NATs forget a connection.
    pub(crate) nat_timeout: Duration,
    pub(crate) rtt: Duration,
    /// The most that is added to half a round-trip time; a third of packets get an eighth of a percent of it and few get all.
    pub(crate) jitter: Duration,
    /// The share of packets.
    pub(crate) loss: f64,
    outages_per_hour: f64,
    /// The median; one in forty is ten times as long.
    outage_secs: f64,
}

/// Of clients, how many are in networks of such a NAT timeout, in seconds. 30 s to 30 min is what measurements of mobile
/// carriers and home routers found ("An Untold Story of Middleboxes in Cellular Networks", SIGCOMM 2011; "An Experimental Study of
/// Home Gateway Characteristics", IMC 2010); RFC 5382 asks for 2 h and is not often heard.
const NAT_TIMEOUTS: [(f64, u64); 8] =
    [(0.05, 30), (0.08, 60), (0.12, 120), (0.10, 180), (0.25, 300), (0.15, 600), (0.10, 900), (0.15, 1_800)];

/// From its first connection on, a client vanishes without a word so often.
const DEATHS_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// And is back after so long.
const AWAY: Duration = Duration::from_secs(20 * 60);
/// One in so many chats; the others listen.
const CHATTERS: f64 = 0.3;
const CHATS_EVERY: Duration = Duration::from_secs(40 * 60);
const CHAT_LASTS: Duration = Duration::from_secs(5 * 60);
const TALKS_EVERY: Duration = Duration::from_secs(15);
/// What everybody is told, wanted or not.
const TOLD_EVERY: Duration = Duration::from_secs(30 * 60);

impl Network {
    pub(crate) fn some(nat_from: u64, dice: &mut SmallRng) -> Self {
        let possible = NAT_TIMEOUTS.iter().filter(|(_, secs)| *secs >= nat_from);
        let all: f64 = possible.clone().map(|(share, _)| share).sum();
        let mut place = dice.random::<f64>() * all;
        let of_place = possible.clone().find(|(share, _)| {
            place -= share;
            place < 0.0
        });
        let nat_timeout = Duration::from_secs(of_place.map_or(300, |(_, secs)| *secs));
        let is_mobile = dice.random_bool(0.6);
        Self {
            nat_timeout,
            rtt: Duration::from_millis(if is_mobile { dice.random_range(60..400) } else { dice.random_range(15..150) }),
            jitter: Duration::from_millis(if is_mobile { 800 } else { 80 }),
            loss: if is_mobile { dice.random_range(0.005..0.05) } else { dice.random_range(0.000..0.01) },
            outages_per_hour: if is_mobile { 1.0 } else { 0.1 },
            outage_secs: if is_mobile { 5.0 } else { 3.0 },
        }
    }

    pub(crate) fn until_outage(&self, dice: &mut SmallRng) -> Duration {
        some_time(Duration::from_secs_f64(3_600.0 / self.outages_per_hour), dice)
    }

    pub(crate) fn outage(&self, dice: &mut SmallRng) -> Duration {
        Duration::from_secs_f64(self.outage_secs * (normal(dice) * 1.17).exp())
    }
}

/// Networks by how many clients are in each: a few large ones, many of one client.
pub(crate) fn networks(clients: usize) -> Vec<usize> {
    let mut sizes = Vec::new();
    for (percent, size) in [(40, 200), (30, 25), (20, 4)] {
        sizes.extend(std::iter::repeat_n(size, clients * percent / 100 / size));
    }
    let alone = clients - sizes.iter().sum::<usize>();
    sizes.extend(std::iter::repeat_n(1, alone));
    sizes
}

pub(crate) fn is_chatter(dice: &mut SmallRng) -> bool {
    dice.random_bool(CHATTERS)
}

pub(crate) fn until_death(dice: &mut SmallRng) -> Duration {
    some_time(DEATHS_EVERY, dice)
}

pub(crate) fn away(dice: &mut SmallRng) -> Duration {
    some_time(AWAY, dice)
}

/// A client whose connection is gone finds out when it next looks: applications have watchdogs of their own.
pub(crate) fn until_it_notices(dice: &mut SmallRng) -> Duration {
    Duration::from_secs_f64(dice.random_range(5.0..60.0))
}

pub(crate) fn until_mood_changes(is_chatting: bool, dice: &mut SmallRng) -> Duration {
    some_time(if is_chatting { CHAT_LASTS } else { CHATS_EVERY }, dice)
}

pub(crate) fn until_it_talks(dice: &mut SmallRng) -> Duration {
    some_time(TALKS_EVERY, dice)
}

pub(crate) fn until_it_is_told(is_chatting: bool, dice: &mut SmallRng) -> Duration {
    some_time(if is_chatting { TALKS_EVERY } else { TOLD_EVERY }, dice)
}

/// Exponential, with this mean.
fn some_time(mean: Duration, dice: &mut SmallRng) -> Duration {
    mean.mul_f64(-(1.0 - dice.random::<f64>()).ln())
}

/// Box and Muller.
fn normal(dice: &mut SmallRng) -> f64 {
    let (a, b): (f64, f64) = (1.0 - dice.random::<f64>(), dice.random());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}
