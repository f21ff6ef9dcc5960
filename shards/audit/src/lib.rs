//! The audit shard: where the systems disagree about people, accounts and devices, with evidence, and reports of it.
//!
//! It reads other shards' tools and nothing else, each system once, and joins the rows itself. A system that did not
//! answer is named, and nothing that needs it is concluded.

mod devices;
mod evidence;
mod join;
mod model;
mod people;
mod prompts;
mod read;
mod report;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod tools;

use prompts::Prompts;
use report::{
    generate_asset_reconciliation_report, generate_compliance_report, generate_drift_report,
    generate_itsm_weekly_summary, generate_weekly_report, save_report,
};
use tools::{
    audit_account_state, audit_bulk_user_drift, audit_device_drift, audit_entra_ad_sync_drift,
    audit_intune_lansweeper_device_drift, audit_person_status, audit_user_drift, scan_department_mismatches,
    scan_job_title_drift, scan_name_variance_mismatches, scan_status_reconciliation,
};

nexus_shard_documents::shard! {
    tools: [
        audit_user_drift,
        audit_bulk_user_drift,
        audit_person_status,
        audit_device_drift,
        audit_entra_ad_sync_drift,
        audit_intune_lansweeper_device_drift,
        audit_account_state,
        scan_status_reconciliation,
        scan_job_title_drift,
        scan_department_mismatches,
        scan_name_variance_mismatches,
        generate_weekly_report,
        generate_compliance_report,
        generate_asset_reconciliation_report,
        generate_itsm_weekly_summary,
        generate_drift_report,
        save_report,
    ],
    documents: Prompts,
}
