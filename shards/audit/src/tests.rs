//! What the shard finds and what it leaves alone, over the mock company and over rows made for one rule.

mod accounts;
mod company;
mod devices;
mod fields;
mod hostile;
mod identity;
mod mock;
mod prompts;
mod rules;
mod scale;
mod stale;
mod text;
mod tools;

use company::{Company, now};

use crate::model::Finding;
use crate::rules::Rules;
use crate::{people, read};
use nexus_shard::Utc;

/// Everything that the rules that ship find in a company.
fn found(company: Company) -> Vec<Finding> {
    found_at(company, now(), Rules::shipped())
}

fn found_at(company: Company, now: Utc, rules: &Rules) -> Vec<Finding> {
    let (people, machines) = read::everything(&company.fake().context()).unwrap();
    let mut found = people::findings(&people, Some(&machines), now, rules);
    found.extend(crate::devices::findings(&machines, now, rules));
    found
}

/// Rules and subjects of findings, in order.
fn ids(found: &[Finding]) -> Vec<String> {
    found.iter().map(|finding| format!("{}:{}", finding.rule, finding.identifier)).collect()
}
