//! `check_system_health`: whether the systems behind the shards answer now.
//!
//! A probe is a call of one tool that the shard's manifest names under `[[health]]`, by the ordinary way: judged, recorded,
//! redacted. It says nothing of what the system holds, and a system without one is said to be not asked rather than well.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Asked, Fault, Host, Within};
use crate::audit::Entry;
use crate::egress::AnswerMemory;
use crate::manifest::Probe;
use crate::names::ShardName;
use crate::router::OWN_NAME;
use crate::tool::Output;

/// A probe's place in the list, and what came of it.
type Probing = Pin<Box<dyn Future<Output = (usize, Value)> + Send>>;

/// How long all probes together may take. A system that takes longer is not well, whatever it says in the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of the tool's result.
pub(super) fn output_schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let maybe = |description: &str| json!({ "type": ["string", "null"], "description": description });
    let system = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["system", "shard", "state", "tool", "code", "message", "latency_ms", "as_of", "event_id"],
        "properties": {
            "system": text("The system, as its shard's manifest calls it."),
            "shard": text("The shard that talks to it."),
            "state": {
                "type": "string",
                "enum": ["up", "refusing", "down", "not-asked"],
                "description": "up: it answered. refusing: it can be reached and does not permit the request, or its \
                    credential is missing or refused. down: it could not be reached, failed, or was too slow. not-asked: \
                    the host could not ask, which says nothing of the system.",
            },
            "tool": text("The tool that was called to find out."),
            "code": maybe("Why it is not up."),
            "message": maybe("The same for people."),
            "latency_ms": { "type": ["number", "null"], "description": "How long the answer took, in milliseconds." },
            "as_of": { "type": ["string", "null"], "format": "date-time", "description": "When it was asked, RFC 3339 in UTC." },
            "event_id": maybe("The probe's event id in the ledger."),
        },
    });
    let shard = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["shard", "state", "tools", "probes"],
        "properties": {
            "shard": text("The shard, or its folder where its manifest cannot be read."),
            "state": {
                "type": "string",
                "enum": ["serving", "left-out", "off"],
                "description": "left-out: it cannot serve; `nexus doctor` says why. off: the operator switched it off.",
            },
            "tools": { "type": "integer", "minimum": 0, "description": "Tools it offers." },
            "probes": { "type": "integer", "minimum": 0, "description": "Systems of it that are asked here." },
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["version", "source", "systems", "shards"],
        "properties": {
            "version": text("Version of Nexus."),
            "source": { "type": "string", "enum": ["live", "mock"], "description": "mock: the systems are stand-ins." },
            "systems": { "type": "array", "items": system, "description": "In the order of shards and their manifests." },
            "shards": { "type": "array", "items": shard, "description": "Sorted by name." },
        },
    })
}

impl Host {
    pub(super) async fn systems(self: &Arc<Self>, asked: &Asked, entry: &Entry) -> Output {
        let mut waiting = asked.within.as_ref().map_or_else(Vec::new, |within| within.waiting.clone());
        waiting.extend(ShardName::parse(OWN_NAME).ok());
        let within = Within { parent: entry.event_id(), deadline: Instant::now() + PATIENCE, waiting };
        let mut under_way = tokio::task::JoinSet::new();
        let mut n_probes = 0;
        for shard in self.router.shards() {
            for probe in &shard.manifest.health {
                let (host, name, probe) = (self.clone(), shard.manifest.name.clone(), probe.clone());
                let question = Asked {
                    tool: probe.tool.to_string(),
                    arguments: probe.arguments.clone(),
                    principal: asked.principal,
                    client: asked.client.clone(),
                    cancelled: asked.cancelled.clone(),
                    progress: None,
                    resumed: None,
                    memory: AnswerMemory::default(),
                    within: Some(within.clone()),
                };
                let place = n_probes;
                under_way.spawn(host.probing(place, name, probe, question));
                n_probes += 1;
            }
        }
        let mut systems = vec![Value::Null; n_probes];
        while let Some(ended) = under_way.join_next().await {
            if let Ok((place, told)) = ended
                && let Some(slot) = systems.get_mut(place)
            {
                *slot = told;
            }
        }
        let data = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "source": self.source().as_str(),
            "systems": systems,
            "shards": self.shards_told(),
        });
        let (complete, notes) = match self.router.left_out().iter().filter(|left| !left.disabled).count() {
            0 => (true, Vec::new()),
            left => (false, vec![format!("{left} shards cannot serve, so their systems were not asked: see shards")]),
        };
        Output { data: Some(data), written: None, content: Vec::new(), complete, notes }
    }

    /// Boxed, for it is a call within a call.
    fn probing(self: Arc<Self>, place: usize, shard: ShardName, probe: Probe, question: Asked) -> Probing {
        Box::pin(async move { (place, self.probe(&shard, &probe, question).await) })
    }

    async fn probe(self: &Arc<Self>, shard: &ShardName, probe: &Probe, question: Asked) -> Value {
        let started = Instant::now();
        let answer = self.call_within(question).await;
        let (state, code, message) = match &answer.result {
            Ok(_) => ("up", None, None),
            Err(fault) => (state(fault), Some(fault.code()), Some(fault.to_string())),
        };
        json!({
            "system": probe.system,
            "shard": shard,
            "state": state,
            "tool": probe.tool,
            "code": code,
            "message": message,
            "latency_ms": (state != "not-asked").then(|| (started.elapsed().as_secs_f64() * 10_000.0).round() / 10.0),
            "as_of": (state != "not-asked").then_some(answer.as_of),
            "event_id": answer.position.map(|position| position.event_id),
        })
    }

    fn shards_told(&self) -> Value {
        let serving = self.router.shards().iter().map(|shard| {
            let manifest = &shard.manifest;
            json!({
                "shard": manifest.name,
                "state": "serving",
                "tools": shard.tools.len(),
                "probes": manifest.health.len(),
            })
        });
        let out = self.router.left_out().iter().map(|left| {
            let state = if left.disabled { "off" } else { "left-out" };
            json!({ "shard": left.name, "state": state, "tools": 0, "probes": 0 })
        });
        let mut all: Vec<_> = serving.chain(out).collect();
        all.sort_by(|one, other| one["shard"].as_str().cmp(&other["shard"].as_str()));
        all.into()
    }
}

/// What a probe's failure says of the system.
fn state(fault: &Fault) -> &'static str {
    match fault {
        Fault::Tool { code: "refused", .. } => "refusing",
        // Whoever says that there is no such thing is there.
        Fault::Tool { code: "not-found", .. } => "up",
        Fault::Tool { code: "upstream", .. } | Fault::Guest("deadline") => "down",
        Fault::Tool { .. }
        | Fault::Guest(_)
        | Fault::UnknownTool
        | Fault::NotFound
        | Fault::InvalidArguments(_)
        | Fault::Busy
        | Fault::OutputTooLarge { .. }
        | Fault::OutputTooMuch(_)
        | Fault::OutputMisfit
        | Fault::Kept
        | Fault::Unrecorded => "not-asked",
    }
}
