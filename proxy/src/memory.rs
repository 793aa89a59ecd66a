//! The allocator gives back to the system what a burst left behind. By itself it does so ten seconds later, and only while
//! somebody allocates: a crowd that has come and is quiet would keep the memory of its handshakes for ever. Its own thread for
//! this is not to be had with every C library, so workers do it in passing.
#![expect(unsafe_code, reason = "jemalloc is told by name what to do, and types stand in its manual only")]

use std::ffi::CStr;
use std::ptr;
use std::time::Duration;

use tikv_jemalloc_ctl::raw;
use tikv_jemalloc_sys::mallctl;

/// Unused pages are given back over so long. Long enough for what comes and goes many times a second to be used again.
const DECAY: Duration = Duration::from_secs(1);
/// How often a worker gives back. Takes it some microseconds.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

/// To be called before any worker begins: each has memory of its own, made when it first asks for some.
pub(crate) fn set_up() {
    for name in [&b"arenas.dirty_decay_ms\0"[..], b"arena.0.dirty_decay_ms\0"] {
        // SAFETY: both take an `ssize_t` (jemalloc(3)), which an `isize` is, and the names end with a zero byte.
        let outcome = unsafe { raw::write(name, DECAY.as_millis() as isize) };
        if let Err(error) = outcome {
            tracing::debug!(%error, "the allocator keeps unused memory for longer");
        }
    }
}

/// Gives back what this thread keeps at hand, and of all threads' what has been unused for long enough.
pub(crate) fn give_back() {
    tell(c"thread.tcache.flush");
    // 4096 is `MALLCTL_ARENAS_ALL`.
    tell(c"arena.4096.decay");
}

fn tell(name: &CStr) {
    // SAFETY: these two neither read nor write (jemalloc(3)), so that all pointers but the name's are to be null.
    // What it answers says only that there was nothing to do.
    let _ = unsafe { mallctl(name.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0) };
}
