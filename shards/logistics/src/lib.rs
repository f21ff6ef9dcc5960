//! The logistics shard: where FedEx parcels are, whether FedEx knows an address, and what it would charge.
//!
//! FedEx reads by POST and tells per item what it could not read, within a reply of 200. So a number that is unknown, one
//! that failed and one that was left out are three things here, and none of them is an empty list.

mod address;
mod fedex;
mod rates;
#[cfg(test)]
mod tests;
mod track;

use address::validate_address;
use rates::get_rates;
use track::{get_shipment_events, track_multiple, track_shipment};

nexus_shard::shard! {
    tools: [
        track_shipment,
        track_multiple,
        get_shipment_events,
        validate_address,
        get_rates,
    ],
}
