//! Reports: put together from what the systems say, compared with the one before, and kept in formats that people open.
//!
//! What it promises:
//!
//! - a number is a number of everything, or null with the reason: never the length of a list that may go on;
//! - mock data says so first, in every format;
//! - a name stays a name in every format, whatever it is made of: one function per format escapes, and nothing else does;
//! - what cannot be seen in a name is made visible, except in the JSON, which has it to the letter;
//! - a finding is called gone only if everything was looked at that showed it before.
//!
//! What it does not know: where the host keeps an artifact, and who reads it.

mod bounds;
mod commonmark;
mod compare;
mod compliance;
mod csv;
mod drift;
mod html;
mod itsm;
mod keep;
mod kind;
mod markdown;
mod model;
mod numbers;
mod reconciliation;
mod saved;
mod tally;
#[cfg(test)]
mod tests;
mod visible;
mod week;
mod weekly;

pub(crate) use compliance::generate_compliance_report;
pub(crate) use drift::generate_drift_report;
pub(crate) use itsm::generate_itsm_weekly_summary;
pub(crate) use reconciliation::generate_asset_reconciliation_report;
pub(crate) use saved::save_report;
pub(crate) use visible::is_hidden;
pub(crate) use weekly::generate_weekly_report;
