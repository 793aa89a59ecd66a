//! The way between one client and the server: TCP over a network that loses packets, is away at times, delays, and has a NAT
//! that forgets a connection in which nothing passed for too long.

use std::collections::VecDeque;
use std::time::Duration;

use belay::time::Instant;
use rand::Rng;
use rand::rngs::SmallRng;

use crate::people::Network;

/// Linux gives a segment up after 15 retransmissions, `tcp_retries2`.
const RETRANSMISSIONS: u32 = 15;
/// RFC 6298 has 1 s; Linux has this.
const RTO_MIN: Duration = Duration::from_millis(200);
const RTO_MAX: Duration = Duration::from_secs(120);

/// What became of bytes that one side sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    /// They arrive then.
    Arrives(Instant),
    /// The NAT has forgotten the connection: nothing arrives any more.
    Forgotten,
    /// No retransmission got through.
    GivenUp,
}

pub(crate) struct Path {
    rtt: Duration,
    /// When a packet last passed the NAT.
    passed: Instant,
    /// Neither overtakes what was sent before it.
    last_down: Instant,
    last_up: Instant,
    is_forgotten: bool,
    /// Times in which nothing passes, those that are known so far.
    outages: VecDeque<(Instant, Instant)>,
    outages_known_to: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Towards {
    Client,
    Server,
}

impl Path {
    pub(crate) fn new(network: &Network, now: Instant, dice: &mut SmallRng) -> Self {
        Self {
            rtt: network.rtt.mul_f64(dice.random_range(0.7..1.5)),
            passed: now,
            last_down: now,
            last_up: now,
            is_forgotten: false,
            outages: VecDeque::new(),
            outages_known_to: now,
        }
    }

    /// A new connection over the same way.
    pub(crate) fn reconnect(&mut self, now: Instant) {
        (self.passed, self.last_down, self.last_up, self.is_forgotten) = (now, now, now, false);
    }

    /// Whether a packet at that time finds its connection known.
    pub(crate) fn is_forgotten(&self, network: &Network, at: Instant) -> bool {
        self.is_forgotten || at.since(self.passed) > network.nat_timeout
    }

    pub(crate) fn send(&mut self, network: &Network, now: Instant, to: Towards, dice: &mut SmallRng) -> Sent {
        let mut rto = (self.rtt * 2).max(RTO_MIN);
        let mut at = now;
        for _ in 0..=RETRANSMISSIONS {
            if self.is_forgotten(network, at) {
                self.is_forgotten = true;
                return Sent::Forgotten;
            }
            if !self.is_out(network, at, dice) && dice.random::<f64>() >= network.loss {
                let jitter = dice.random_range(0.0..1.0_f64).powi(3) * network.jitter.as_secs_f64();
                let arrival = at + self.rtt / 2 + Duration::from_secs_f64(jitter);
                let last = if to == Towards::Client { &mut self.last_down } else { &mut self.last_up };
                *last = arrival.max(*last);
                self.passed = self.passed.max(at);
                return Sent::Arrives(*last);
            }
            at = at + rto;
            rto = (rto * 2).min(RTO_MAX);
        }
        Sent::GivenUp
    }

    /// When the client can act on what reached it at `at`: not while it sleeps, which is an outage too.
    pub(crate) fn awake(&mut self, network: &Network, at: Instant, dice: &mut SmallRng) -> Instant {
        self.know_outages(network, at, dice);
        let outage = self.outages.iter().find(|(begin, end)| *begin <= at && at < *end);
        outage.map_or(at, |(_, end)| *end)
    }

    /// What is over is not asked for again.
    pub(crate) fn forget_before(&mut self, now: Instant) {
        while self.outages.front().is_some_and(|(_, end)| *end + Duration::from_secs(900) < now) {
            self.outages.pop_front();
        }
    }

    fn is_out(&mut self, network: &Network, at: Instant, dice: &mut SmallRng) -> bool {
        self.know_outages(network, at, dice);
        self.outages.iter().any(|(begin, end)| *begin <= at && at < *end)
    }

    fn know_outages(&mut self, network: &Network, to: Instant, dice: &mut SmallRng) {
        while self.outages_known_to <= to {
            let begin = self.outages_known_to + network.until_outage(dice);
            let end = begin + network.outage(dice);
            self.outages.push_back((begin, end));
            self.outages_known_to = end;
        }
    }
}
