//! Rows that are odd, or made to do harm.

use super::company::{Company, laptop};
use super::{found, ids};
use nexus_shard::serde_json::json;

#[test]
fn values_stay_values() {
    let long = "x".repeat(10_000);
    for value in [
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "\u{202E}reenignE",
        "a\u{0}b\u{1b}[31m",
        "💥",
        "\"quoted\" | `ticked`",
        long.as_str(),
    ] {
        let company = Company::of_one().ad(json!({ "job_title": value, "display_name": value, "department": value }));
        let found = found(company);
        assert_eq!(ids(&found), ["person.department:EMP-1", "person.title:EMP-1", "person.name:EMP-1"], "{value:.40}");
        for finding in &found {
            assert!(finding.summary.chars().count() < 600, "{}", finding.summary);
            assert!(!finding.summary.chars().any(char::is_control), "{}", finding.summary);
            assert!(!finding.summary.contains('\u{202E}'), "{}", finding.summary);
        }
        let title = found.iter().find(|finding| finding.rule == "person.title").unwrap();
        let said =
            title.values.iter().find_map(|said| said.value.as_deref().filter(|text| *text != "Software Engineer"));
        assert!(said.unwrap().starts_with(value.chars().next().unwrap()), "{said:?}");
    }
}

#[test]
fn a_key_of_ten_thousand_letters_is_a_key() {
    let id = "E".repeat(10_000);
    let company = Company::of_one()
        .worker(json!({ "Employee_ID": id }))
        .ad(json!({ "employee_id": id, "job_title": "Baker" }))
        .entra(json!({ "employee_id": id }));
    let found = found(company);
    assert_eq!(found.len(), 1);
    assert!(found[0].id.len() < 1_200, "{}", found[0].id.len());
}

#[test]
fn rows_without_anything_are_rows() {
    let empty = || vec![json!({}), json!({})];
    let company = Company {
        workers: empty(),
        ad: empty(),
        entra: empty(),
        intune: empty(),
        autopilot: empty(),
        lansweeper: empty(),
        cmdb: empty(),
        ..Company::default()
    };
    let found = found(company);
    let mut all: Vec<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
    assert!(!all.iter().any(|id| id.starts_with("device.")), "what has no key is missing nowhere: {all:?}");
    let n = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), n, "{all:?}");
}

#[test]
fn dates_that_are_none_are_not_guessed() {
    for day in ["yesterday", "2026-13-45", "15.06.2026", "0000-00-00", "２０２６-06-01", "2026-06-1", "20260601"] {
        let company = Company::of_one().worker(json!({ "Hire_Date": day })).ad(json!({ "is_enabled": false }));
        assert_eq!(ids(&found(company)), ["account.state-split:EMP-1"], "{day}");
        let contract = json!({ "Worker_Type": "Contractor", "Termination_Date": day });
        assert!(found(Company::of_one().worker(contract)).is_empty(), "{day}");
    }
}

#[test]
fn a_row_of_another_type_is_a_system_that_did_not_answer() {
    let company = Company::of_one().ad(json!({ "is_enabled": "yes" }));
    let (people, _) = crate::read::everything(&company.fake().context()).unwrap();
    assert!(!people.ad.is_read());
    assert!(people.ad.rows.is_empty());
    let mut company = Company::of_one();
    laptop(&mut company, 1);
    company.lansweeper.push(json!({ "asset_id": 7 }));
    assert!(found(company).is_empty());
}
