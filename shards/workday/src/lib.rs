//! The workday shard: what Workday knows about workers, the positions they fill, their organizations and pay ranges.
//!
//! Workers, positions and organizations come from the staffing service v7, page by page, to an end that Workday's own total
//! proves. Pay ranges, and all that the staffing service does not tell (status, hire date, department, manager), come from
//! reports that the tenant defines and the manifest names. Workday knows no `$select`, so the manifest's `keep` says which
//! fields the shard gets to see; what Workday leaves out because it is empty, or because the account may not see it, is
//! null.

mod compensation;
mod organizations;
mod positions;
mod reports;
#[cfg(test)]
mod tests;
mod workday;
mod workers;

use compensation::get_compensation;
use organizations::list_organizations;
use positions::list_positions;
use reports::run_raas_report;
use workers::{find_worker_by_email, get_worker, list_workers};

nexus_shard::shard! {
    tools: [
        list_workers,
        get_worker,
        find_worker_by_email,
        list_positions,
        get_compensation,
        list_organizations,
        run_raas_report,
    ],
}
