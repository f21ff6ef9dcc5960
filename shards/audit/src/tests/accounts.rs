//! The state of accounts against employment, each rule with what it must leave alone.

use super::company::{Company, NOW, entra_account, with, worker};
use super::{found, found_at, ids};
use crate::model::{Finding, Severity};
use crate::rules::Rules;
use nexus_shard::Utc;
use nexus_shard::serde_json::{Value, json};

fn check(name: &str, company: Company, expected: &[&str]) -> Vec<Finding> {
    let found = found(company);
    assert_eq!(ids(&found), expected, "{name}: {found:#?}");
    found
}

fn one() -> Company {
    Company::of_one()
}

fn left(day: &str) -> Company {
    one().worker(json!({ "Worker_Status": "Terminated", "Termination_Date": day }))
}

const DISABLED: fn() -> Value = || json!({ "is_enabled": false });

#[test]
fn somebody_whose_systems_agree_has_no_finding() {
    check("as they should be", one(), &[]);
}

#[test]
fn somebody_who_has_left_must_not_be_enabled_anywhere() {
    const FOUND: &[&str] = &["account.leaver-enabled:EMP-1"];
    check("today", left("2026-06-15"), FOUND);
    check("tomorrow", left("2026-06-16"), &[]);
    check("yesterday", left("2026-06-14"), FOUND);
    check("no day", left(""), FOUND);
    check("both disabled", left("2026-06-14").ad(DISABLED()).entra(DISABLED()), &[]);
    check("only Entra enabled", left("2026-06-14").ad(DISABLED()), FOUND);
    check("only AD enabled", left("2026-06-14").entra(DISABLED()), FOUND);
    check("no accounts", left("2026-06-14").no_ad().no_entra(), &[]);
    check("day with an offset", left("2026-06-14-07:00"), FOUND);
}

#[test]
fn it_is_critical_if_an_enabled_account_was_used_after_the_day() {
    for (day, fields, severity) in [
        ("2026-06-01", json!({}), Severity::Critical),
        ("2026-06-14", json!({}), Severity::High),
        ("2026-06-01", json!({ "is_enabled": false }), Severity::Critical),
        ("2026-06-10", json!({ "last_sign_in_at": "2026-06-10T23:59:59Z" }), Severity::High),
        ("2026-06-10", json!({ "last_sign_in_at": "2026-06-11T00:00:00Z" }), Severity::Critical),
    ] {
        let found = found(left(day).entra(fields.clone()));
        assert_eq!(found[0].severity, severity, "{day} {fields}");
    }
    // AD was used on the 10th, Entra is disabled: its use on the 14th came to nothing.
    let found = found(left("2026-06-12").entra(DISABLED()));
    assert_eq!(found[0].severity, Severity::High);
}

#[test]
fn the_summary_says_where_and_which_licences_are_left() {
    let company = left("2026-06-01").ad(DISABLED()).entra(json!({ "license_sku_ids": ["a", "b"] }));
    let found = found(company);
    let summary = &found[0].summary;
    for part in ["left on 2026-06-01", "enabled in Entra ID", "2 licences stay", "2026-06-14T08:00:00Z in Entra ID"] {
        assert!(summary.contains(part), "{summary}");
    }
    assert!(!summary.contains("Active Directory"), "{summary}");
}

#[test]
fn a_leap_day_is_a_day() {
    let at = |time: &str| Utc::parse(time).unwrap();
    for (day, now, n) in [
        ("2024-02-29", "2024-02-29T00:00:00Z", 1),
        ("2024-02-29", "2024-02-28T23:59:59Z", 0),
        ("2024-03-01", "2024-02-29T23:59:59Z", 0),
        // No day of the calendar: when is not known, that they left is.
        ("2023-02-29", "2024-02-28T00:00:00Z", 1),
    ] {
        let company = left(day);
        let found = found_at(company, at(now), Rules::shipped());
        let leavers = found.iter().filter(|one| one.rule == "account.leaver-enabled").count();
        assert_eq!(leavers, n, "{day} at {now}");
    }
}

