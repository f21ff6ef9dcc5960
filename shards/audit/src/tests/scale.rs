//! Twenty thousand people and devices: joined by keys, and never each with each.

use super::company::{Company, ad_account, entra_account, laptop, now, set, with, worker};
use super::{found, ids};
use crate::rules::Rules;
use crate::{devices, people, read};
use nexus_shard::serde_json::json;
use std::time::{Duration, Instant};

const N: usize = 20_000;

/// Of a debug build on a busy machine; a release build takes well under a second. Each with each would take minutes.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn twenty_thousand_people_and_devices_are_joined_by_keys() {
    let mut company = Company::default();
    for n in 1..=N {
        company.workers.push(worker(n));
        company.ad.push(ad_account(n));
        company.entra.push(entra_account(n));
        laptop(&mut company, n);
        if n % 1_000 == 0 {
            set(&mut company.ad[n - 1], json!({ "job_title": "Baker" }));
            set(&mut company.cmdb[n - 1], json!({ "serial_number": "else" }));
        }
        // The same manager for everybody.
        set(&mut company.workers[n - 1], json!({ "Manager_Employee_ID": "EMP-1" }));
        set(&mut company.ad[n - 1], json!({ "manager_dn": "CN=p1,OU=Users,DC=nexus,DC=corp" }));
    }
    let (persons, machines) = read::everything(&company.fake().context()).unwrap();
    let start = Instant::now();
    let of_people = people::findings(&persons, Some(&machines), now(), Rules::shipped());
    let of_devices = devices::findings(&machines, now(), Rules::shipped());
    let took = start.elapsed();
    assert_eq!(of_people.len(), N / 1_000, "{:?}", ids(&of_people));
    // All of them have the same wrong serial number in the CMDB, so that it is two records' and joins by name no more.
    assert!(of_devices.iter().any(|finding| finding.rule == "device.duplicate-serial"));
    assert!(took < LIMIT, "{took:?}");
}

#[test]
fn a_key_that_everybody_has_joins_nobody_and_takes_no_longer() {
    let mut company = Company::of_one();
    for n in 2..=N {
        company.ad.push(with(ad_account(n), json!({ "employee_id": "EMP-1" })));
        company.entra.push(with(entra_account(n), json!({ "email": "p1@nexus.corp", "employee_id": "EMP-1" })));
        laptop(&mut company, n);
        company.intune[n - 2]["hostname"] = json!("same");
        company.lansweeper[n - 2]["serial_number"] = json!("same");
    }
    set(&mut company.workers[0], json!({ "Worker_Status": "Terminated", "Termination_Date": "2026-06-01" }));
    let start = Instant::now();
    let found = found(company);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    let leaver = &found[0];
    assert_eq!(leaver.rule, "account.leaver-enabled");
    assert!(
        leaver.values.len() <= 50 && leaver.confidence.reasons.len() <= 51 && leaver.summary.chars().count() <= 1_001
    );
    assert!(leaver.missing.iter().any(|text| text.contains("more records")), "{:?}", leaver.missing);
    let serial = found.iter().find(|finding| finding.rule == "device.duplicate-serial").unwrap();
    assert!(serial.values.len() <= 50);
}
