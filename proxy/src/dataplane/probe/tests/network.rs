//! A network finds what its NATs bear.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

const BOUNDS: Bounds = Bounds { min: Duration::from_secs(25), max: Duration::from_secs(1_800) };

/// Sessions that are asked in turn, in one network that forgets a connection after `nat`.
struct Trial {
    network: Network,
    sessions: usize,
    nat: Duration,
    /// The chance to die, in an hour.
    deaths: f64,
    lost: u32,
    now: Instant,
    dice: SmallRng,
}

impl Trial {
    fn new(sessions: usize, nat: Duration) -> Self {
        let network = Network::new(NOON);
        Self { network, sessions, nat, deaths: 0.0, lost: 0, now: NOON, dice: SmallRng::seed_from_u64(1) }
    }

    /// Every session is silent once, and asked.
    fn round(&mut self) {
        let interval = self.network.interval(BOUNDS);
        let begun = self.now;
        for session in 0..self.sessions {
            // One after the other, as their phases are random.
            self.now = begun + interval + interval * session as u32 / self.sessions as u32;
            let longer = self.network.poll_explorer(self.now, BOUNDS, self.sessions);
            let silence = longer.unwrap_or(self.network.interval(BOUNDS));
            let done = self.now + silence.saturating_sub(interval);
            let dies = self.dice.random_bool((self.deaths * silence.as_secs_f64() / 3_600.0).min(1.0));
            if silence > self.nat || dies {
                self.lost += u32::from(silence > self.nat);
                self.network.on_missed(done, BOUNDS, self.sessions, silence);
            } else {
                self.network.on_answered(done, BOUNDS, self.sessions, silence);
            }
        }
        self.now = begun + interval * 2;
    }

    fn rounds(&mut self, count: u32) -> Duration {
        (0..count).for_each(|_| self.round());
        self.network.interval(BOUNDS)
    }
}

#[test]
fn a_network_settles_below_what_its_nats_bear() {
    for nat in [40, 60, 130, 300, 700, 1_500] {
        for sessions in [1, 10, 300] {
            let mut trial = Trial::new(sessions, secs(nat));
            let interval = trial.rounds(1_000);
            assert!(interval <= secs(nat), "{sessions} sessions, {nat} s: {interval:?}");
            assert!(interval * 5 / 4 >= secs(nat), "{sessions} sessions, {nat} s: {interval:?}");
        }
    }
}

#[test]
fn a_network_that_forgets_nothing_goes_to_the_top() {
    let mut trial = Trial::new(5, secs(7_200));
    assert_eq!(trial.rounds(400), BOUNDS.max);
    assert_eq!(trial.lost, 0);
}

#[test]
fn a_network_that_forgets_sooner_than_the_least_stays_at_the_least() {
    let mut trial = Trial::new(20, secs(10));
    assert_eq!(trial.rounds(50), BOUNDS.min);
}

#[test]
fn learning_costs_a_whole_crowd_a_few_connections_a_step() {
    for sessions in [1, 10, 100, 1_000] {
        let mut trial = Trial::new(sessions, secs(310));
        trial.rounds(300);
        assert!(trial.lost <= 40, "{} of {sessions} lost", trial.lost);
    }
}

#[test]
fn clients_that_die_are_not_taken_for_a_network_that_forgets() {
    let mut trial = Trial::new(50, secs(7_200));
    trial.deaths = 0.5;
    let interval = trial.rounds(1_000);
    assert!(interval >= secs(600), "{interval:?}");
}

#[test]
fn one_missed_probe_is_no_proof() {
    for sessions in [1, 2, 100] {
        let mut network = Network::new(NOON);
        let candidate = network.poll_explorer(NOON, BOUNDS, sessions).unwrap();
        network.on_missed(NOON + candidate, BOUNDS, sessions, candidate);
        assert_eq!(network.search(), Search::Climbing, "{sessions}");
    }
}

#[test]
fn two_clients_behind_one_nat_learn_twice_as_fast() {
    let steps = |sessions| {
        let mut trial = Trial::new(sessions, secs(7_200));
        (0..).find(|_| trial.rounds(1) >= secs(200)).unwrap()
    };
    assert!(steps(2) <= steps(1), "{} {}", steps(2), steps(1));
}

#[test]
fn few_explore_and_the_others_keep_to_what_is_safe() {
    let mut network = Network::new(NOON);
    let explorers = (0..1_000).filter(|_| network.poll_explorer(NOON, BOUNDS, 1_000).is_some()).count();
    assert_eq!(explorers, 1);
    // Within the time that an exploration takes, no more than sixteen of a thousand.
    let more = secs(25);
    let explorers =
        (0..1_000).filter(|n| network.poll_explorer(NOON + more * *n / 1_000, BOUNDS, 1_000).is_some()).count();
    assert!((8..=16).contains(&explorers), "{explorers}");
}

#[test]
fn a_network_that_becomes_worse_is_noticed() {
    let mut trial = Trial::new(20, secs(7_200));
    assert_eq!(trial.rounds(300), BOUNDS.max);
    trial.nat = secs(120);
    let interval = trial.rounds(600);
    assert!(interval <= secs(120), "{interval:?}");
}

#[test]
fn a_settled_network_tries_again_after_three_days() {
    let mut trial = Trial::new(20, secs(100));
    trial.rounds(300);
    assert!(matches!(trial.network.search(), Search::Settled { .. }), "{:?}", trial.network.search());
    trial.nat = secs(7_200);
    trial.now = trial.now + secs(3 * 24 * 3_600);
    assert_eq!(trial.rounds(300), BOUNDS.max);
}

#[test]
fn a_silence_that_nobody_meant_teaches_nothing() {
    let mut network = Network::new(NOON);
    let candidate = network.candidate(BOUNDS).unwrap();
    for n in 0..100 {
        // The process stood still, and everybody seems to have been silent for an hour.
        network.on_missed(NOON + secs(n), BOUNDS, 100, secs(3_600));
    }
    assert_eq!((network.interval(BOUNDS), network.candidate(BOUNDS)), (BOUNDS.min, Some(candidate)));
}

#[test]
fn a_route_with_tighter_limits_keeps_to_them() {
    let mut trial = Trial::new(5, secs(7_200));
    trial.rounds(400);
    let tight = Bounds { min: secs(10), max: secs(45) };
    assert_eq!(trial.network.interval(tight), secs(45));
    assert_eq!(trial.network.candidate(tight), None);
    let wide = Bounds { min: secs(3_000), max: secs(3_600) };
    assert_eq!(trial.network.interval(wide), secs(3_000));
}
