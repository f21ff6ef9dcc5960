//! E0616: a request changed after it was judged.

use nexus::outbound::Outbound;
use nexus::policy::Permit;

pub fn changed(mut permit: Permit, other: Outbound) -> Permit {
    permit.outbound = other;
    permit
}
