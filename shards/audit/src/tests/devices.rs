//! Devices, each rule with what it must leave alone.

use super::company::{Company, laptop, now, set, with};
use super::{found, found_at, ids};
use crate::model::{Finding, Level};
use crate::rules::Rules;
use nexus_shard::serde_json::{Value, json};

const SHIPPED: &str = include_str!("../../rules.toml");

fn check(name: &str, company: Company, expected: &[&str]) -> Vec<Finding> {
    let found = found(company);
    assert_eq!(ids(&found), expected, "{name}: {found:#?}");
    found
}

/// One laptop that all systems know alike, and its user.
fn one() -> Company {
    let mut company = Company::of_one();
    laptop(&mut company, 1);
    company
}

fn intune(fields: Value) -> Company {
    let mut company = one();
    set(&mut company.intune[0], fields);
    company
}

fn cmdb(fields: Value) -> Company {
    let mut company = one();
    set(&mut company.cmdb[0], fields);
    company
}

fn lansweeper(fields: Value) -> Company {
    let mut company = one();
    set(&mut company.lansweeper[0], fields);
    company
}

#[test]
fn a_device_that_all_know_alike_has_no_finding() {
    check("as it should be", one(), &[]);
}

#[test]
fn a_serial_number_differs_where_the_name_is_the_same() {
    let found = check("CMDB", cmdb(json!({ "serial_number": "SN-9" })), &["device.serial:LAPTOP-1"]);
    assert_eq!(found[0].confidence.level, Level::Low);
    check("none in the CMDB", cmdb(json!({ "serial_number": null })), &[]);
    check("no number at all in the CMDB", cmdb(json!({ "serial_number": "To be filled by O.E.M." })), &[]);
    check(
        "another maker beside another serial number",
        cmdb(json!({ "serial_number": "SN-9", "manufacturer": "Acer" })),
        &["device.serial:LAPTOP-1"],
    );
}

#[test]
fn a_name_is_a_whole_name() {
    let mut company = one();
    laptop(&mut company, 10);
    for rows in [&mut company.intune, &mut company.lansweeper, &mut company.cmdb] {
        for row in rows.iter_mut() {
            row["serial_number"] = Value::Null;
        }
    }
    company.workers.push(super::company::worker(10));
    company.ad.push(super::company::ad_account(10));
    company.entra.push(super::company::entra_account(10));
    check("LAPTOP-1 and LAPTOP-10", company, &[]);
    check(
        "a part",
        cmdb(json!({ "hostname": "LAPTOP-1.nexus.corp", "serial_number": null })),
        &["device.missing:LAPTOP-1.nexus.corp", "device.missing:SN-1"],
    );
}

#[test]
fn names_that_many_devices_have_join_nothing() {
    let mut company = Company::default();
    for n in 1..=2 {
        company.intune.push(json!({
            "device_id": format!("d{n}"), "hostname": "iPhone", "serial_number": format!("F{n}"), "os_name": "iOS",
            "model": "iPhone 15", "compliance_state": "compliant",
        }));
    }
    company
        .lansweeper
        .push(json!({ "asset_id": "a", "hostname": "iPhone", "serial_number": "F3", "asset_type": "iPhone" }));
    check("iPhone", company, &["device.missing:F3"]);
}

#[test]
fn makers_and_models_are_compared_by_meaning() {
    check("maker", cmdb(json!({ "manufacturer": "Lenovo" })), &["device.manufacturer:SN-1"]);
    check("no maker", cmdb(json!({ "manufacturer": null })), &[]);
    check("model", lansweeper(json!({ "model": "Latitude 7450" })), &["device.model:SN-1"]);
    check("model in other words", lansweeper(json!({ "model": "LATITUDE 7440 Notebook PC" })), &[]);
    check("a maker's number", lansweeper(json!({ "model": "21HMCTO1WW" })), &[]);
    check("its shortest", lansweeper(json!({ "model": "21HMCTO1" })), &[]);
    check("too short for one", lansweeper(json!({ "model": "21HMCTO" })), &["device.model:SN-1"]);
}

