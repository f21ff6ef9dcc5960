//! `nexus:shard/egress`: one request in, through the door, one reply out.

use super::contract::{egress, refusal};
use crate::outbound::GuestRequest;
use crate::refusal::Code;
use crate::shard::instance::State;

impl egress::Host for State {
    async fn send(
        &mut self,
        request: egress::Request,
    ) -> wasmtime::Result<Result<egress::Reply, super::contract::types::Refusal>> {
        let asked = GuestRequest {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: request.body.unwrap_or_default(),
            credential: request.credential,
        };
        Ok(match self.door.cross(&self.caller, asked).await {
            Ok(released) => {
                let reply = released.into_inner();
                // Twice: as it came, and as it goes into the guest's memory.
                let Some(_kept) = self.caller.memory.hold_above(2 * reply.body.len()) else {
                    return Ok(Err(refusal(Code::Busy)));
                };
                let headers = reply.headers.into_iter().map(|(name, value)| egress::Header { name, value }).collect();
                Ok(egress::Reply { status: reply.status.as_u16(), headers, body: reply.body.to_vec() })
            }
            Err(error) => Err(refusal(error.code())),
        })
    }
}
