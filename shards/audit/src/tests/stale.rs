//! Accounts that nobody uses.

use super::company::Company;
use super::{found, ids};
use nexus_shard::serde_json::{Value, json};

const NEVER: &str = "never";

/// With these last uses; `never` is none recorded.
fn used(ad: &str, entra: &str) -> Company {
    let time = |text: &str| if text == NEVER { Value::Null } else { json!(text) };
    let mut company = Company::of_one();
    company.ad[0]["last_logon_at"] = time(ad);
    company.entra[0]["last_sign_in_at"] = time(entra);
    company
}

fn check(name: &str, company: Company, expected: &[&str]) {
    let found = found(company);
    assert_eq!(ids(&found), expected, "{name}: {found:#?}");
}

const OLD: &str = "2026-03-17T08:59:59Z";
const JUST: &str = "2026-03-17T09:00:00Z";
const STALE: &[&str] = &["account.stale:EMP-1"];
const IN_ONE: &[&str] = &["account.stale-in-one:EMP-1"];

#[test]
fn an_account_that_is_used_nowhere_for_90_days_is_stale() {
    check("both old", used(OLD, OLD), STALE);
    check("both on the day", used(JUST, JUST), &[]);
    check("old in AD", used(OLD, JUST), IN_ONE);
    check("old in Entra", used(JUST, OLD), IN_ONE);
    check("never in both", used(NEVER, NEVER), STALE);
    check("never in AD", used(NEVER, JUST), IN_ONE);
    let new = json!({ "created_at": "2026-05-01T00:00:00Z" });
    check("never, and new in both", used(NEVER, NEVER).ad(new.clone()).entra(new), &[]);
    let untold = json!({ "created_at": null });
    check("never, and since when is not told", used(NEVER, NEVER).ad(untold.clone()).entra(untold), &[]);
}

#[test]
fn where_the_use_is_not_known_nothing_is_stale() {
    let mut unknown = used(OLD, OLD);
    unknown.entra[0].as_object_mut().unwrap().remove("last_sign_in_at");
    check("Entra does not tell sign-ins", unknown, &[]);
    check("Entra did not answer", used(OLD, OLD).without("entra_"), &[]);
    check("part of Entra, and none there", used(OLD, OLD).no_entra().partly("entra_"), &[]);
}

#[test]
fn what_is_disabled_is_not_used_and_what_is_missing_neither() {
    let off = || json!({ "is_enabled": false });
    check(
        "disabled in AD, old in Entra",
        used(JUST, OLD).ad(off()),
        &["account.stale:EMP-1", "account.state-split:EMP-1"],
    );
    check("old in AD, none in Entra", used(OLD, OLD).no_entra(), &["account.missing:EMP-1", "account.stale:EMP-1"]);
}

#[test]
fn people_who_are_not_at_work_are_not_stale() {
    let of = |fields: Value| used(OLD, OLD).worker(fields);
    check("on leave", of(json!({ "Worker_Status": "On Leave" })), &["account.on-leave-enabled:EMP-1"]);
    check(
        "left",
        of(json!({ "Worker_Status": "Terminated", "Termination_Date": "2026-06-01" })),
        &["account.leaver-enabled:EMP-1"],
    );
    check("new", of(json!({ "Hire_Date": "2026-06-10" })), &[]);
}

#[test]
fn accounts_of_nobody_services_and_guests_are_stale_too() {
    let alone = |fields: Value| {
        let mut company = used(OLD, OLD).no_ad().entra(fields);
        company.workers.clear();
        company
    };
    check("nobody's", alone(json!({})), &["account.orphaned:p1@nexus.corp", "account.stale:p1@nexus.corp"]);
    check("a guest's", alone(json!({ "user_type": "Guest" })), &["account.stale:p1@nexus.corp"]);
    let service = json!({ "user_principal_name": "svc-x@nexus.corp", "employee_id": null });
    check("a service's", alone(service), &["account.stale:svc-x@nexus.corp", "account.service:svc-x@nexus.corp"]);
    check("nobody's, and Workday did not answer", alone(json!({})).without("workday_"), &[]);
}

#[test]
fn a_finding_says_that_active_directory_is_behind() {
    let found = found(used(OLD, JUST));
    assert!(found[0].missing.iter().any(|text| text.contains("14 days behind")));
    assert!(found[0].summary.contains("was used at 2026-03-17T09:00:00Z in Entra ID"), "{}", found[0].summary);
}
