//! The one place where compiled code is taken as bytes: from disk, or from the engine that compiles aside.

#![expect(
    unsafe_code,
    reason = "wasmtime trusts the bytes of a compiled component; why they can be trusted stands below"
)]

use wasmtime::Engine;
use wasmtime::component::Component;

/// `compiled` must be what `Component::serialize` or `Engine::precompile_component` gave: see SAFETY.
pub(super) fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must come from `Component::serialize` or `Engine::precompile_component`, unchanged. Of the two
    // callers one has just called the latter. To the other they were read from a file that belongs to this
    // user and that nobody else may write to, in a folder of which the same is true; such files are only written by
    // `Cache::put`, from what `serialize` gave. Damage is ruled out by the SHA-256 sum that was written with them and has
    // just been checked. That they fit this engine and processor wasmtime checks itself.
    unsafe { Component::deserialize(engine, compiled) }
}
