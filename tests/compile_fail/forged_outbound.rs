//! E0451: a request that nobody read.

use nexus::outbound::{GuestRequest, Outbound};

pub fn forged(asked: Outbound) -> Outbound {
    let _ = GuestRequest::default();
    Outbound { body: Default::default(), ..asked }
}
