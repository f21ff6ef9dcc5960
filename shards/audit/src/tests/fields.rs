//! Name, job title, department and manager, each with what must be left alone.

use super::company::{Company, ad_account, entra_account, with, worker};
use super::{found, ids};
use crate::model::{Finding, Severity, System};
use nexus_shard::serde_json::{Value, json};

fn check(name: &str, company: Company, expected: &[&str]) -> Vec<Finding> {
    let found = found(company);
    assert_eq!(ids(&found), expected, "{name}: {found:#?}");
    found
}

fn one() -> Company {
    Company::of_one()
}

#[test]
fn a_title_differs_or_is_written_differently_or_is_missing() {
    for (title, expected) in [
        (json!("Software Engineer"), &[][..]),
        (json!("SOFTWARE  engineer "), &[]),
        (json!("Senior Software Engineer"), &["person.title:EMP-1"]),
        (json!("Software Eng."), &["person.title-spelling:EMP-1"]),
        (json!(""), &[]),
        (Value::Null, &[]),
    ] {
        check("AD", one().ad(json!({ "job_title": title })), expected);
        check("Entra", one().entra(json!({ "job_title": title })), expected);
    }
    check("Workday has none", one().worker(json!({ "Business_Title": null })), &[]);
}

#[test]
fn one_finding_says_what_every_system_says() {
    let company = one().ad(json!({ "job_title": "Baker" })).entra(json!({ "job_title": "Cook" }));
    let found = check("both differ", company, &["person.title:EMP-1"]);
    let finding = &found[0];
    assert_eq!(finding.authority, Some(System::Workday));
    assert_eq!(finding.field.as_deref(), Some("job_title"));
    let said: Vec<_> = finding.values.iter().map(|said| (said.system, said.value.as_deref().unwrap())).collect();
    assert_eq!(
        said,
        [(System::Workday, "Software Engineer"), (System::ActiveDirectory, "Baker"), (System::Entra, "Cook")]
    );
    assert_eq!(
        finding.summary,
        "Bob Martinez: job title is \"Baker\" in Active Directory and \"Cook\" in Entra ID, and \"Software Engineer\" in \
         Workday"
    );
    let mixed = one().ad(json!({ "job_title": "Baker" })).entra(json!({ "job_title": "Software Engr" }));
    check("one differs, one is written differently", mixed, &["person.title:EMP-1", "person.title-spelling:EMP-1"]);
}

#[test]
fn a_department_differs_or_is_written_differently() {
    let of = |worker: &str, ad: &str| {
        one()
            .worker(json!({ "Department": worker }))
            .ad(json!({ "department": ad }))
            .entra(json!({ "department": worker }))
    };
    check("same", of("IT Operations", "it operations"), &[]);
    check("other", of("IT Operations", "Information Technology"), &["person.department:EMP-1"]);
    let found = check("spelling", of("Human Resources", "HR"), &["person.department-spelling:EMP-1"]);
    assert_eq!(found[0].severity, Severity::Info);
}

#[test]
fn a_shown_name_begins_with_a_first_name_and_ends_in_a_last_name() {
    for (name, fits) in [
        ("Bob Martinez", true),
        ("Robert Martinez", true),
        ("bob MARTÍNEZ", true),
        ("Martinez, Bob", true),
        ("Martinez Bob", true),
        ("Bob J. Martinez", true),
        ("Dr. Bob Martinez Jr.", true),
        ("Bob Martinez (Contractor)", true),
        ("Bob\u{200F} Martinez", true),
        ("Bobby Martinez", false),
        ("Bob Martin", false),
        ("Bob", false),
        ("Alice Johnson", false),
    ] {
        let expected: &[&str] = if fits { &[] } else { &["person.name:EMP-1"] };
        check(name, one().ad(json!({ "display_name": name })), expected);
        check(name, one().entra(json!({ "display_name": name })), expected);
    }
    check("no shown name", one().ad(json!({ "display_name": null })), &[]);
    check("first name", one().ad(json!({ "first_name": "Bert" })), &["person.name:EMP-1"]);
    check("last name", one().ad(json!({ "last_name": "Marten" })), &["person.name:EMP-1"]);
    check("one name of two", one().worker(json!({ "Legal_Last": "Martinez Ruiz", "Preferred_Last": null })), &[]);
    check(
        "no name in Workday",
        one().worker(
            json!({ "Legal_First": null, "Legal_Last": null, "Preferred_First": null, "Preferred_Last": null }),
        ),
        &[],
    );
    check(
        "umlaut",
        one()
            .worker(json!({ "Legal_Last": "Müller", "Preferred_Last": "Müller" }))
            .ad(json!({ "display_name": "Bob Mueller", "last_name": "Muller" }))
            .entra(json!({ "display_name": "Bob Müller" })),
        &[],
    );
}

