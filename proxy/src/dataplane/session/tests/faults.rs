//! Random operations and faults, hundreds of seeds: a client that numbers what it says, a backend that notes what it reads
//! and is killed at any moment, wires that carry any part of what is written.

use std::collections::HashSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::world::{World, policy};
use crate::dataplane::hold::Unconfirmed;
use crate::dataplane::ledger::LossReason;

struct Story {
    world: World,
    /// Written by the session, not yet read by the backend; gone when the backend is killed.
    wire: Vec<u8>,
    said: u64,
    /// What backends read, over all their lives.
    read: Vec<u64>,
    /// Numbers that the client heard from backends.
    heard: Vec<u64>,
    told: u64,
}

impl Story {
    fn step(&mut self, rng: &mut StdRng) {
        match rng.random_range(0..100) {
            0..35 => {
                self.world.client_says_unwritten(&self.said.to_string());
                self.said += 1;
            }
            35..65 => {
                let bytes = self.world.take_upstream(rng.random_range(1..40));
                self.wire.extend(bytes);
            }
            65..80 if !self.world.session.is_holding() => {
                let bytes: Vec<u8> = self.wire.drain(..rng.random_range(0..=self.wire.len())).collect();
                self.world.backend_reads_bytes(&bytes);
                self.world.backend_answers_pings();
                self.read.extend(self.world.backend_heard().iter().map(|text| text.parse::<u64>().expect("a number")));
            }
            80..88 if !self.world.session.is_holding() && self.world.session.wants_upstream_bytes() => {
                self.told += 1;
                self.world.backend_says_unwritten(&self.told.to_string());
            }
            88..92 => self.world.write_client(rng.random_range(1..60)),
            92..95 => self.world.pass_unsettled(Duration::from_millis(rng.random_range(1..1500))),
            95..97 if !self.world.session.is_holding() => {
                self.wire.clear();
                self.world.kill_backend_unwritten();
            }
            97..99 if self.world.session.is_holding() => {
                if rng.random() {
                    self.world.fail_dial_unwritten();
                } else {
                    self.world.bring_backend_back_unwritten();
                }
            }
            _ => {}
        }
        self.heard.extend(self.world.client_heard().iter().map(|text| text.parse::<u64>().expect("a number")));
        self.world.assert_balanced();
    }

    fn end_well(&mut self) {
        if self.world.session.is_holding() {
            self.world.bring_backend_back_unwritten();
        }
        let bytes = std::mem::take(&mut self.wire);
        self.world.backend_reads_bytes(&bytes);
        self.world.settle();
        self.world.pass(Duration::from_secs(5));
        self.read.extend(self.world.backend_heard().iter().map(|text| text.parse::<u64>().expect("a number")));
        self.heard.extend(self.world.client_heard().iter().map(|text| text.parse::<u64>().expect("a number")));
    }
}

fn tell(seed: u64, unconfirmed: Unconfirmed) -> Story {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut route = policy();
    route.hold.unconfirmed = unconfirmed;
    route.hold.bytes_max = 1 << 20;
    route.hold.time_max = Duration::from_secs(3600);
    let mut story =
        Story { world: World::new(route), wire: Vec::new(), said: 0, read: Vec::new(), heard: Vec::new(), told: 0 };
    for _ in 0..600 {
        story.step(&mut rng);
    }
    story.end_well();
    assert!(!story.world.session.is_closed(), "seed {seed}");
    story
}

fn is_increasing(numbers: &[u64]) -> bool {
    numbers.is_sorted_by(|a, b| a < b)
}

#[test]
fn nothing_is_missing_that_was_not_reported_nothing_comes_twice_and_all_in_order() {
    let mut reported = 0;
    for seed in 0..400 {
        let story = tell(seed, Unconfirmed::Report);
        assert!(is_increasing(&story.read), "seed {seed}: {:?}", story.read);
        let missing = story.said - story.read.len() as u64;
        let lost = story.world.lost(LossReason::Unconfirmed);
        assert!(missing <= lost, "seed {seed}: {missing} missing, {lost} reported");
        reported += lost;
        let delivered = story.world.counters.to_backend.delivered.value();
        assert_eq!(delivered + lost, story.said, "seed {seed}");
        assert!(is_increasing(&story.heard), "seed {seed}");
        assert_eq!(story.heard.len() as u64, story.told, "seed {seed}");
    }
    assert!(reported > 0, "no seed lost anything: the test tests nothing");
}

#[test]
fn resending_loses_nothing_and_keeps_the_order() {
    let mut repeats = 0;
    for seed in 0..400 {
        let story = tell(seed, Unconfirmed::Resend);
        let mut known = HashSet::new();
        let firsts: Vec<u64> = story.read.iter().copied().filter(|&number| known.insert(number)).collect();
        assert_eq!(firsts, (0..story.said).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(story.world.lost(LossReason::Unconfirmed), 0);
        assert_eq!(story.world.counters.to_backend.delivered.value(), story.said, "seed {seed}");
        repeats += story.read.len() - firsts.len();
    }
    assert!(repeats > 0, "no seed repeated anything: the test tests nothing");
}
