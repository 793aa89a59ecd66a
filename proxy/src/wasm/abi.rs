//! The worlds of `sdk/wit/filter.wit` as Rust types, made by wasmtime's macro from the larger of the two: a change of the one
//! is an error in the other at compile time. That a component may lack the rest of it is `program`'s. What a filter's answers may say is checked in `answer`, what its imports do stands in `imports`.

wasmtime::component::bindgen!({
    path: "../sdk/wit",
    world: "stateful-filter",
    imports: { default: trappable },
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use self::belay::filter::{breaker, current, host, limiter, store, types};

/// The package whose interfaces filters and host share.
pub(super) const PACKAGE: &str = "belay:filter";
/// Its version. Components of another `0.x` are refused: before 1.0 each of them may change anything.
pub(super) const VERSION: &str = "0.1.0";
/// The interfaces that a filter may import.
pub(super) const IMPORTS: [&str; 6] = ["types", "host", "current", "limiter", "breaker", "store"];
