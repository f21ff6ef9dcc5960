//! The company of `mock-data`, as the other shards' tools tell it, and the host that asks them.

use nexus_shard::serde_json::{self, Value, json};
use nexus_shard::testing::{Fake, answer};
use nexus_shard::{PeerAnswer, PeerCall, PeerError, ToolError, Utc};
use std::time::Duration;

/// The moment at which the mock world stands still.
pub(crate) const NOW: &str = "2026-06-15T09:00:00Z";

pub(crate) fn now() -> Utc {
    Utc::parse(NOW).unwrap()
}

/// Rows as the tools return them, by system, and how the systems behave.
#[derive(Clone, Default)]
pub(crate) struct Company {
    pub(crate) workers: Vec<Value>,
    pub(crate) ad: Vec<Value>,
    pub(crate) entra: Vec<Value>,
    pub(crate) intune: Vec<Value>,
    pub(crate) autopilot: Vec<Value>,
    pub(crate) lansweeper: Vec<Value>,
    pub(crate) cmdb: Vec<Value>,
    pub(crate) incidents: Vec<Value>,
    /// Tools that fail, by the beginning of their name, and how.
    pub(crate) failing: Vec<(&'static str, ToolError)>,
    /// Tools that tell a part.
    pub(crate) partial: Vec<&'static str>,
}

impl Company {
    /// The company of nine.
    pub(crate) fn mock() -> Self {
        let table = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
        Self {
            workers: table(include_str!("../../../../mock-data/workday/nexus_workers.json")),
            ad: table(include_str!("../../../../mock-data/ad/entries.json")).iter().filter_map(ad).collect(),
            entra: table(include_str!("../../../../mock-data/graph/users.json")).iter().map(entra).collect(),
            intune: table(include_str!("../../../../mock-data/graph/managed_devices.json"))
                .iter()
                .map(intune)
                .collect(),
            autopilot: table(include_str!("../../../../mock-data/graph/autopilot_devices.json"))
                .iter()
                .map(autopilot)
                .collect(),
            lansweeper: table(include_str!("../../../../mock-data/lansweeper/assets.json"))
                .iter()
                .map(lansweeper)
                .collect(),
            cmdb: table(include_str!("../../../../mock-data/helix/computers.json")).iter().filter_map(cmdb).collect(),
            incidents: table(include_str!("../../../../mock-data/helix/incidents.json"))
                .iter()
                .filter_map(incident)
                .collect(),
            ..Self::default()
        }
    }

    /// This system does not answer.
    pub(crate) fn without(mut self, tool: &'static str) -> Self {
        self.failing.push((tool, ToolError::upstream("out of order")));
        self
    }

    /// This system tells a part.
    pub(crate) fn partly(mut self, tool: &'static str) -> Self {
        self.partial.push(tool);
        self
    }

    /// A host that asks these systems, at the moment of the mock world.
    pub(crate) fn fake(self) -> Fake {
        let time = Duration::from_secs(u64::try_from(now().seconds_since_1970()).unwrap());
        Fake::replies([]).now(time).peers(move |call| self.answer(call))
    }

