//! `nexus:shard/log`: lines for the operator, scrubbed and bounded by the door.

use super::contract::log;
use crate::egress::Level;
use crate::shard::instance::State;

impl log::Host for State {
    async fn write(&mut self, level: log::Level, line: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.door.log(&self.caller, level, &line);
        Ok(())
    }
}