#[test]
fn a_legal_last_name_that_no_directory_shows_is_a_change_under_way() {
    let legal = |name: &str| one().worker(json!({ "Legal_Last": name }));
    check("other", legal("Thompson"), &["person.legal-name:EMP-1"]);
    check("both shown", legal("Martinez-Thompson"), &[]);
    check("first name alone", one().worker(json!({ "Legal_First": "Roberto" })), &[]);
    check("no preferred name", legal("Martinez").worker(json!({ "Preferred_Last": null })), &[]);
    let shown = json!({ "display_name": "Bob Thompson", "last_name": "Thompson" });
    check(
        "shown everywhere",
        legal("Thompson").ad(shown.clone()).entra(json!({ "display_name": "Bob Thompson" })),
        &[],
    );
    check("shown in one", legal("Thompson").ad(shown), &["person.legal-name:EMP-1"]);
    check("neither", legal("Thompson").ad(json!({ "display_name": "Bob Smith" })), &["person.name:EMP-1"]);
}

/// Somebody with a manager, the manager, and a third.
fn managed(worker_of: &str, dn_of: Option<usize>) -> Company {
    let mut company = Company::default();
    for n in 1..=3 {
        company.workers.push(worker(n));
        company.ad.push(ad_account(n));
        company.entra.push(entra_account(n));
    }
    company.workers[0]["Manager_Employee_ID"] = json!(worker_of);
    if let Some(n) = dn_of {
        company.ad[0]["manager_dn"] = json!(format!("cn=P{n},ou=users,dc=nexus,DC=corp"));
    }
    company
}

#[test]
fn the_manager_is_the_same_person_in_both() {
    check("the same", managed("EMP-2", Some(2)), &[]);
    check("in other letters", managed(" emp-2", Some(2)), &[]);
    check("none in AD", managed("EMP-2", None), &["person.manager-missing:EMP-1"]);
    let found = check("another", managed("EMP-2", Some(3)), &["person.manager:EMP-1"]);
    assert!(
        found[0].summary.contains("(EMP-3) in Active Directory, and Bob Martinez (EMP-2) in Workday"),
        "{}",
        found[0].summary
    );
    check("one that was not read", managed("EMP-2", Some(9)), &[]);
    check("none in Workday", managed("", Some(2)), &[]);
    let mut nobodys = managed("EMP-2", Some(3));
    nobodys.ad[2] =
        with(nobodys.ad[2].clone(), json!({ "employee_id": null, "email": null, "user_principal_name": null }));
    nobodys.entra.truncate(2);
    nobodys.workers.truncate(2);
    check("an account that is nobody's", nobodys, &["account.orphaned:p3"]);
}

#[test]
fn a_manager_who_has_left_manages_nobody() {
    let mut left = managed("EMP-2", Some(2));
    left.workers[1] =
        with(left.workers[1].clone(), json!({ "Worker_Status": "Terminated", "Termination_Date": "2026-06-15" }));
    for account in [&mut left.ad[1], &mut left.entra[1]] {
        account["is_enabled"] = json!(false);
    }
    check("left", left.clone(), &["person.manager-gone:EMP-1"]);
    left.workers[1]["Termination_Date"] = json!("2026-06-16");
    left.ad[1]["is_enabled"] = json!(true);
    left.entra[1]["is_enabled"] = json!(true);
    check("leaves tomorrow", left, &[]);
    check("is no worker", managed("EMP-9", Some(2)), &["person.manager-gone:EMP-1", "person.manager:EMP-1"]);
    check("is no worker who was read", managed("EMP-9", None).partly("workday_"), &["person.manager-missing:EMP-1"]);
    check("a word for nobody", managed("N/A", None), &["person.manager-missing:EMP-1"]);
}

#[test]
fn fields_of_people_who_have_left_are_not_compared() {
    let left = json!({ "Worker_Status": "Terminated", "Termination_Date": "2026-01-01" });
    let company = one().worker(left).ad(json!({ "job_title": "Baker", "is_enabled": false }));
    check("left", company.entra(json!({ "is_enabled": false })), &[]);
}

#[test]
fn fields_are_compared_with_the_directory_that_answered() {
    let company = || one().ad(json!({ "job_title": "Baker" })).entra(json!({ "job_title": "Cook" }));
    for tool in ["ad_", "entra_"] {
        let found = check(tool, company().without(tool), &["person.title:EMP-1"]);
        assert_eq!(found[0].values.len(), 2, "{tool}");
        assert_eq!(found[0].missing.len(), 1, "{tool}");
    }
    check("Workday", company().without("workday_"), &[]);
}
