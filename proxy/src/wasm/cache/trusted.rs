//! The one place where compiled code is taken from disk without being compiled here.

#![expect(
    unsafe_code,
    reason = "wasmtime trusts the bytes of a compiled component; why they can be trusted stands below"
)]

use wasmtime::Engine;
use wasmtime::component::Component;

/// `compiled` must be what `Component::serialize` gave, which the cache has seen to: see SAFETY.
pub(super) fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must come from `Component::serialize`, unchanged. They were read from a file that belongs to this
    // user and that nobody else may write to, in a folder of which the same is true; such files are only written by
    // `Cache::put`, from what `serialize` gave. Damage is ruled out by the SHA-256 sum that was written with them and has
    // just been checked. That they fit this engine and processor wasmtime checks itself.
    unsafe { Component::deserialize(engine, compiled) }
}
