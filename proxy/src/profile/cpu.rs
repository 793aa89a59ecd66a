//! Where processor time goes: each thread is interrupted now and then, and its stack noted.

use std::time::Duration;

use pprof::{Frames, ProfilerGuardBuilder, Symbol};

use super::ProfileError;
use super::encode::{Line, Place, Profile};

/// Interruptions a second. Not a round number: what happens at round intervals is not to be missed, or seen, each time.
const HERTZ: i32 = 99;
/// What unwinds is not unwound. The C library is, since system calls are where most of a proxy's time goes; to find its frames
/// takes no lock since glibc 2.35 (`_dl_find_object`).
const NOT_IN: [&str; 2] = ["libgcc", "vdso"];

/// Whose frames stand above what was interrupted, as far as the library leaves them there.
const OWN: [&str; 3] = ["backtrace::", "pprof::", "<pprof::"];

/// Takes so long, and blocks.
pub(super) fn profile(time: Duration) -> Result<Vec<u8>, ProfileError> {
    let guard = ProfilerGuardBuilder::default().frequency(HERTZ).blocklist(&NOT_IN).build()?;
    std::thread::sleep(time);
    let report = guard.report().build_unresolved()?;
    // Names take longer than all the rest, and nobody is interrupted for them.
    drop(guard);
    let period = 1_000_000_000 / u64::from(HERTZ.unsigned_abs());
    let mut profile = Profile::new(&[("samples", "count"), ("cpu", "nanoseconds")], period);
    profile.lasted(time);
    for (frames, count) in report.data {
        let (frames, count) = (Frames::from(frames), u64::try_from(count).unwrap_or_default());
        let places = interrupted(&frames.frames).iter().map(|symbols| Place {
            address: 0,
            lines: symbols
                .iter()
                .map(|symbol| Line {
                    function: symbol.name(),
                    file: symbol.filename().into_owned(),
                    line: symbol.lineno(),
                })
                .collect(),
        });
        let thread = Line { function: frames.thread_name.clone(), file: String::new(), line: 0 };
        let stack = places.chain([Place { address: 0, lines: vec![thread] }]).collect();
        profile.add(stack, &[count, count * period]);
    }
    Ok(profile.finish())
}

/// What was going on, without the interruption itself.
fn interrupted(frames: &[Vec<Symbol>]) -> &[Vec<Symbol>] {
    let is_own = |frame: &Vec<Symbol>| frame.iter().any(|symbol| OWN.iter().any(|own| symbol.name().starts_with(own)));
    let own = frames.iter().take_while(|frame| is_own(frame)).count();
    frames.get(own..).unwrap_or_default()
}