    fn answer(&self, call: &PeerCall) -> Result<PeerAnswer, PeerError> {
        let tool = call.tool.as_str();
        if let Some((_, error)) = self.failing.iter().find(|(name, _)| tool.starts_with(name)) {
            return Err(PeerError::Tool(error.clone()));
        }
        let data = match tool {
            "workday_run_raas_report" => json!({ "report_path": "ISU_Nexus/Nexus_Workers", "rows": self.workers }),
            "ad_list_users" => json!({ "users": self.ad }),
            "ad_get_user_by_email" => one(&self.ad, &call.arguments["email"], &["email"])?,
            "entra_list_users" if call.arguments["include_sign_ins"] == true => json!({ "users": self.entra }),
            "entra_list_users" => {
                let without = |row: &Value| with(row.clone(), json!({ "last_sign_in_at": null }));
                json!({ "users": self.entra.iter().map(without).collect::<Vec<_>>() })
            }
            "entra_get_user" => {
                let mut user = one(&self.entra, &call.arguments["user_id_or_upn"], &["user_principal_name", "email"])?;
                user.as_object_mut().unwrap().remove("last_sign_in_at");
                user
            }
            "intune_list_managed_devices" => json!({ "devices": self.intune }),
            "intune_get_autopilot_devices" => json!({ "devices": self.autopilot }),
            "lansweeper_list_assets" => json!({ "assets": self.lansweeper, "total": self.lansweeper.len() }),
            "helix_list_cmdb_assets" => json!({ "assets": self.cmdb, "total": self.cmdb.len() }),
            "helix_list_incidents" => json!({ "incidents": self.incidents }),
            _ => panic!("{tool} is not asked here"),
        };
        let mut answer = answer(&data)?;
        if self.partial.iter().any(|name| tool.starts_with(name)) {
            answer.complete = false;
            answer.notes.push("there are more".to_owned());
        }
        Ok(answer)
    }
}

/// The one row that has the value in one of the fields.
fn one(rows: &[Value], value: &Value, fields: &[&str]) -> Result<Value, PeerError> {
    let asked = value.as_str().unwrap().to_lowercase();
    let has =
        |row: &&Value| fields.iter().any(|field| row[field].as_str().map(str::to_lowercase) == Some(asked.clone()));
    let mut found = rows.iter().filter(has);
    match (found.next(), found.next()) {
        (Some(row), None) => Ok(row.clone()),
        (None, _) => Err(PeerError::Tool(ToolError::not_found("nobody has it"))),
        (Some(_), Some(_)) => Err(PeerError::Tool(ToolError::invalid_arguments("several have it"))),
    }
}

fn ad(entry: &Value) -> Option<Value> {
    let is_a = |class: &str| entry["objectClass"].as_array().unwrap().contains(&json!(class));
    if !is_a("user") || is_a("computer") {
        return None;
    }
    let control: u32 = entry["userAccountControl"].as_str().unwrap().parse().unwrap();
    Some(json!({
        "username": entry["sAMAccountName"], "user_principal_name": entry["userPrincipalName"], "email": entry["mail"],
        "display_name": entry["displayName"], "first_name": entry["givenName"], "last_name": entry["sn"],
        "job_title": entry["title"], "department": entry["department"],
        "office_location": entry["physicalDeliveryOfficeName"], "employee_id": entry["employeeID"], "dn": entry["dn"],
        "manager_dn": entry["manager"], "is_enabled": control & 2 == 0, "password_never_expires": control & 0x10000 != 0,
        "last_logon_at": file_time(&entry["lastLogonTimestamp"]), "created_at": generalized(&entry["whenCreated"]),
        "account_expires_at": file_time(&entry["accountExpires"]), "object_guid": null, "object_sid": sid(&entry["objectSid"]),
    }))
}

/// Hundreds of nanoseconds since 1601; 0 and the greatest are never.
fn file_time(value: &Value) -> Option<Utc> {
    let ticks: u64 = value.as_str()?.parse().unwrap();
    let since_1970 = (ticks / 10_000_000).checked_sub(11_644_473_600)?;
    Utc::since_1970(Duration::from_secs(since_1970)).filter(|_| ticks < 9_000_000_000_000_000_000)
}

/// `20190304151208.0Z`
fn generalized(value: &Value) -> String {
    let text = value.as_str().unwrap();
    let part = |range: std::ops::Range<usize>| &text[range];
    format!("{}-{}-{}T{}:{}:{}Z", part(0..4), part(4..6), part(6..8), part(8..10), part(10..12), part(12..14))
}

fn sid(value: &Value) -> String {
    let hex = value["hex"].as_str().unwrap();
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let parts = bytes[8..].chunks(4).map(|four| u32::from_le_bytes(four.try_into().unwrap()).to_string());
    format!("S-1-{}-{}", bytes[7], parts.collect::<Vec<_>>().join("-"))
}

fn entra(user: &Value) -> Value {
    let activity = &user["signInActivity"];
    let times = ["lastSignInDateTime", "lastNonInteractiveSignInDateTime"];
    let licences: Vec<&Value> = user["assignedLicenses"].as_array().unwrap().iter().map(|one| &one["skuId"]).collect();
    json!({
        "id": user["id"], "user_principal_name": user["userPrincipalName"], "display_name": user["displayName"],
        "email": user["mail"], "employee_id": user["employeeId"], "job_title": user["jobTitle"],
        "department": user["department"], "is_enabled": user["accountEnabled"], "user_type": user["userType"],
        "created_at": user["createdDateTime"], "is_synced_from_ad": user["onPremisesSyncEnabled"],
        "ad_account_name": user["onPremisesSamAccountName"], "ad_object_sid": user["onPremisesSecurityIdentifier"],
        "last_sign_in_at": times.iter().filter_map(|time| activity[time].as_str()).max(), "license_sku_ids": licences,
    })
}

fn intune(device: &Value) -> Value {
    json!({
        "device_id": device["id"], "hostname": device["deviceName"], "serial_number": device["serialNumber"],
        "manufacturer": device["manufacturer"], "model": device["model"], "os_name": device["operatingSystem"],
        "os_version": device["osVersion"], "compliance_state": device["complianceState"],
        "is_encrypted": device["isEncrypted"], "management_state": device["managementState"],
        "last_sync_at": device["lastSyncDateTime"], "user_principal_name": device["userPrincipalName"],
    })
}

fn autopilot(device: &Value) -> Value {
    json!({
        "id": device["id"], "serial_number": device["serialNumber"], "manufacturer": device["manufacturer"],
        "model": device["model"], "device_id": device["managedDeviceId"],
    })
}

fn lansweeper(asset: &Value) -> Value {
    let (basic, custom) = (&asset["assetBasicInfo"], &asset["assetCustom"]);
    let user = basic["userName"].as_str().map(|name| format!("{}\\{name}", basic["userDomain"].as_str().unwrap()));
    json!({
        "asset_id": asset["key"], "hostname": basic["name"], "asset_type": basic["type"],
        "serial_number": custom["serialNumber"], "manufacturer": custom["manufacturer"], "model": custom["model"],
        "os_name": asset["operatingSystem"]["caption"], "last_user": user, "state": custom["stateName"],
        "last_seen": basic["lastSeen"],
    })
}

fn cmdb(item: &Value) -> Option<Value> {
    let values = &item["values"];
    let is_kept = values["MarkAsDeleted"] != "Yes" && values["DatasetId"] == "BMC.ASSET";
    is_kept.then(|| {
        json!({
            "instance_id": values["InstanceId"], "hostname": values["Name"], "serial_number": values["SerialNumber"],
            "manufacturer": values["ManufacturerName"], "model": values["Model"], "class_id": values["ClassId"],
        })
    })
}

fn incident(entry: &Value) -> Option<Value> {
    let values = &entry["values"];
    let is_open = !["Resolved", "Closed", "Cancelled"].contains(&values["Status"].as_str().unwrap());
    is_open.then(|| {
        json!({
            "incident_id": values["Incident Number"], "status": values["Status"], "priority": values["Priority"],
            "summary": values["Description"], "assigned_to": values["Assignee"],
            "assigned_group": values["Assigned Group"], "ci_name": values["HPD_CI"], "created_at": values["Submit Date"],
            "resolved_at": values["Last Resolved Date"],
        })
    })
}

/// Somebody who has worked here for years and whose systems agree: nothing is to be found about them.
impl Company {
    pub(crate) fn of_one() -> Self {
        Self { workers: vec![worker(1)], ad: vec![ad_account(1)], entra: vec![entra_account(1)], ..Self::default() }
    }

