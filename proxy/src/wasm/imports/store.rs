//! The filter's small table.

use std::time::Duration;

use crate::wasm::abi::store::Host;
use crate::wasm::state::State;

impl Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.host_call()?;
        Ok(self.context.services.store.get(&key, self.now))
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: u64) -> wasmtime::Result<bool> {
        self.host_call()?;
        Ok(self.context.services.store.set(&key, &value, Duration::from_millis(ttl_ms), self.now).is_ok())
    }

    fn remove(&mut self, key: String) -> wasmtime::Result<()> {
        self.host_call()?;
        self.context.services.store.remove(&key);
        Ok(())
    }

    fn add(&mut self, key: String, by: i64, ttl_ms: u64) -> wasmtime::Result<i64> {
        self.host_call()?;
        Ok(self.context.services.store.add(&key, by, Duration::from_millis(ttl_ms), self.now))
    }
}
