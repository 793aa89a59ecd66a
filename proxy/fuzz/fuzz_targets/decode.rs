//! See `belay_fuzz::decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| belay_fuzz::decode(data));
