//! `rules.toml`: what it must have, and what it may not.

use super::company::{Company, now};
use super::found_at;
use crate::model::{Severity, System};
use crate::rules::{DeviceKey, Employment, PersonKey, Rule, Rules};
use nexus_shard::Utc;
use nexus_shard::serde_json::json;

const SHIPPED: &str = include_str!("../../rules.toml");

fn parsed(text: &str) -> Result<Rules, String> {
    Rules::parse(text)
}

#[test]
fn the_file_that_ships_has_an_entry_for_each_rule_and_no_exception() {
    let rules = parsed(SHIPPED).unwrap();
    assert_eq!(rules.version, 1);
    for rule in Rule::ALL {
        let entry = rules.entry(*rule);
        assert!(entry.version >= 1 && !entry.title.is_empty() && !entry.description.is_empty(), "{}", rule.id());
        assert!(!entry.systems.is_empty(), "{}", rule.id());
        assert!(SHIPPED.contains(&format!("id = \"{}\"", rule.id())), "{}", rule.id());
    }
    assert_eq!(SHIPPED.matches("\n[[rule]]").count(), Rule::ALL.len());
    assert_eq!(rules.person_keys, [PersonKey::EmployeeId, PersonKey::Email, PersonKey::UserPrincipalName]);
    assert_eq!(rules.device_keys, [DeviceKey::SerialNumber, DeviceKey::Hostname]);
    assert_eq!(rules.entry(Rule::AccountLeaverEnabled).graver, Severity::Critical);
    assert_eq!(rules.entry(Rule::PersonTitle).authority, Some(System::Workday));
}

#[test]
fn a_file_that_is_wrong_is_not_read_and_says_why() {
    for (from, to, says) in [
        ("id = \"person.title\"", "id = \"person.titel\"", "person.titel"),
        ("id = \"person.title\"", "id = \"person.name\"", "twice"),
        ("title = \"Job title differs\"", "titel = \"Job title differs\"", "titel"),
        ("days = 30", "", "days is missing"),
        ("severity = \"low\"", "severity = \"grave\"", "grave"),
        ("severity-if-used = \"critical\"", "", "severity-if-used is missing"),
        ("person = [\"employee_id\"", "person = [\"display_name\"", "display_name"),
        ("systems = [\"intune\"]", "systems = [\"sccm\"]", "sccm"),
        ("\"junior\" = [\"jr\", \"jnr\"]", "\"junior\" = [\"jr\", \"sr\"]", "twice"),
        (
            "name = \"device of an unknown kind\"\nasset-types = []",
            "name = \"rest\"\nasset-types = [\"x\"]",
            "the last one",
        ),
    ] {
        assert!(SHIPPED.contains(from), "{from}");
        let error = parsed(&SHIPPED.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(says), "{from}: {error}");
    }
    let cut = SHIPPED.find("[[rule]]\nid = \"device.of-leaver\"").unwrap();
    let end = cut + SHIPPED[cut..].find("\n# --- Words").unwrap();
    let without = format!("{}{}", &SHIPPED[..cut], &SHIPPED[end..]);
    assert!(parsed(&without).unwrap_err().contains("device.of-leaver is missing"));
}

fn with_exception(table: &str) -> Result<Rules, String> {
    parsed(&format!("{SHIPPED}\n[[exception]]\n{table}\n"))
}

#[test]
fn an_exception_needs_a_rule_a_key_a_reason_and_a_last_day() {
    let whole = "rule = \"person.title\"\nkey = \"EMP-1\"\nreason = \"agreed\"\nexpires = \"2026-12-31\"";
    assert!(with_exception(whole).is_ok());
    for (from, to) in [
        ("reason = \"agreed\"", ""),
        ("reason = \"agreed\"", "reason = \" \""),
        ("expires = \"2026-12-31\"", ""),
        ("expires = \"2026-12-31\"", "expires = \"2026-02-30\""),
        ("expires = \"2026-12-31\"", "expires = \"never\""),
        ("key = \"EMP-1\"", "key = \"\""),
        ("key = \"EMP-1\"", "key = \"EMP-1\"\nby = \"me\""),
        ("rule = \"person.title\"", "rule = \"person.everything\""),
    ] {
        assert!(with_exception(&whole.replace(from, to)).is_err(), "{from} as {to}");
    }
}

