//! Token buckets.

use std::sync::Arc;
use std::time::Duration;

use super::{configuring, next_index};
use crate::limiter::{Rate, Settings, Shortage};
use crate::wasm::abi::limiter::{Host, Quota};
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
        let Some(limiter) = self.limiters.get(limiter as usize) else {
            self.misused(format!("there is no limiter {limiter}"));
            return Ok(Err(u64::MAX));
        };
        Ok(limiter.take(&key, tokens, self.now).map_err(|shortage| match shortage {
            // Rounded up: after that time the tokens are there.
            Shortage::After(wait) => u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX),
            Shortage::Never => u64::MAX,
        }))
    }
}
