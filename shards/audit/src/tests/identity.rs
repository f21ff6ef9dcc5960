//! Which records are of one person: keys, keys that several have, and keys that contradict each other.

use super::company::{Company, ad_account, entra_account, with, worker};
use super::{found, ids};
use crate::model::{Finding, Level};
use nexus_shard::serde_json::{Value, json};

fn check(name: &str, company: Company, expected: &[&str]) -> Vec<Finding> {
    let found = found(company);
    assert_eq!(ids(&found), expected, "{name}: {found:#?}");
    found
}

fn one() -> Company {
    Company::of_one()
}

/// The confidence with which a title that differs in Active Directory is told.
fn level(fields: Value) -> Option<Level> {
    let found = found(one().ad(json!({ "job_title": "Baker" })).ad(fields));
    found.iter().find(|finding| finding.rule == "person.title").map(|finding| finding.confidence.level)
}

#[test]
fn an_employee_number_joins_before_an_address_and_an_address_before_a_sign_in_name() {
    assert_eq!(level(json!({})), Some(Level::High));
    assert_eq!(
        level(json!({ "email": "renamed@nexus.corp", "user_principal_name": "r@nexus.corp" })),
        Some(Level::High)
    );
    assert_eq!(level(json!({ "employee_id": " emp-1 " })), Some(Level::High));
    assert_eq!(level(json!({ "employee_id": null })), Some(Level::Medium));
    assert_eq!(level(json!({ "employee_id": "N/A" })), Some(Level::Medium));
    assert_eq!(level(json!({ "employee_id": null, "email": null })), Some(Level::Medium));
    assert_eq!(
        level(json!({ "employee_id": null, "email": "P1@Nexus.CORP", "user_principal_name": null })),
        Some(Level::Medium)
    );
}

#[test]
fn a_name_joins_nothing() {
    let strange = json!({ "employee_id": null, "email": null, "user_principal_name": null });
    let company = one().ad(strange).entra(json!({ "ad_object_sid": null, "ad_account_name": null }));
    check("the same name", company, &["account.missing:EMP-1", "account.orphaned:p1"]);
}

#[test]
fn an_account_of_entra_follows_the_account_that_it_comes_from() {
    let renamed = json!({ "employee_id": null, "email": "new@nexus.corp", "user_principal_name": "new@nexus.corp" });
    let renamed = |fields: Value| one().entra(renamed.clone()).entra(fields);
    check("by SID", renamed(json!({ "ad_account_name": null })), &[]);
    check("by account name", renamed(json!({ "ad_object_sid": null })), &[]);
    let neither = renamed(json!({ "ad_object_sid": null, "ad_account_name": "p11" }));
    check("by neither", neither, &["account.missing:EMP-1", "account.orphaned:new@nexus.corp"]);
}

#[test]
fn two_records_with_one_employee_number_are_told_and_not_compared() {
    let mut company = one().ad(json!({ "job_title": "Baker" }));
    company.ad.push(with(ad_account(2), json!({ "employee_id": "EMP-1", "job_title": "Cook" })));
    check("in AD", company, &["person.ambiguous-key:EMP-1"]);

    let mut company = one().entra(json!({ "job_title": "Baker" }));
    company.entra.push(with(
        entra_account(2),
        json!({ "employee_id": "emp-1", "is_enabled": false, "ad_object_sid": null, "ad_account_name": null }),
    ));
    check("in Entra", company, &["person.ambiguous-key:EMP-1"]);

    let mut company = one().ad(json!({ "job_title": "Baker" }));
    company.workers.push(with(worker(1), json!({ "Worker_Status": "Terminated", "Work_Email": "old@nexus.corp" })));
    check("in Workday", company, &["person.ambiguous-key:EMP-1"]);
}

#[test]
fn several_accounts_of_somebody_who_has_left_are_told_all_the_same() {
    let mut company = one().worker(json!({ "Worker_Status": "Terminated", "Termination_Date": "2026-06-14" }));
    company.ad.push(with(ad_account(2), json!({ "employee_id": "EMP-1" })));
    let found = check("a leaver", company, &["account.leaver-enabled:EMP-1", "person.ambiguous-key:EMP-1"]);
    assert_eq!(found[0].confidence.level, Level::Low);
}