#[test]
fn a_finding_with_an_exception_is_returned_with_it_until_the_last_day_has_passed() {
    let company = || Company::of_one().ad(json!({ "job_title": "Baker" }));
    for (expires, is_valid) in [("2026-06-15", true), ("2026-06-16", true), ("2026-06-14", false)] {
        let table = format!("rule = \"person.title\"\nkey = \"emp-1\"\nreason = \"two jobs\"\nexpires = \"{expires}\"");
        let found = found_at(company(), now(), &with_exception(&table).unwrap());
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(finding.exception.is_some(), is_valid, "{expires}");
        assert_eq!(finding.missing.iter().any(|text| text.contains("expired on 2026-06-14")), !is_valid, "{expires}");
        assert_eq!(finding.severity, Severity::Medium);
    }
    let other = "rule = \"person.title\"\nkey = \"EMP-10\"\nreason = \"two jobs\"\nexpires = \"2026-12-31\"";
    assert!(found_at(company(), now(), &with_exception(other).unwrap())[0].exception.is_none());
}

#[test]
fn days_and_severities_are_data() {
    let changed = SHIPPED
        .replacen(
            "severity = \"medium\"\nauthority = \"workday\"",
            "severity = \"critical\"\nauthority = \"workday\"",
            1,
        )
        .replace("days = 90", "days = 400");
    let rules = parsed(&changed).unwrap();
    let company = Company::of_one().ad(json!({ "job_title": "Baker", "last_logon_at": "2025-10-01T00:00:00Z" }));
    let found = found_at(company.clone().entra(json!({ "last_sign_in_at": "2025-10-01T00:00:00Z" })), now(), &rules);
    assert_eq!(super::ids(&found), ["person.title:EMP-1"]);
    assert_eq!(found[0].severity, Severity::Critical);
}

#[test]
fn what_is_no_number_joins_nothing() {
    let rules = Rules::shipped();
    for id in ["0", "N/A", "n / a", " none ", "-", "TBD", "", "  "] {
        assert_eq!(rules.employee_key(Some(id)), None, "{id:?}");
    }
    assert_eq!(rules.employee_key(Some(" Emp-1001 ")).as_deref(), Some("emp-1001"));
    assert_ne!(rules.employee_key(Some("0012")), rules.employee_key(Some("12")));
    for serial in [
        "To be filled by O.E.M.",
        "TO BE FILLED BY O.E.M",
        "System Serial Number",
        "Default string",
        "0",
        "0000000000",
        "None",
        "N/A",
        "Not Specified",
        "XXXXXXXXXX",
        "123456789",
        "",
        "---",
    ] {
        assert_eq!(rules.serial_key(Some(serial)), None, "{serial:?}");
    }
    assert_eq!(rules.serial_key(Some(" 5cg 4120A01")).as_deref(), Some("5cg4120a01"));
}

#[test]
fn a_status_that_nobody_knows_is_none() {
    let rules = Rules::shipped();
    for (status, means) in [
        (Some("Active"), Employment::Active),
        (Some(" active "), Employment::Active),
        (Some("On Leave"), Employment::OnLeave),
        (Some("TERMINATED"), Employment::Terminated),
        (Some("Not Terminated"), Employment::Unknown),
        (Some(""), Employment::Unknown),
        (None, Employment::Unknown),
    ] {
        assert_eq!(rules.employment(status), means, "{status:?}");
    }
}

#[test]
fn the_first_type_that_fits_is_the_type_of_a_device() {
    let rules = Rules::shipped();
    for (asset_type, os, model, name) in [
        ("Windows", "Windows 11 Enterprise", "Latitude 7440", "computer"),
        ("Windows", "Windows Server 2022 Standard", "PowerEdge R760", "server"),
        ("Switch", "IOS XE", "Catalyst 9300-48P", "network device"),
        ("iPad", "iOS", "iPad Pro 11-inch", "tablet"),
        ("", "iOS", "iPhone 15", "phone"),
        ("", "macOS", "", "computer"),
        ("", "", "ThinkPad T14 Gen 5", "computer"),
        ("Printer", "", "", "printer or screen"),
        ("", "", "", "device of an unknown kind"),
        ("Linux", "Ubuntu 24.04", "", "device of an unknown kind"),
    ] {
        assert_eq!(rules.device_type(&[asset_type], &[os], &[model]).name, name, "{asset_type} {os} {model}");
    }
}

#[test]
fn the_day_is_that_of_utc() {
    let at = Utc::parse("2026-06-15T00:30:00+02:00").unwrap();
    assert_eq!(at.date().to_string(), "2026-06-14");
}
