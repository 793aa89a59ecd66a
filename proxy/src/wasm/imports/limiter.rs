//! Token buckets.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};

use super::{configuring, next_index};
use crate::limiter::{Rate, Settings, Shortage};
use crate::wasm::abi::limiter::{Host, Quota};
use crate::wasm::abi::{PACKAGE, VERSION};
use crate::wasm::state::State;

impl Host for State {
    fn define(&mut self, name: String, quota: Quota) -> wasmtime::Result<Result<u32, String>> {
        self.host_call()?;
        let keys_max = self.context.limits.table_entries_max;
        let rate = Rate::new(quota.tokens, Duration::from_millis(quota.period_ms), quota.burst);
        let rate = configuring(self).and_then(|()| rate.map_err(|problem| format!("limiter {name}: {problem}")));
        let limiters = &self.context.services.limiters;
        let defined = rate.and_then(|rate| limiters.define(&name, Settings { rate, keys_max }, self.now));
        Ok(defined.map(|limiter| {
            let known = self.limiters.iter().position(|held| Arc::ptr_eq(held, &limiter));
            let index = known.map_or(next_index(&self.limiters), |index| index as u32);
            if known.is_none() {
                self.limiters.push(limiter);
            }
            index
        }))
    }

    fn take(&mut self, limiter: u32, key: String, tokens: u32) -> wasmtime::Result<Result<(), u64>> {
        self.host_call()?;
        Ok(match self.taken(limiter, &key, tokens) {
            Some(taken) => taken,
            None => self.no_limiter(limiter),
        })
    }
}

/// `take` in place of the generated one: many filters call it for each message, and this one copies no key.
pub(super) fn add_take(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Arguments = (u32, WasmStr, u32);
    let mut limiters = linker.instance(&format!("{PACKAGE}/limiter@{VERSION}"))?;
    limiters.func_wrap("take", |mut store: StoreContextMut<'_, State>, (limiter, key, tokens): Arguments| {
        store.data_mut().host_call()?;
        let key = key.to_str(&store)?;
        let taken = store.data().taken(limiter, &key, tokens);
        Ok((taken.unwrap_or_else(|| store.data_mut().no_limiter(limiter)),))
    })
}

impl State {
    /// None: there is no such limiter.
    fn taken(&self, limiter: u32, key: &str, tokens: u32) -> Option<Result<(), u64>> {
        let taken = self.limiters.get(limiter as usize)?.take(key, tokens, self.now);
        Some(taken.map_err(|shortage| match shortage {
            // Rounded up: after that time the tokens are there.
            Shortage::After(wait) => u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX),
            Shortage::Never => u64::MAX,
        }))
    }

    #[cold]
    fn no_limiter(&mut self, limiter: u32) -> Result<(), u64> {
        self.misused(format!("there is no limiter {limiter}"));
        Err(u64::MAX)
    }
}
