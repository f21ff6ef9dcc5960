//! E0382: one permit, two requests.

use nexus::policy::Permit;

fn spend(_: Permit) {}

pub fn twice(permit: Permit) {
    spend(permit);
    spend(permit);
}
