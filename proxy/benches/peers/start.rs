//! From the start of the process until it says that it is ready, with three filters that were compiled before.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::admin::ask;
use crate::options::Options;
use crate::subject::Subject;

const TIMES: usize = 11;
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// In milliseconds, each.
pub(crate) fn measure(options: &Options) -> Outcome<Vec<f64>> {
    eprintln!("start");
    let subject = Subject::belay_cached(options);
    let (mut command, admin) = subject.command()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // The first fills the cache.
    let mut times = (0..=TIMES).map(|_| {
        let begun = Instant::now();
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let ready = until_ready(admin, begun);
        let _ = child.kill();
        let _ = child.wait();
        ready.map(|time| time.as_secs_f64() * 1e3)
    });
    let _compiled = times.next().transpose()?;
    times.collect()
}

fn until_ready(admin: SocketAddr, begun: Instant) -> Outcome<Duration> {
    while !ask(admin, "GET /ready").is_ok_and(|(status, _)| status == 200) {
        if begun.elapsed() > PATIENCE {
            return Err(format!("it was not ready within {PATIENCE:?}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(begun.elapsed())
}
