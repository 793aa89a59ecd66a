//! Looks at a proxy from outside, ten times a second: its processor time, and its attempts to connect if it counts them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Parts;
use crate::Outcome;
use crate::admin::ask;
use crate::process;

/// Between two looks.
pub(super) const WINDOW: Duration = Duration::from_millis(100);

pub(super) struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

pub(super) struct Seen(Vec<Look>);

struct Look {
    at: Instant,
    cpu: f64,
    dials: Option<f64>,
}

impl Watch {
    pub(super) fn start(pid: u32, admin: Option<SocketAddr>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut looks = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let cpu = process::cpu_of_tree(pid).as_secs_f64();
                looks.push(Look { at: Instant::now(), cpu, dials: admin.and_then(dials) });
                std::thread::sleep(WINDOW);
            }
            Seen(looks)
        });
        Self { over, thread }
    }

    pub(super) fn end(self) -> Outcome<Seen> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the thread that watches panicked".to_owned())
    }
}

fn dials(admin: SocketAddr) -> Option<f64> {
    let (_, metrics) = ask(admin, "GET /metrics").ok()?;
    metrics.lines().find_map(|line| line.strip_prefix("belay_dials_total "))?.trim().parse().ok()
}

impl Seen {
    /// Processors in use.
    pub(super) fn cpu_peak(&self, killed: Instant, returned: Instant) -> Parts<f64> {
        self.peaks(killed, returned, |look| Some(look.cpu)).unwrap_or_default()
    }

    /// In a second.
    pub(super) fn dials_peak(&self, killed: Instant, returned: Instant) -> Option<Parts<f64>> {
        self.peaks(killed, returned, |look| look.dials)
    }

    /// The steepest rise from one look to the next, in each part. What one look saw begin belongs to what began.
    fn peaks(&self, killed: Instant, returned: Instant, of: impl Fn(&Look) -> Option<f64>) -> Option<Parts<f64>> {
        let mut peaks = Parts::default();
        for pair in self.0.windows(2) {
            let [from, to] = pair else { continue };
            let rise = (of(to)? - of(from)?) / (to.at - from.at).as_secs_f64();
            let peak = match to.at {
                at if at < killed => &mut peaks.before,
                at if at < returned => &mut peaks.away,
                _ => &mut peaks.after,
            };
            *peak = rise.max(*peak);
        }
        Some(peaks)
    }
}
