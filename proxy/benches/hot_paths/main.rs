//! What every message goes through, piece by piece: the codec, a session, the chain, the wheel, the queue that holds.
//!
//! `cargo bench -p belay --bench hot_paths` gives nanoseconds. `--count CASE TIMES` does one of them so many times and
//! nothing else, for a program that counts instructions: `cargo xtask gate`. Without either (as tests run it) it does each a
//! few times and says nothing.

#![allow(clippy::print_stdout, reason = "a bench's results")]

mod cases;
#[path = "../../tests/support/guest.rs"]
mod guest;
mod world;

use std::error::Error;
use std::time::Instant;

use cases::CASES;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--list"] => CASES.iter().for_each(|case| println!("{}", case.name)),
        ["--count", name, times] => {
            let case = CASES.iter().find(|case| case.name == name).ok_or("there is no such case")?;
            (case.run)(times.parse()?)?;
        }
        _ if arguments.contains(&"--bench") => {
            for case in &CASES {
                println!("{:<48} {:>8.1} ns", case.name, nanos(case.run)?);
            }
        }
        _ => CASES.iter().try_for_each(|case| (case.run)(3))?,
    }
    Ok(())
}

/// For one, the best of five runs.
fn nanos(run: fn(u32) -> cases::Outcome) -> Result<f64, Box<dyn Error>> {
    const TIMES: u32 = 200_000;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        run(TIMES)?;
        best = best.min(begun.elapsed().as_nanos() as f64 / f64::from(TIMES));
    }
    Ok(best)
}
