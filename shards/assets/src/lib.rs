//! The assets shard: what Lansweeper found in the network, and what Microsoft Intune manages.
//!
//! Neither is asked about the other: a tool says what one of them has, with the same names for the same things
//! (`hostname`, `serial_number`), and which of the two is right is for others to find out.

mod intune;
mod lansweeper;
#[cfg(test)]
mod tests;

use intune::{
    get_autopilot_devices, get_managed_device, get_noncompliant_devices, list_apps, list_compliance_policies,
    list_configuration_profiles, list_managed_devices,
};
use lansweeper::{get_asset, get_software, list_assets, search_assets};

nexus_shard::shard! {
    tools: [
        list_assets,
        get_asset,
        get_software,
        search_assets,
        list_managed_devices,
        get_managed_device,
        get_noncompliant_devices,
        list_compliance_policies,
        list_configuration_profiles,
        list_apps,
        get_autopilot_devices,
    ],
}
