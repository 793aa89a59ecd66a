//! The two questions that jemalloc answers by name. Its controls are C: what a name means is in jemalloc's manual, and the types
//! here are those of the manual.
#![expect(unsafe_code, reason = "jemalloc is told by name what to do, and types stand in its manual only")]

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;

use tikv_jemalloc_ctl::raw;

use super::ProfileError;

/// Whether it has noted allocations since the start.
pub(super) fn is_on() -> Result<bool, ProfileError> {
    // SAFETY: `opt.prof` is a bool (jemalloc(3)), and the name ends with a zero byte.
    Ok(unsafe { raw::read::<bool>(b"opt.prof\0") }?)
}

/// What it has noted of what is in use, in its own text. By way of a file, as it has no other.
pub(super) fn dump() -> Result<String, ProfileError> {
    // In memory: a container's root may be read-only.
    let file = rustix::fs::memfd_create("belay-heap", rustix::fs::MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let name = CString::new(name).map_err(std::io::Error::other)?;
    // SAFETY: `prof.dump` takes a `const char *` (jemalloc(3)), which it has read when it returns; `name` outlives the call.
    unsafe { raw::write(b"prof.dump\0", name.as_ptr()) }?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text)?;
    Ok(text)
}
