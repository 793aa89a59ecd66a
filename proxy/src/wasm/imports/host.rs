//! The log, the clock, chance, counters, files.

use crate::gate::Admitted;
use crate::wasm::abi::host::{Host, Level};
use crate::wasm::services::log;
use crate::wasm::state::State;

impl Host for State {
    fn log(&mut self, level: Level, text: String) -> wasmtime::Result<()> {
        self.host_call()?;
        let Admitted::Write { thinned } = self.gate.admit(self.now) else {
            self.stats.log_lines_thinned.add(1);
            return Ok(());
        };
        log::write_thinned(&self.context.name, thinned);
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(&self.context.name, self.about(), level, &text);
        Ok(())
    }

    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(self.now.as_millis())
    }

    fn unix_ms(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(self.context.services.surroundings.unix_ms())
    }

    fn random(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(self.context.services.surroundings.random())
    }

    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<()> {
        self.host_call()?;
        if let Some(count) = self.counts.iter().find(|count| *count.name == *name) {
            count.add(by);
        } else if let Some(count) = self.context.services.counts.named(&name) {
            count.add(by);
            self.counts.push(count);
        }
        Ok(())
    }

    fn read_file(&mut self, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.host_call()?;
        Ok(self.context.files.read(&name, self.now).map(|bytes| bytes.to_vec()))
    }

    fn file_version(&mut self, name: String) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(self.context.files.version(&name, self.now))
    }
}
