//! What the benchmarks share: a host in this process, a call without MCP, and the same tool as a native function.

#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark ends where it is wrong"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderMap, Method};
use nexus::audit::{self, Crossing, Entry, Evidence, Ledger, Options, Subject};
use nexus::call::{Asked, Clock, Host, Principal};
use nexus::egress::{AnswerMemory, Caller, Door, MemoryAccount, Rights};
use nexus::manifest::{Manifest, Values};
use nexus::names::{CredentialName, SettingName, ToolName};
use nexus::outbound::{Host as Destination, Scheme};
use nexus::policy::{Artifacts, Directories, Grants, Peers};
use nexus::redact::Scrubber;
use nexus::router::{Rooms, Router};
use nexus::secrets::{SecretValue, Vault};
use nexus::shard::{Binary, Cache, CallContext, Compiler, Loader, Shard, Trust, engine};
use nexus::tool::{Outcome, Output};
use nexus::wire::mock::{Fault, MockOptions};
use nexus::wire::{Mock, Request, Wire};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The tool that everything is measured with: one page of users, ten rows.
pub const TOOL: &str = "entra_list_users";

pub fn arguments() -> Value {
    json!({ "limit": 10 })
}

pub fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub struct Tenant;

impl Values for Tenant {
    fn value(&self, name: &SettingName) -> Option<String> {
        Some(if name.as_str().ends_with("_DN") { "DC=bench" } else { "bench" }.into())
    }
}

pub fn manifest() -> Manifest {
    built("shards/identity")
}

/// A shard or guest as `just build-shards build-guests` leaves it.
pub fn built(folder: &str) -> Manifest {
    let file = repo().join("target").join(folder).join("shard.toml");
    Manifest::read(&file, &Tenant).expect("run `just build-shards build-guests` first")
}

pub fn mock(faults: Vec<Fault>) -> Mock {
    Mock::load(MockOptions { faults, ..MockOptions::new(repo().join("runtime/benches/upstream")) }).unwrap()
}

/// Twenty secrets to look for, as a host with all its shards live would have.
pub fn scrubber() -> Scrubber {
    let secrets: Vec<_> =
        (0..20).map(|n| SecretValue::new(format!("bench-secret-{n:02}-Zx9~{n}kQ7")).unwrap()).collect();
    Scrubber::new(&secrets)
}

pub fn ledger(folder: &Path, durable: bool) -> Ledger {
    let options =
        if durable { Options::default().signed(Evidence::default()) } else { Options::default().danger_unsynced() };
    Ledger::open(&folder.join(format!("ledger-{durable}.jsonl")), options).unwrap()
}

pub fn rights(manifest: &Manifest) -> Rights {
    Rights {
        shard: manifest.name.clone(),
        grants: Grants::new(manifest.egress.clone()),
        directories: Directories::new(manifest.directories.clone()),
        peers: Peers::new(manifest.peers.clone()),
        artifacts: Artifacts::new(manifest.artifacts.clone()),
        vault: Vault::mock(manifest.credentials.clone()),
        paces: manifest.paces.clone(),
        limits: manifest.limits,
    }
}

/// The identity shard behind the whole host, its ledger in `folder`.
pub async fn host(folder: &Path, durable: bool, faults: Vec<Fault>) -> Arc<Host> {
    let mock = mock(faults);
    let clock = Clock::Fixed(mock.now());
    let door = Arc::new(Door::new(ledger(folder, durable), Wire::Mock(mock), scrubber()));
    let shard = shard(&door, manifest()).await;
    Arc::new(Host::new(Router::new(vec![Arc::new(shard)], Vec::new(), rooms()), door, clock))
}

/// Bytes of all guests together.
const MEMORY: usize = 8 << 30;

pub fn rooms() -> Arc<Rooms> {
    Rooms::new(MemoryAccount::new(MEMORY))
}

pub async fn shard(door: &Arc<Door>, manifest: Manifest) -> Shard {
    shard_with(door, manifest, rights).await
}