#[test]
fn an_active_worker_has_accounts_that_are_enabled() {
    check("missing in AD", one().no_ad(), &["account.missing:EMP-1"]);
    check("missing in Entra", one().no_entra(), &["account.missing:EMP-1"]);
    check("missing in both", one().no_ad().no_entra(), &["account.missing:EMP-1"]);
    check("disabled in both", one().ad(DISABLED()).entra(DISABLED()), &["account.disabled-active:EMP-1"]);
    check("disabled in AD", one().ad(DISABLED()), &["account.state-split:EMP-1"]);
    check("disabled in Entra", one().entra(DISABLED()), &["account.state-split:EMP-1"]);
    check(
        "disabled in AD, missing in Entra",
        one().ad(DISABLED()).no_entra(),
        &["account.disabled-active:EMP-1", "account.missing:EMP-1"],
    );
    check("an unknown status", one().worker(json!({ "Worker_Status": "Sabbatical" })).no_ad(), &[]);
}

#[test]
fn a_new_worker_gets_one_finding_in_place_of_the_others() {
    let hired = |day: &str| one().worker(json!({ "Hire_Date": day }));
    const NOT_READY: &[&str] = &["account.starter-not-ready:EMP-1"];
    check("today, disabled in AD", hired("2026-06-15").ad(DISABLED()), NOT_READY);
    check("today, missing in Entra", hired("2026-06-15").no_entra(), NOT_READY);
    check("disabled in AD and missing in Entra", hired("2026-06-10").ad(DISABLED()).no_entra(), NOT_READY);
    check("14 days ago", hired("2026-06-01").no_ad(), NOT_READY);
    check("15 days ago", hired("2026-05-31").no_ad(), &["account.missing:EMP-1"]);
    check("ready", hired("2026-06-10"), &[]);
    check("tomorrow, disabled", hired("2026-06-16").ad(DISABLED()).entra(DISABLED()), &[]);
    check("tomorrow, enabled", hired("2026-06-16"), &["account.future-hire-enabled:EMP-1"]);
    check("tomorrow, enabled in one", hired("2026-06-16").ad(DISABLED()), &["account.future-hire-enabled:EMP-1"]);
    check("no day of hire", one().worker(json!({ "Hire_Date": null })).no_ad(), &["account.missing:EMP-1"]);
}

#[test]
fn somebody_on_leave_is_not_enabled() {
    let on_leave = || one().worker(json!({ "Worker_Status": "On Leave" }));
    check("enabled", on_leave(), &["account.on-leave-enabled:EMP-1"]);
    check(
        "enabled in one",
        on_leave().ad(DISABLED()),
        &["account.state-split:EMP-1", "account.on-leave-enabled:EMP-1"],
    );
    check("disabled", on_leave().ad(DISABLED()).entra(DISABLED()), &[]);
    check("no account", on_leave().no_ad().no_entra(), &[]);
}

#[test]
fn a_contract_or_an_account_ends() {
    let contract = |day: &str| one().worker(json!({ "Worker_Type": "Contingent Worker", "Termination_Date": day }));
    const EXPIRED: &[&str] = &["account.contractor-expired:EMP-1"];
    check("ended yesterday", contract("2026-06-14"), EXPIRED);
    check("ends today", contract("2026-06-15"), &[]);
    check(
        "ended, disabled",
        contract("2026-06-14").ad(DISABLED()).entra(DISABLED()),
        &["account.disabled-active:EMP-1"],
    );
    check("an employee's old day", one().worker(json!({ "Termination_Date": "2026-06-14" })), &[]);
    check("AD account expired", one().ad(json!({ "account_expires_at": NOW })), EXPIRED);
    check("AD account expires later", one().ad(json!({ "account_expires_at": "2026-06-15T09:00:01Z" })), &[]);
    check(
        "expired in AD, open in Entra",
        one().ad(json!({ "account_expires_at": "2026-01-01T00:00:00Z", "is_enabled": false })),
        EXPIRED,
    );
    check("left", left("2026-06-14").worker(json!({ "Worker_Type": "Contractor" })), &["account.leaver-enabled:EMP-1"]);

    let nobodys = |fields: Value| {
        let mut company = one().ad(fields);
        company.workers.clear();
        company
    };
    const ORPHANED: &str = "account.orphaned:p1@nexus.corp";
    const NOBODYS_EXPIRED: &[&str] = &["account.contractor-expired:p1@nexus.corp", ORPHANED];
    check("nobody's expired", nobodys(json!({ "account_expires_at": NOW })), NOBODYS_EXPIRED);
    check("nobody's expires later", nobodys(json!({ "account_expires_at": "2026-06-15T09:00:01Z" })), &[ORPHANED]);
}

