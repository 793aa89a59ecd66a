//! What a filter may call: the world's imports, one file an interface. Each call is counted against the event's limit, and
//! none blocks. What a filter may not have fails its event; only what suggests a filter out of control ends its instance.

mod breaker;
mod current;
mod host;
mod limiter;
mod store;

use wasmtime::component::{HasSelf, Linker};

use super::abi;
use super::state::{Phase, State};

/// Everything a filter may import.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    abi::StatefulFilter::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    linker.allow_shadowing(true);
    limiter::add_take(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

/// The host has no function in it.
impl abi::types::Host for State {}

/// Limiters and breakers can be made only while the filter is configured: later there would be no one to show an error to.
fn configuring(state: &State) -> Result<(), String> {
    match state.phase {
        Phase::Configure => Ok(()),
        Phase::Event(..) | Phase::Snapshot => Err("this can be defined only in configure".into()),
    }
}

/// A number for the next of a table's entries.
fn next_index<T>(table: &[T]) -> u32 {
    u32::try_from(table.len()).unwrap_or(u32::MAX)
}
