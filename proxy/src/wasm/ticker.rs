//! The clock that deadlines are measured by: a thread that moves the engine's epoch on, once a millisecond while filters are
//! being called, and that sleeps while none is, so that an idle process is not woken.
//!
//! A call pays two stores to a cache line of its own and one load for that. It says that it runs by an odd pulse; the ticker
//! looks at all pulses at each tick and falls asleep when none has moved for [`QUIET_TICKS`]. Between the call's store and its
//! load stands no fence. Instead the ticker, having said that it is going to sleep, waits for one tick more and looks again:
//! a store takes nanoseconds to be seen by others, not a millisecond.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// The length of an epoch.
pub(super) const TICK: Duration = Duration::from_millis(1);
/// Ticks without a call before the ticker sleeps: short enough for a rare message not to cost much, long enough for a busy
/// worker never to have to wake it.
const QUIET_TICKS: u32 = 20;

/// The thread's owner: it ends with this, which every instance holds a share of.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    awake: AtomicBool,
    stop: AtomicBool,
    thread: OnceLock<Thread>,
    pulses: Mutex<Vec<Weak<Pulse>>>,
}

/// One instance's sign of life: odd while a call runs.
#[repr(align(64))]
#[derive(Default)]
struct Pulse(AtomicU64);

/// What an instance calls under.
pub(super) struct Beat {
    ticker: Arc<Ticker>,
    pulse: Arc<Pulse>,
}

impl Ticker {
    /// Starts the thread.
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            awake: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            thread: OnceLock::new(),
            pulses: Mutex::default(),
        });
        let thread = thread::Builder::new().name("belay-epochs".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&engine)
        })?;
        let _ = shared.thread.set(thread.thread().clone());
        Ok(Self { shared, thread: Some(thread) })
    }

    /// For a new instance.
    pub(super) fn beat(self: &Arc<Self>) -> Beat {
        let pulse = Arc::new(Pulse::default());
        self.shared.pulses().push(Arc::downgrade(&pulse));
        Beat { ticker: Arc::clone(self), pulse }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Beat {
    /// A call begins: epochs pass from now on.
    pub(super) fn begin(&self) {
        self.pulse.0.store(self.pulse.0.load(Relaxed) | 1, Relaxed);
        let shared = &self.ticker.shared;
        if !shared.awake.load(Relaxed) {
            shared.wake();
        }
    }

    /// The call is over.
    pub(super) fn end(&self) {
        self.pulse.0.store((self.pulse.0.load(Relaxed) | 1).wrapping_add(1), Relaxed);
    }
}

impl Shared {
    fn pulses(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Pulse>>> {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn wake(&self) {
        self.awake.store(true, SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn run(&self, engine: &Engine) {
        let mut watch = Watch::default();
        let mut quiet = 0;
        while !self.stop.load(SeqCst) {
            if quiet < QUIET_TICKS {
                thread::sleep(TICK);
                engine.increment_epoch();
                quiet = if watch.sees_life(&mut self.pulses()) { 0 } else { quiet + 1 };
                continue;
            }
            self.awake.store(false, SeqCst);
            thread::sleep(TICK);
            if !watch.sees_life(&mut self.pulses()) {
                while !self.awake.load(SeqCst) {
                    thread::park();
                }
            }
            self.awake.store(true, SeqCst);
            quiet = 0;
        }
    }
}

/// What the ticker saw when it last looked.
#[derive(Default)]
struct Watch {
    sum: u64,
}

impl Watch {
    /// Whether a call runs, or one ran since the last look. Forgets instances that are gone.
    fn sees_life(&mut self, pulses: &mut Vec<Weak<Pulse>>) -> bool {
        let (mut sum, mut running) = (0_u64, false);
        pulses.retain(|pulse| {
            let Some(pulse) = pulse.upgrade() else { return false };
            let beats = pulse.0.load(Relaxed);
            sum = sum.wrapping_add(beats);
            running |= beats % 2 == 1;
            true
        });
        let moved = sum != self.sum;
        self.sum = sum;
        running || moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticker() -> Arc<Ticker> {
        Arc::new(Ticker::start(Engine::default()).unwrap())
    }

    /// Until the ticker has done what is asked.
    fn until(condition: impl Fn() -> bool) {
        let started = std::time::Instant::now();
        while !condition() {
            assert!(started.elapsed() < Duration::from_secs(20), "it never happened");
            thread::yield_now();
        }
    }

    #[test]
    fn it_sleeps_when_nothing_is_called_and_wakes_for_a_call() {
        let ticker = ticker();
        let beat = ticker.beat();
        let awake = || ticker.shared.awake.load(SeqCst);
        for _ in 0..3 {
            beat.begin();
            assert!(awake());
            beat.end();
            until(|| !awake());
        }
    }

    #[test]
    fn it_stays_awake_while_a_call_runs() {
        let mut watch = Watch::default();
        let ticker = ticker();
        let beat = ticker.beat();
        beat.begin();
        assert!(watch.sees_life(&mut ticker.shared.pulses()));
        assert!(watch.sees_life(&mut ticker.shared.pulses()));
        beat.end();
        assert!(watch.sees_life(&mut ticker.shared.pulses()));
        assert!(!watch.sees_life(&mut ticker.shared.pulses()));
    }

    #[test]
    fn an_instance_keeps_it_going_after_its_host_is_gone() {
        let ticker = ticker();
        let beat = ticker.beat();
        let shared = Arc::clone(&ticker.shared);
        drop(ticker);
        assert!(!shared.stop.load(SeqCst));
        drop(beat);
        assert!(shared.stop.load(SeqCst));
    }
}