#[test]
fn an_account_without_a_worker_is_nobodys_unless_it_is_a_services_or_a_guests() {
    let extra = |fields: Value| {
        let mut company = one();
        let stranger = json!({
            "employee_id": null, "email": "x@nexus.corp", "user_principal_name": "x@nexus.corp", "ad_account_name": null,
            "ad_object_sid": null, "is_synced_from_ad": null,
        });
        company.entra.push(with(with(entra_account(2), stranger), fields));
        company
    };
    check("enabled", extra(json!({})), &["account.orphaned:x@nexus.corp"]);
    check("a number that nobody has", extra(json!({ "employee_id": "EMP-77" })), &["account.orphaned:x@nexus.corp"]);
    check("disabled", extra(DISABLED()), &[]);
    check("a guest", extra(json!({ "user_type": "Guest" })), &[]);
    check("no state", extra(json!({ "is_enabled": null })), &["account.unknown-state:x@nexus.corp"]);
    let service = |name: &str| json!({ "user_principal_name": name, "email": null });
    check("a service", extra(service("SVC-backup@nexus.corp")), &["account.service:SVC-backup@nexus.corp"]);
    check(
        "a service by underscore",
        extra(service("svc_backup@nexus.corp")),
        &["account.service:svc_backup@nexus.corp"],
    );
    check("no service: the hyphen", extra(service("svcetlana@nexus.corp")), &["account.orphaned:svcetlana@nexus.corp"]);
    check(
        "a person of that name",
        extra(json!({ "user_principal_name": "svc-x@nexus.corp", "employee_id": "EMP-77" })),
        &["account.orphaned:svc-x@nexus.corp"],
    );
    check(
        "a service with its owner's address",
        extra(json!({ "user_principal_name": "svc-x@nexus.corp", "email": "p1@nexus.corp" })),
        &["account.service:svc-x@nexus.corp"],
    );
    let partial = extra(json!({})).partly("workday");
    check("Workday told a part", partial, &[]);
}

#[test]
fn an_account_of_nobody_in_both_directories_is_one_finding() {
    let mut company = one();
    company.workers.clear();
    let found = check("both", company, &["account.orphaned:p1@nexus.corp"]);
    assert_eq!(found[0].values.len(), 3);
}

#[test]
fn a_state_that_is_not_told_is_not_a_state() {
    let unknown = || json!({ "is_enabled": null });
    const UNKNOWN: &[&str] = &["account.unknown-state:EMP-1"];
    check("AD", one().ad(unknown()), UNKNOWN);
    check("Entra", one().entra(unknown()), UNKNOWN);
    check("of a leaver", left("2026-06-01").ad(unknown()).entra(DISABLED()), UNKNOWN);
    check(
        "of a leaver, the other open",
        left("2026-06-14").ad(unknown()),
        &["account.leaver-enabled:EMP-1", "account.unknown-state:EMP-1"],
    );
    check("disabled and unknown are not disabled everywhere", one().ad(DISABLED()).entra(unknown()), UNKNOWN);
}

#[test]
fn nothing_is_concluded_from_a_system_that_did_not_answer() {
    for (name, company, expected) in [
        ("no AD: not missing", one().no_ad().without("ad_"), &[][..]),
        ("no Entra: not missing", one().no_entra().without("entra_"), &[]),
        ("part of AD: not missing", one().no_ad().partly("ad_"), &[]),
        ("AD missing, part of Entra", one().no_ad().partly("entra_"), &["account.missing:EMP-1"]),
        ("no Workday: nobody is an orphan", one().without("workday_"), &[]),
        ("no Entra: not disabled everywhere", one().ad(DISABLED()).without("entra_"), &[]),
        ("no Entra: not split", one().ad(DISABLED()).without("entra_"), &[]),
        ("no AD: a leaver in Entra", left("2026-06-01").without("ad_"), &["account.leaver-enabled:EMP-1"]),
    ] {
        let found = check(name, company, expected);
        for finding in &found {
            assert!(
                finding
                    .missing
                    .iter()
                    .any(|text| text.contains("did not answer") || text.contains("not read completely")),
                "{name}: {finding:#?}"
            );
        }
    }
}

#[test]
fn a_worker_of_each_kind_is_judged_alone() {
    let mut company = one();
    company.workers.push(with(worker(2), json!({ "Worker_Status": "Terminated", "Termination_Date": "2026-01-01" })));
    check("the other one left without an account", company, &[]);
}
