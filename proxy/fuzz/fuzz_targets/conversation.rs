//! See `belay_fuzz::conversation`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| belay_fuzz::conversation(data));