#[test]
fn a_device_is_missing_where_its_type_is_expected() {
    let without = |system: &str| {
        let mut company = one();
        match system {
            "intune" => company.intune.clear(),
            "lansweeper" => company.lansweeper.clear(),
            _ => company.cmdb.clear(),
        }
        company
    };
    for system in ["lansweeper", "helix"] {
        check(system, without(system), &["device.missing:SN-1"]);
    }
    check("intune", without("intune"), &["device.missing:sn-1"]);
    check("Intune did not answer", without("intune").without("intune_list"), &[]);
    check("Lansweeper told a part", without("lansweeper").partly("lansweeper"), &[]);
    check("the CMDB did not answer", without("cmdb").without("helix_"), &[]);
    let mut stock = without("intune");
    set(&mut stock.lansweeper[0], json!({ "state": "Stock" }));
    check("in a cupboard", stock, &[]);
    let mut registered = Company::default();
    registered.autopilot.push(json!({ "serial_number": "SN-5", "model": "ThinkPad T14", "device_id": null }));
    check("registered and not yet set up", registered, &[]);
}

#[test]
fn a_device_of_another_type_is_expected_elsewhere() {
    let asset = |kind: &str, os: &str| {
        let mut company = Company::default();
        let asset =
            json!({ "asset_id": "a", "hostname": "X-1", "serial_number": "S1", "asset_type": kind, "os_name": os });
        company.lansweeper.push(asset);
        company.cmdb.push(json!({ "instance_id": "c", "hostname": "X-1", "serial_number": "S1" }));
        company
    };
    check("server", asset("Windows", "Windows Server 2022"), &["device.unmanaged:S1"]);
    check("switch", asset("Switch", ""), &["device.unmanaged:S1"]);
    check("printer", asset("Printer", ""), &[]);
    check("unknown", asset("Linux", "Ubuntu"), &["device.unmanaged:S1"]);
    check("laptop", asset("Windows", "Windows 11"), &["device.missing:S1"]);
    let mut phone = Company::default();
    phone.intune.push(json!({ "device_id": "d", "hostname": "Bobs-iPhone", "serial_number": "F1", "os_name": "iOS", "compliance_state": "compliant" }));
    check("phone in Intune alone", phone, &[]);
}

#[test]
fn what_intune_says_of_a_device() {
    for (state, is_found) in [
        ("noncompliant", true),
        ("NonCompliant", true),
        ("error", true),
        ("conflict", true),
        ("compliant", false),
        ("inGracePeriod", false),
        ("configManager", false),
        ("unknown", false),
    ] {
        let expected: &[&str] = if is_found { &["device.noncompliant:SN-1"] } else { &[] };
        check(state, intune(json!({ "compliance_state": state })), expected);
    }
    check("not encrypted", intune(json!({ "is_encrypted": false })), &["device.unencrypted:SN-1"]);
    check("encryption unknown", intune(json!({ "is_encrypted": null })), &[]);
    check("silent", intune(json!({ "last_sync_at": "2026-05-16T08:59:59Z" })), &["device.silent:SN-1"]);
    check("30 days", intune(json!({ "last_sync_at": "2026-05-16T09:00:00Z" })), &[]);
    check("never told", intune(json!({ "last_sync_at": null })), &[]);
}

#[test]
fn two_records_with_one_serial_number_are_told_and_not_compared() {
    let mut company = one();
    let mut twin = company.intune[0].clone();
    set(
        &mut twin,
        json!({ "device_id": "dev-old", "hostname": "OLD-1", "model": "Else", "last_sync_at": "2025-01-01T00:00:00Z" }),
    );
    company.intune.push(twin);
    check("in Intune", company, &["device.duplicate-serial:SN-1"]);

    let mut company = one();
    laptop(&mut company, 2);
    company.lansweeper[1]["serial_number"] = json!("Default string");
    company.lansweeper[0]["serial_number"] = json!("Default string");
    company.workers.push(super::company::worker(2));
    company.ad.push(super::company::ad_account(2));
    company.entra.push(super::company::entra_account(2));
    check("what is no serial number", company, &[]);
}

#[test]
fn a_finding_shows_fifty_records_and_says_how_many_more_there_are() {
    for (n, shown, more) in [(50, 50, None), (51, 50, Some("1 more records are not shown"))] {
        let mut company = Company::default();
        for id in 0..n {
            let device =
                json!({ "device_id": format!("d{id}"), "hostname": format!("PC-{id}"), "serial_number": "SN-1" });
            company.intune.push(device);
        }
        let found = found(company);
        let twice = found.iter().find(|one| one.rule == "device.duplicate-serial").unwrap();
        assert_eq!(twice.values.len(), shown, "{n}");
        assert_eq!(twice.missing.iter().map(String::as_str).find(|text| text.contains("more records")), more, "{n}");
    }
}

