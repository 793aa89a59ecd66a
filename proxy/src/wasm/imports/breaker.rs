//! Circuit breakers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{configuring, next_index};
use crate::wasm::abi::breaker::{Host, Settings as AbiSettings, State as AbiState};
use crate::wasm::services::SharedBreaker;
use crate::wasm::services::breaker::{BreakerState, Settings};
use crate::wasm::state::{HeldBreaker, State};

impl Host for State {
    fn define(&mut self, name: String, settings: AbiSettings) -> wasmtime::Result<Result<u32, String>> {
        self.host_call()?;
        let settings = Settings {
            window: Duration::from_millis(settings.window_ms),
            results_min: settings.results_min,
            failure_percent: settings.failure_percent,
            slow: Duration::from_millis(settings.slow_ms),
            open: Duration::from_millis(settings.open_ms),
            probes: settings.probes,
        };
        let defined = configuring(self).and_then(|()| self.context.services.breakers.define(&name, settings));
        Ok(defined.map(|breaker| self.hold(breaker)))
    }

    fn keyed(&mut self, breaker: u32, key: String) -> wasmtime::Result<u32> {
        self.host_call()?;
        let Some(held) = self.breakers.get(breaker as usize) else {
            self.misused(format!("there is no breaker {breaker}"));
            return Ok(breaker);
        };
        if let Some(index) = held.keys.get(&*key) {
            return Ok(*index);
        }
        let Some(keyed) = held.shared.keyed(&key) else { return Ok(breaker) };
        let index = self.hold(keyed);
        self.breakers[breaker as usize].keys.insert(key.into(), index);
        Ok(index)
    }

    fn admit(&mut self, breaker: u32) -> wasmtime::Result<Result<(), u64>> {
        self.host_call()?;
        let now = self.now;
        let admitted = self.breaker(breaker).map(|breaker| breaker.admit(now));
        Ok(match admitted {
            None | Some(Ok(())) => Ok(()),
            Some(Err(wait)) => Err(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)),
        })
    }

    fn success(&mut self, breaker: u32, latency_us: u64) -> wasmtime::Result<()> {
        self.host_call()?;
        let now = self.now;
        if let Some(breaker) = self.breaker(breaker) {
            breaker.success(Duration::from_micros(latency_us), now);
        }
        Ok(())
    }

    fn failure(&mut self, breaker: u32) -> wasmtime::Result<()> {
        self.host_call()?;
        let now = self.now;
        if let Some(breaker) = self.breaker(breaker) {
            breaker.failure(now);
        }
        Ok(())
    }

    fn peek(&mut self, breaker: u32) -> wasmtime::Result<AbiState> {
        self.host_call()?;
        let now = self.now;
        Ok(match self.breaker(breaker).map(|breaker| breaker.state(now)) {
            None | Some(BreakerState::Closed) => AbiState::Closed,
            Some(BreakerState::Open) => AbiState::Open,
            Some(BreakerState::HalfOpen) => AbiState::HalfOpen,
        })
    }
}

impl State {
    /// A number that is no breaker's fails the event.
    fn breaker(&mut self, index: u32) -> Option<&SharedBreaker> {
        if self.breakers.get(index as usize).is_none() {
            self.misused(format!("there is no breaker {index}"));
        }
        self.breakers.get(index as usize).map(|held| &*held.shared)
    }

    fn hold(&mut self, breaker: Arc<SharedBreaker>) -> u32 {
        if let Some(known) = self.breakers.iter().position(|held| Arc::ptr_eq(&held.shared, &breaker)) {
            return known as u32;
        }
        let index = next_index(&self.breakers);
        self.breakers.push(HeldBreaker { shared: breaker, keys: HashMap::new() });
        index
    }
}
