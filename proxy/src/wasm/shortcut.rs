//! A shorter way to `on-message`, the call that every message pays. By itself the runtime enters a filter three times for it
//! (room for the payload, the call, and what the filter frees after its answer has been read), and each time looks up anew
//! which core function the export is, which costs more than all the rest.
//!
//! So a few sections are put behind a component's own before it is compiled: a core module of ours beside the filter's, with
//! the same function under types so plain that nothing is read from memory for them. Most answers (`continue`, `remember`,
//! `drop`) are but a number: that module reads it, lets the filter free what it has to, and gives the number. Any other
//! answer is left where it is, and the runtime reads it as it would have. Nothing here touches a filter's memory, and all that
//! is true of a call (deadline, memory, host calls, backtraces) is the runtime's as before.
//!
//! Counted in a release (`hot_paths`), a call without payload takes 1,795 instructions in place of 2,964, one with 128 bytes
//! 2,160 in place of 2,990: half the nanoseconds and two thirds.
//!
//! A component whose `on-message` is not found, or that does not compile with this, is called as it is. What the filter sees
//! is the same, with one exception: while it frees an answer that is a number, or gives room for no bytes, its imports are
//! not barred. No language's tools call any there.

mod find;
mod glue;
mod graft;

use std::borrow::Cow;

use wasmtime::component::{Component, ComponentExportIndex, Instance, TypedFunc};
use wasmtime::{AsContextMut, Store};

use super::abi::types::{Direction, MessageKind, Verdict};
use super::answer::Said;
use super::state::State;

pub(super) use self::glue::MODULE;

/// What our exports are called: no interface of a filter's world is called like that.
const LISTEN: &str = "belay-shortcut-listen";
const READ: &str = "belay-shortcut-read";
const VERDICT: &str = "belay-shortcut-verdict";

/// Set in an answer that is the address of a verdict, rather than the number of one.
const AT: u64 = 1 << 32;
/// The answer if the filter gave no room for a payload of no bytes. The runtime knows what to say of that.
const ASK_AGAIN: u64 = 1 << 33;

/// The component with a shorter way, if its own could be found.
pub(super) fn added(component: &[u8]) -> Cow<'_, [u8]> {
    match find::on_message(component) {
        Some(found) => Cow::Owned(graft::grafted(component, &found)),
        None => Cow::Borrowed(component),
    }
}

/// Whether an export's name is one of ours.
pub(super) fn is_ours(export: &str) -> bool {
    [LISTEN, READ, VERDICT].contains(&export)
}

/// Where a component has our exports.
pub(super) struct Indices {
    listen: ComponentExportIndex,
    read: ComponentExportIndex,
    verdict: ComponentExportIndex,
}

/// The shorter way into one instance.
pub(super) struct Shortcut {
    /// Session, direction and kind, size.
    listen: TypedFunc<(u32, u32, u32), (u64,)>,
    /// And as much of the payload as is seen.
    read: TypedFunc<(u32, u32, u32, &'static [u8]), (u64,)>,
    /// What stands at an address.
    verdict: TypedFunc<(u32,), (Verdict,)>,
}

impl Indices {
    /// None if the component was left as it is.
    pub(super) fn new(component: &Component) -> Option<Self> {
        let index = |name| component.get_export_index(None, name);
        Some(Self { listen: index(LISTEN)?, read: index(READ)?, verdict: index(VERDICT)? })
    }

    /// None if the component has functions of its own that are called like that.
    pub(super) fn load(&self, mut store: impl AsContextMut, instance: &Instance) -> Option<Shortcut> {
        Some(Shortcut {
            listen: instance.get_typed_func(&mut store, self.listen).ok()?,
            read: instance.get_typed_func(&mut store, self.read).ok()?,
            verdict: instance.get_typed_func(&mut store, self.verdict).ok()?,
        })
    }
}

impl Shortcut {
    /// As the export itself.
    pub(super) fn on_message(
        &self,
        store: &mut Store<State>,
        session: u32,
        direction: Direction,
        kind: MessageKind,
        size: u32,
        payload: &[u8],
    ) -> wasmtime::Result<Said> {
        let way = direction as u32 | (kind as u32) << 1;
        let mut answer = ASK_AGAIN;
        if payload.is_empty() {
            (answer,) = self.listen.call(&mut *store, (session, way, size))?;
        }
        if answer == ASK_AGAIN {
            (answer,) = self.read.call(&mut *store, (session, way, size, payload))?;
        }
        match answer {
            0 => Ok(Said::Continue),
            1 => Ok(Said::Remember),
            4 => Ok(Said::Drop),
            at => self.verdict.call(store, (at as u32,)).map(|(verdict,)| verdict.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Host;

    const COMPONENT: &[u8] = include_bytes!("../../../filters/rate-limit/rate-limit.wasm");

    #[test]
    fn what_is_there_stays_as_it_is() {
        let with = added(COMPONENT);
        assert!(with.len() > COMPONENT.len() && with.starts_with(COMPONENT));
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        let module = [0, b'a', b's', b'm', 1, 0, 0, 0];
        let component = [0, b'a', b's', b'm', 13, 0, 1, 0];
        for bytes in [&[], &b"no wasm"[..], &module, &component] {
            assert_eq!(added(bytes), bytes);
        }
        for length in (0..COMPONENT.len()).step_by(101) {
            let cut = &COMPONENT[..length];
            assert!(added(cut).starts_with(cut));
        }
    }

    #[test]
    fn a_component_that_cannot_take_it_is_compiled_as_it_is() {
        // It has such exports already, and none can be there twice.
        let once = added(COMPONENT);
        let host = Host::new(None).unwrap();
        assert!(matches!(added(&once), Cow::Owned(_)));
        assert!(host.check(&once).is_ok());
    }
}
