//! E0451: a permit that the policy did not give.

use nexus::outbound::Outbound;
use nexus::policy::Permit;

pub fn forged(given: Permit, other: Outbound) -> Permit {
    Permit { outbound: other, ..given }
}
