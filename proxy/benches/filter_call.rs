//! What a filter costs: nanoseconds for each call through the data path's seam, and memory for each instance and session.
//! `cargo bench -p belay --bench filter_call`; without `--bench` (as tests run it) it makes a few calls and says nothing.

#[path = "../tests/support/guest.rs"]
mod guest;

use std::error::Error;
use std::time::Instant as Clock;

use belay::dataplane::chain::{Filter, Handle, Verdict};
use belay::dataplane::message::{Direction, MessageKind};
use belay::dataplane::route::FilterSpec;
use belay::wasm::Host;
use belay::workshop::solo::Solo;
use guest::{FIRST, Guest};

/// Answers with the payload itself.
const REPLACE: &str = "
    (i32.store8 (i32.const 0) (i32.const 2))
    (i32.store (i32.const 4) (local.get $at)) (i32.store (i32.const 8) (local.get $len)) (i32.const 0)";
/// Asks for the time first.
const HOST_CALL: &str = "
    (drop (call $now_ms))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
/// Takes a token of a limiter for each message, under the first 16 bytes as the key.
const TAKE: &str = "
    (call $take (i32.const 0) (local.get $at) (i32.const 16) (i32.const 1) (i32.const 512))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
const DEFINE: &str = "
    (call $define_limiter (i32.const 1024) (i32.const 5) (i32.const 1000) (i64.const 1000) (i32.const 1000) (i32.const 512))
    (i32.store8 (i32.const 0) (i32.const 0)) (i32.store8 (i32.const 4) (i32.const 3))
    (i32.store8 (i32.const 12) (i32.const 0)) (i32.store8 (i32.const 20) (i32.const 0)) (i32.const 0)";

#[expect(clippy::print_stdout, reason = "a bench's results")]
fn main() -> Result<(), Box<dyn Error>> {
    let measured = std::env::args().any(|arg| arg == "--bench");
    let calls: u32 = if measured { 2_000_000 } else { 100 };
    let host = Host::new(None)?;
    let filters = [
        ("continue", Guest::answering(FIRST)),
        ("replace", Guest::answering(REPLACE)),
        ("one host call", Guest::answering(HOST_CALL)),
        ("one take of a limiter", Guest { configure: DEFINE, ..Guest::answering(TAKE) }),
    ];
    if measured {
        println!("{:<24}{:>10}{:>10}{:>10}  ns a call, by payload", "", "64 B", "1 KiB", "16 KiB");
    }
    for (name, guest) in filters {
        let loaded = host.load(&FilterSpec::shipped(name), &guest.component())?;
        let mut filter = loaded.instantiate()?;
        let nanos = [64, 1024, 16 * 1024].map(|bytes| nanos_a_call(&mut *filter, bytes, calls));
        if measured {
            println!("{name:<24}{:>10.0}{:>10.0}{:>10.0}", nanos[0], nanos[1], nanos[2]);
        }
    }
    let instances = if measured { 200 } else { 2 };
    let (instance, start) = an_instance(&host, instances)?;
    let session = a_session(&host, if measured { 100_000 } else { 10 })?;
    if measured {
        println!("\ninstance: {:.1} KiB resident, {start:.0} µs to start", instance / 1024.0);
        println!("session: {session:.0} B resident in an instance");
    }
    Ok(())
}

/// The best of five runs.
fn nanos_a_call(filter: &mut dyn Filter, bytes: usize, calls: u32) -> f64 {
    let (mut session, payload) = (Solo::new(1, "/chat", &[]), vec![b'x'; bytes]);
    let calls = calls / if bytes > 4096 { 4 } else { 1 };
    let mut run = || {
        let started = Clock::now();
        for _ in 0..calls {
            let verdict = filter.on_message(session.call(), Direction::ToBackend, MessageKind::Text, &payload);
            assert!(matches!(verdict, Ok(Verdict::Continue | Verdict::Replace(_))), "{verdict:?}");
        }
        started.elapsed().as_nanos() as f64 / f64::from(calls)
    };
    (0..5).map(|_| run()).fold(f64::INFINITY, f64::min)
}

/// Resident bytes and microseconds for each further instance.
fn an_instance(host: &Host, count: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let loaded = host.load(&FilterSpec::shipped("instances"), &Guest::default().component())?;
    let _first = loaded.instantiate()?;
    let (before, started) = (resident()?, Clock::now());
    let instances = (0..count).map(|_| loaded.instantiate()).collect::<Result<Vec<_>, _>>()?;
    let micros = started.elapsed().as_micros() as f64 / count as f64;
    let bytes = resident()?.saturating_sub(before) as f64 / count as f64;
    drop(instances);
    Ok((bytes, micros))
}

/// Resident bytes that the host and the instance keep for each session (the handle in the session itself not counted).
fn a_session(host: &Host, count: usize) -> Result<f64, Box<dyn Error>> {
    let mut filter = host.load(&FilterSpec::shipped("sessions"), &Guest::default().component())?.instantiate()?;
    let mut session = Solo::new(1, "/chat", &[]);
    let before = resident()?;
    for _ in 0..count {
        // As if it were another one: what is kept of the one before stays.
        session.handle = Handle::default();
        filter.on_handshake(session.call())?;
    }
    Ok(resident()?.saturating_sub(before) as f64 / count as f64)
}

fn resident() -> Result<usize, Box<dyn Error>> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = statm.split(' ').nth(1).ok_or("statm has a second number")?.parse()?;
    Ok(pages * 4096)
}
