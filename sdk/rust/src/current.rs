//! The session that the current event is about. Outside an event these do nothing.

#[cfg(not(target_family = "wasm"))]
use crate::testing::fake::current as system;
#[cfg(target_family = "wasm")]
use crate::wasm::current as system;

/// What filters know of the session under this name, if anything. Shared along the chain, kept with the session.
pub fn attribute(name: &str) -> Option<String> {
    system::attribute(name)
}

/// Lets the filters after this one, logs and traces know it.
pub fn set_attribute(name: &str, value: &str) {
    system::set_attribute(name, value);
}

/// Forgets it.
pub fn remove_attribute(name: &str) {
    system::remove_attribute(name);
}

/// A header for every later handshake with the backend, in place of the client's of that name. An empty value takes it
/// away.
pub fn set_upstream_header(name: &str, value: &str) {
    system::set_upstream_header(name, value);
}

/// What the backend is offered in place of the client's subprotocols, during `on_handshake`.
pub fn offer_subprotocols(names: &[String]) {
    system::offer_subprotocols(names);
}

/// What the client is told if the backend picks none, during `on_handshake`.
pub fn default_subprotocol(name: &str) {
    system::default_subprotocol(name);
}

/// Calls `on_timer` with `timer` after this time, in place of an earlier one of the same number. At most 8 a session.
pub fn set_timer(timer: u32, after_ms: u64) {
    system::set_timer(timer, after_ms);
}

/// Forgets it.
pub fn cancel_timer(timer: u32) {
    system::cancel_timer(timer);
}
