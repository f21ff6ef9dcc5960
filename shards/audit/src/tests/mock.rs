//! Everything that is wrong in the mock company is found, and nothing else.

use super::company::Company;
use super::found;
use crate::model::Finding;
use nexus_shard::serde_json::{self, Value, json};

const EXPECTED: &str = include_str!("../../../../mock-data/expected-findings.json");

fn line(finding: &Finding) -> Value {
    let mut systems: Vec<Value> =
        finding.values.iter().map(|said| serde_json::to_value(said.system).unwrap()).collect();
    systems.dedup();
    json!({ "rule": finding.rule, "identifier": finding.identifier, "severity": finding.severity.name(), "systems": systems })
}

#[test]
fn the_mock_company_has_these_findings_and_no_other() {
    let mut found: Vec<String> = found(Company::mock()).iter().map(|one| line(one).to_string()).collect();
    let expected: Vec<Value> = serde_json::from_str(EXPECTED).unwrap();
    let mut expected: Vec<String> = expected.iter().map(Value::to_string).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found.join("\n"), expected.join("\n"));
}