pub async fn shard_with(door: &Arc<Door>, manifest: Manifest, rights: impl FnOnce(&Manifest) -> Rights) -> Shard {
    let cache = Cache::open(&repo().join("target/bench-cache")).unwrap();
    let loader = Loader::new(engine(MEMORY).unwrap(), Some(cache), Compiler::InProcess);
    let binary = Binary::read(&manifest).unwrap();
    Shard::load(&loader, door, manifest, binary, Trust::Approved, rights).await.unwrap()
}

/// Who calls a tool, below the line that every call begins with: what leaves during it has that line as its parent.
/// The call is over when the line is dropped.
pub async fn caller(shard: &Shard, door: &Door, tool: &str) -> (Entry, Arc<Caller>) {
    let subject = Arc::new(Subject::default());
    let asked = audit::Asked {
        what: Crossing::Call,
        parent: None,
        subject: Arc::clone(&subject),
        args_summary: None,
        subjects: Vec::new(),
        request_bytes: None,
    };
    let entry = door.ledger().ask(asked).await.unwrap();
    let deadline = tokio::time::Instant::now() + shard.rights.limits.deadline;
    let (rights, tool) = (Arc::clone(&shard.rights), ToolName::parse(tool).unwrap());
    let caller = Caller::new(rights, tool, subject, entry.event_id(), deadline, CancellationToken::new(), None);
    (entry, Arc::new(caller))
}

/// One call of a tool that asks nothing in between.
pub async fn call(shard: &Shard, door: &Arc<Door>, caller: &Arc<Caller>, arguments: &Value) -> Output {
    let settings = shard.manifest.settings.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    let context = CallContext { call_id: String::new(), remaining_ms: 60_000, settings, resumed: None };
    let tool = caller.tool.clone().unwrap();
    match shard.call(door, caller, &tool, arguments.to_string(), context).await.unwrap().unwrap() {
        Outcome::Done(output) => output,
        Outcome::InputRequired(_) | Outcome::Unusable(_) => unreachable!("the tool asks nothing and answers well"),
    }
}

pub fn asked() -> Asked {
    Asked {
        tool: TOOL.into(),
        arguments: arguments(),
        principal: Principal::Local,
        client: None,
        cancelled: CancellationToken::new(),
        progress: None,
        resumed: None,
        memory: AnswerMemory::default(),
        within: None,
    }
}

/// The request that the shard makes of Graph.
pub fn request() -> Request {
    let select = "id,displayName,userPrincipalName,mail,jobTitle,department,accountEnabled,employeeId,userType,\
                  createdDateTime,onPremisesSyncEnabled,onPremisesSamAccountName,\
                  onPremisesSecurityIdentifier,assignedLicenses";
    Request {
        method: Method::GET,
        scheme: Scheme::Https,
        host: Destination::parse("graph.microsoft.com").unwrap(),
        port: 443,
        segments: vec!["v1.0".into(), "users".into()],
        query: vec![("$select".into(), select.into()), ("$top".into(), "10".into())],
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        credential: Some(CredentialName::parse("graph").unwrap()),
    }
}

/// The same tool without sandbox, policy, scan and ledger: asks the same upstream, reads its answer, shapes the result.
pub async fn native(mock: &Mock) -> Value {
    let reply = mock.send(&request()).await.unwrap();
    let page: Value = serde_json::from_slice(reply.body()).unwrap();
    let users = page["value"].as_array().unwrap().iter().map(|user| {
        json!({
            "id": user["id"],
            "user_principal_name": user["userPrincipalName"],
            "display_name": user["displayName"],
            "email": user["mail"],
            "employee_id": user["employeeId"],
            "job_title": user["jobTitle"],
            "department": user["department"],
            "is_enabled": user["accountEnabled"],
            "user_type": user["userType"],
            "created_at": user["createdDateTime"],
            "is_synced_from_ad": user["onPremisesSyncEnabled"],
            "ad_account_name": user["onPremisesSamAccountName"],
            "ad_object_sid": user["onPremisesSecurityIdentifier"],
            "license_sku_ids": user["assignedLicenses"].as_array().map(|all| all.iter().map(|one| one["skuId"].clone()).collect::<Vec<_>>()),
        })
    });
    json!({ "users": users.collect::<Vec<_>>() })
}