#[test]
fn two_records_with_one_address_are_told_and_the_number_still_joins() {
    let mut company = one().ad(json!({ "job_title": "Baker" }));
    company.ad.push(with(ad_account(2), json!({ "email": "p1@nexus.corp", "employee_id": null, "is_enabled": false })));
    let found = check("a second account", company, &["person.ambiguous-key:p1@nexus.corp", "person.title:EMP-1"]);
    assert_eq!(found[1].confidence.level, Level::High);
    // Somebody who came back has two records in Workday with one address; the number says which.
    let mut company = one();
    company.workers.push(with(
        worker(2),
        json!({ "Work_Email": "p1@nexus.corp", "Worker_Status": "Terminated", "Termination_Date": "2024-01-01" }),
    ));
    check("came back", company.clone(), &["person.ambiguous-key:p1@nexus.corp"]);
    // The account still has the old number.
    company.ad[0]["employee_id"] = json!("EMP-2");
    company.entra[0]["employee_id"] = json!("EMP-2");
    let found = check(
        "came back, and the account does not know",
        company,
        &["account.leaver-enabled:EMP-2", "person.ambiguous-key:p1@nexus.corp"],
    );
    assert_eq!(found[0].confidence.level, Level::Low);
}

#[test]
fn keys_that_contradict_each_other_are_told_and_no_field_is_compared() {
    // The number of one, the address of the other.
    let mut company = one();
    company.workers.push(worker(2));
    company.ad.push(ad_account(2));
    company.entra.push(entra_account(2));
    for (n, other) in [(0, 2), (1, 1)] {
        let address = json!(format!("p{other}@nexus.corp"));
        company.ad[n]["email"] = address.clone();
        company.ad[n]["user_principal_name"] = address;
        company.ad[n]["job_title"] = json!("Baker");
    }
    let found = check("swapped", company, &["person.key-conflict:EMP-1", "person.key-conflict:EMP-2"]);
    assert!(found.iter().all(|finding| finding.confidence.level == Level::Low));

    let reused = json!({ "employee_id": "EMP-77", "job_title": "Baker" });
    check("another's number", one().ad(reused), &["person.key-conflict:EMP-1"]);

    let mut company =
        one().ad(json!({ "email": "x@nexus.corp", "user_principal_name": "x@nexus.corp", "job_title": "Baker" }));
    company.ad.push(with(ad_account(2), json!({ "employee_id": null, "email": "p1@nexus.corp", "job_title": "Cook" })));
    check("the number leads to one account, the address to another", company, &["person.key-conflict:EMP-1"]);
}

#[test]
fn somebody_elses_account_that_looks_like_theirs_is_not_missing() {
    let mut company = one();
    company.workers.push(worker(2));
    company.entra.push(entra_account(2));
    company.ad[0]["email"] = json!("p2@nexus.corp");
    check("p2 has no account in AD but an address there", company, &["person.key-conflict:EMP-1"]);
}

#[test]
fn a_guest_joins_by_number_alone() {
    let guest = json!({ "user_type": "Guest", "employee_id": null, "ad_object_sid": null, "ad_account_name": null });
    check("address", one().entra(guest), &["account.missing:EMP-1"]);
    check("number", one().entra(json!({ "user_type": "Guest" })), &[]);
}

#[test]
fn the_order_of_records_does_not_show() {
    let reverse = |mut company: Company| {
        for rows in [
            &mut company.workers,
            &mut company.ad,
            &mut company.entra,
            &mut company.intune,
            &mut company.autopilot,
            &mut company.lansweeper,
            &mut company.cmdb,
        ] {
            rows.reverse();
            let n = rows.len() / 3;
            rows.rotate_left(n);
        }
        company
    };
    assert_eq!(found(Company::mock()), found(reverse(Company::mock())));
    let mut odd = one();
    odd.ad.push(with(ad_account(2), json!({ "employee_id": "EMP-1" })));
    odd.ad.push(with(ad_account(3), json!({ "email": "p1@nexus.corp", "employee_id": null })));
    odd.workers.push(with(worker(1), json!({ "Business_Title": "Baker" })));
    assert_eq!(found(odd.clone()), found(reverse(odd)));
}
