//! The itsm shard: incidents, changes, problems and configuration items of BMC Helix ITSM, read through the REST APIs of
//! AR System and of the CMDB.
//!
//! Every tool asks for named fields, reads to a proven end or up to its limit, and says which fields it asked for and did
//! not get. A ticket is found by its number in a condition, never by an id in the path, and is shown only if it has that
//! number: the id of an entry can look like the number of another ticket.

mod changes;
mod cmdb;
mod entries;
mod helix;
mod incidents;
mod problems;
#[cfg(test)]
mod tests;

use changes::list_changes;
use cmdb::{list_cmdb_assets, search_cmdb};
use incidents::{get_incident, list_incidents};
use problems::get_problem;

nexus_shard::shard! {
    tools: [list_incidents, get_incident, list_changes, get_problem, search_cmdb, list_cmdb_assets],
}
