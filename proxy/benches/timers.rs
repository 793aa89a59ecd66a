//! What a timer costs: bytes for each, and the time to move one, in the worker's wheel and in tokio's. A session moves its
//! timer again and again and hardly ever lets it fire. `cargo bench -p belay --bench timers`; without `--bench` (as tests
//! run it) it makes a few and says nothing.

#![allow(clippy::print_stdout, reason = "a bench's results")]

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant as Clock};

use belay::time::Instant;
use belay::wheel::Wheel;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Sleep, sleep};

/// As many as sessions of a large worker.
const TIMERS: usize = 1_000_000;
/// Each is moved so often.
const ROUNDS: usize = 5;

fn main() -> std::io::Result<()> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let timers = if measured { TIMERS } else { 100 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _inside = runtime.enter();
    // Ours first: what tokio's gave back would be taken again.
    let rows = [("the worker's wheel", ours(timers)), ("tokio's Sleep", tokios(timers))];
    if measured {
        println!("{timers} timers, each moved {ROUNDS} times to a deadline within half an hour\n");
        for (name, figures) in rows {
            println!("{name:20} {:4} bytes a timer   {:4} ns to move one", figures.bytes, figures.nanos);
        }
    }
    Ok(())
}

struct Figures {
    bytes: usize,
    nanos: u128,
}

fn ours(timers: usize) -> Figures {
    let before = resident_bytes();
    let mut dice = SmallRng::seed_from_u64(1);
    let mut wheel = Wheel::default();
    (0..timers).for_each(|key| wheel.arm(key, Instant::ZERO + some_time(&mut dice)));
    let bytes = resident_bytes().saturating_sub(before) / timers;
    let begun = Clock::now();
    for _ in 0..ROUNDS {
        (0..timers).for_each(|key| wheel.arm(key, Instant::ZERO + some_time(&mut dice)));
    }
    let nanos = begun.elapsed().as_nanos() / (timers * ROUNDS) as u128;
    black_box(&wheel);
    Figures { bytes, nanos }
}

fn tokios(timers: usize) -> Figures {
    let before = resident_bytes();
    let mut dice = SmallRng::seed_from_u64(1);
    let mut sleeps: Vec<Pin<Box<Sleep>>> = (0..timers).map(|_| Box::pin(sleep(some_time(&mut dice)))).collect();
    // One that nobody has waited for is in no wheel yet.
    let mut context = Context::from_waker(Waker::noop());
    for sleep in &mut sleeps {
        black_box(sleep.as_mut().poll(&mut context).is_ready());
    }
    let bytes = resident_bytes().saturating_sub(before) / timers;
    let now = tokio::time::Instant::now();
    let begun = Clock::now();
    for _ in 0..ROUNDS {
        sleeps.iter_mut().for_each(|sleep| sleep.as_mut().reset(now + some_time(&mut dice)));
    }
    Figures { bytes, nanos: begun.elapsed().as_nanos() / (timers * ROUNDS) as u128 }
}

fn some_time(dice: &mut SmallRng) -> Duration {
    Duration::from_millis(dice.random_range(10_000..1_800_000))
}

/// What the process has in memory, as Linux counts it.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}
