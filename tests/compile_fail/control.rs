//! compiles: the honest use of what the other files here misuse. Without it, a file that fails proves nothing.

use nexus::outbound::{GuestRequest, Malformed, Outbound};
use nexus::policy::{Grants, NotGranted, Permit};
use nexus::redact::CleanReply;
use nexus::secrets::SecretValue;

pub fn read(asked: GuestRequest) -> Result<Outbound, Malformed> {
    Outbound::parse(asked)
}

pub fn judged(grants: &Grants, outbound: Outbound) -> Result<Permit, NotGranted> {
    grants.permit(None, outbound)
}

pub fn destination(permit: &Permit) -> String {
    format!("{permit:?} {}", permit.destination())
}

pub fn status(reply: &CleanReply) -> u16 {
    reply.status.as_u16()
}

pub fn moved(secret: SecretValue) -> SecretValue {
    secret
}