    /// The same, with fields of the worker set.
    pub(crate) fn worker(mut self, fields: Value) -> Self {
        set(&mut self.workers[0], fields);
        self
    }

    /// With fields of the account in Active Directory set.
    pub(crate) fn ad(mut self, fields: Value) -> Self {
        set(&mut self.ad[0], fields);
        self
    }

    /// With fields of the account in Entra ID set.
    pub(crate) fn entra(mut self, fields: Value) -> Self {
        set(&mut self.entra[0], fields);
        self
    }

    /// Without the account in Active Directory.
    pub(crate) fn no_ad(mut self) -> Self {
        self.ad.clear();
        self
    }

    /// Without the account in Entra ID.
    pub(crate) fn no_entra(mut self) -> Self {
        self.entra.clear();
        self
    }
}

/// Sets members of a row; null takes one away.
pub(crate) fn set(row: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    let row = row.as_object_mut().unwrap();
    for (name, value) in fields {
        if value.is_null() {
            row.remove(&name);
        } else {
            row.insert(name, value);
        }
    }
}

pub(crate) fn with(mut row: Value, fields: Value) -> Value {
    set(&mut row, fields);
    row
}

pub(crate) fn worker(n: usize) -> Value {
    json!({
        "Employee_ID": format!("EMP-{n}"), "Legal_First": "Robert", "Legal_Last": "Martinez", "Preferred_First": "Bob",
        "Preferred_Last": "Martinez", "Work_Email": format!("p{n}@nexus.corp"), "Worker_Status": "Active",
        "Hire_Date": "2020-01-06", "Worker_Type": "Employee", "Business_Title": "Software Engineer",
        "Department": "Engineering", "Location": "Denver HQ",
    })
}

pub(crate) fn ad_account(n: usize) -> Value {
    json!({
        "username": format!("p{n}"), "user_principal_name": format!("p{n}@nexus.corp"),
        "email": format!("p{n}@nexus.corp"), "display_name": "Bob Martinez", "first_name": "Bob", "last_name": "Martinez",
        "job_title": "Software Engineer", "department": "Engineering", "employee_id": format!("EMP-{n}"),
        "dn": format!("CN=p{n},OU=Users,DC=nexus,DC=corp"), "is_enabled": true,
        "last_logon_at": "2026-06-10T08:00:00Z", "created_at": "2020-01-06T08:00:00Z",
        "object_sid": format!("S-1-5-21-1-2-3-{n}"),
    })
}

pub(crate) fn entra_account(n: usize) -> Value {
    json!({
        "id": format!("id-{n}"), "user_principal_name": format!("p{n}@nexus.corp"), "email": format!("p{n}@nexus.corp"),
        "display_name": "Bob Martinez", "job_title": "Software Engineer", "department": "Engineering",
        "employee_id": format!("EMP-{n}"), "is_enabled": true, "user_type": "Member", "is_synced_from_ad": true,
        "ad_account_name": format!("p{n}"), "ad_object_sid": format!("S-1-5-21-1-2-3-{n}"),
        "created_at": "2020-01-06T08:00:00Z", "last_sign_in_at": "2026-06-14T08:00:00Z", "license_sku_ids": [],
    })
}

/// A laptop that all systems know alike.
pub(crate) fn laptop(company: &mut Company, n: usize) {
    company.intune.push(json!({
        "device_id": format!("dev-{n}"), "hostname": format!("LAPTOP-{n}"), "serial_number": format!("SN-{n}"),
        "manufacturer": "Dell Inc.", "model": "Latitude 7440", "os_name": "Windows", "compliance_state": "compliant",
        "is_encrypted": true, "last_sync_at": "2026-06-14T08:00:00Z", "user_principal_name": format!("p{n}@nexus.corp"),
    }));
    company.lansweeper.push(json!({
        "asset_id": format!("asset-{n}"), "hostname": format!("laptop-{n}"), "asset_type": "Windows",
        "serial_number": format!("sn-{n}"), "manufacturer": "Dell", "model": "Latitude 7440",
        "os_name": "Windows 11 Enterprise", "last_user": format!("NEXUS\\p{n}"), "state": "Active",
    }));
    company.cmdb.push(json!({
        "instance_id": format!("ci-{n}"), "hostname": format!("LAPTOP-{n}"), "serial_number": format!("SN-{n}"),
        "manufacturer": "Dell Computer Corporation", "model": "Dell Latitude 7440",
    }));
}