#[test]
fn a_device_that_a_system_has_twice_is_not_joined_by_its_name() {
    let shared = |finding: &Finding| finding.missing.iter().any(|why| why.contains("other devices of this name"));
    let twice = |fields: Value| {
        let mut company = lansweeper(fields);
        let twin = with(company.intune[0].clone(), json!({ "device_id": "dev-old", "hostname": "OLD-1" }));
        company.intune.push(twin);
        company
    };
    // Which of the two records the name is of is not known, so neither is the other system's device.
    const APART: &[&str] = &["device.duplicate-serial:SN-1", "device.missing:SN-1", "device.missing:sn-9"];
    let found = check("another serial number", twice(json!({ "serial_number": "sn-9" })), APART);
    assert!(shared(&found[1]) && shared(&found[2]), "{found:#?}");
    let alone = &["device.duplicate-serial:SN-1", "device.missing:SN-1"];
    let found = check("no serial number", twice(json!({ "serial_number": null })), alone);
    assert!(shared(&found[1]), "{found:#?}");
    check("once, and no serial number", lansweeper(json!({ "serial_number": null })), &[]);
}

#[test]
fn a_name_that_others_have_is_told_whichever_key_comes_first() {
    let shared = |finding: &Finding| finding.missing.iter().any(|why| why.contains("other devices of this name"));
    let keys = ["device = [\"serial_number\", \"hostname\"]", "device = [\"hostname\", \"serial_number\"]"];
    for order in keys {
        assert!(SHIPPED.contains(keys[0]));
        let rules = Rules::parse(&SHIPPED.replacen(keys[0], order, 1)).unwrap();
        let mut company = cmdb(json!({ "hostname": "OTHER-1" }));
        let twin = with(company.intune[0].clone(), json!({ "device_id": "dev-2", "serial_number": "SN-2" }));
        company.intune.push(twin);
        company.lansweeper.clear();
        let found = found_at(company, now(), &rules);
        let missing: Vec<_> = found.iter().filter(|one| one.rule == "device.missing").collect();
        assert_eq!(missing.len(), 2, "{order}: {found:#?}");
        assert!(missing.into_iter().all(shared), "{order}: {found:#?}");
    }
}

#[test]
fn a_device_has_one_registration() {
    let registered = |devices: &[&str]| {
        let mut company = one();
        for (serial, device) in ["SN-1", "SN-77"].iter().zip(devices) {
            company.autopilot.push(json!({ "serial_number": serial, "device_id": device }));
        }
        company
    };
    check("a second one that names it too", registered(&["dev-1", "dev-1"]), &[]);
    check("a second one that names none", registered(&["dev-1", "dev-9"]), &[]);

    // A registration with the serial number of one device is of that one, whichever it names.
    let mut company = one();
    laptop(&mut company, 2);
    company.workers.push(super::company::worker(2));
    company.ad.push(super::company::ad_account(2));
    company.entra.push(super::company::entra_account(2));
    company.autopilot.push(json!({ "serial_number": "SN-2", "device_id": "dev-1" }));
    check("the serial number of another device", company, &[]);
}

#[test]
fn a_registration_joins_the_device_that_it_became() {
    let mut company = one();
    company.autopilot.push(json!({ "serial_number": "SN-77", "device_id": "dev-1" }));
    check("another serial number", company, &["device.serial:LAPTOP-1"]);
    let mut company = one();
    company.autopilot.push(json!({ "serial_number": "SN-1", "device_id": "dev-1" }));
    check("the same", company, &[]);
}

#[test]
fn a_device_of_somebody_who_has_left() {
    let left = |mut company: Company| {
        set(&mut company.workers[0], json!({ "Worker_Status": "Terminated", "Termination_Date": "2026-06-01" }));
        set(&mut company.ad[0], json!({ "is_enabled": false }));
        set(&mut company.entra[0], json!({ "is_enabled": false }));
        company
    };
    const OF_LEAVER: &[&str] = &["device.of-leaver:SN-1"];
    let found = check("assigned in Intune", left(one()), OF_LEAVER);
    assert!(found[0].summary.contains("is assigned to Bob Martinez (EMP-1), who left on 2026-06-01"));
    check("last seen by Lansweeper", left(intune(json!({ "user_principal_name": null }))), OF_LEAVER);
    check("assigned to another by now", left(intune(json!({ "user_principal_name": "p2@nexus.corp" }))), &[]);
    check("in a cupboard", left(lansweeper(json!({ "state": "Stock" }))), &[]);
    let neither = |mut company: Company| {
        company.lansweeper[0]["last_user"] = json!("NEXUS\\p11");
        company
    };
    check("another's login", left(neither(intune(json!({ "user_principal_name": null })))), &[]);
    check("Workday did not answer", left(one()).without("workday_"), &[]);
    check("not left", one(), &[]);
}
