//! `nexus:shard/progress`: how far a call is, for the client that asked.

use super::contract::progress;
use crate::shard::instance::State;

impl progress::Host for State {
    async fn report(&mut self, done: f64, total: Option<f64>, message: Option<String>) -> wasmtime::Result<()> {
        if done.is_finite() && total.is_none_or(f64::is_finite) {
            self.door.progress(&self.caller, done, total, message.as_deref());
        }
        Ok(())
    }
}
