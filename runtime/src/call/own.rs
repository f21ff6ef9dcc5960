//! The host's own tools: whether the systems answer, and what is on record. No shard may ask about all others, or read the
//! ledger. Each call of them is on record as any other, under the shard `nexus`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::summary::Summary;
use super::{Answer, Asked, Done, Fault, Good, Host, Used, health};
use crate::audit::read::{self, Count, ReadError};
use crate::audit::{self, Crossing, Entry, Subject};
use crate::names::{ShardName, ToolName};
use crate::redact::Classes;
use crate::refusal::story;
use crate::router::OWN_NAME;
use crate::tool::{Annotations, Category, Output, Tool};

/// Lines that `nexus_audit_recent` tells if not asked for a number.
const RECENT: i64 = 50;

#[derive(Clone, Copy)]
pub(super) enum Own {
    Health,
    AuditRecent,
    AuditStats,
}

impl Own {
    /// Sorted by name.
    const ALL: [Self; 3] = [Self::Health, Self::AuditRecent, Self::AuditStats];

    pub(super) fn named(tool: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.name() == tool)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Health => "check_system_health",
            Self::AuditRecent => "nexus_audit_recent",
            Self::AuditStats => "nexus_audit_stats",
        }
    }

    fn input_schema(self) -> Value {
        let properties = match self {
            Self::AuditRecent => json!({
                "n": {
                    "type": "integer", "minimum": 1, "maximum": Count::MAX, "default": RECENT,
                    "description": "How many lines.",
                },
            }),
            Self::Health | Self::AuditStats => json!({}),
        };
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    }

    /// The definition, as clients see it.
    fn tool(self) -> Option<Tool> {
        let (title, description, output) = match self {
            Self::Health => (
                "Check the systems behind the tools",
                "Asks each system behind the shards one small question and tells whether it answers: up, refusing, \
                 down or not asked, with the reason and the time it took. Also which shards serve. It takes at most 20 seconds. \
                 A system that is up may still refuse other requests; nothing is said of systems without a probe.",
                health::output_schema(),
            ),
            Self::AuditRecent => (
                "Show the newest lines of the ledger",
                "The last lines of the audit record, oldest first: calls and what left a sandbox during them, each asked and \
                 ended. No line holds a secret or the value of an argument. Reading is itself on record. This call's own ending \
                 is not among the lines, for it is written afterwards.",
                recent_schema(),
            ),
            Self::AuditStats => (
                "Count what is on record",
                "Counts over the whole audit record: calls by status, shard and category, the most called tools, the newest \
                 that failed, what left the sandboxes, and what has no ending. The whole ledger is read.",
                stats_schema(),
            ),
        };
        Some(Tool {
            name: ToolName::parse(self.name()).ok()?,
            title: title.into(),
            description: description.into(),
            input_schema: self.input_schema(),
            output_schema: Some(output),
            category: Category::Read,
            annotations: Annotations {
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: matches!(self, Self::Health),
            },
        })
    }
}

/// No arguments at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recent {
    n: Option<Count>,
}

impl Host {
    /// The host's own tools, sorted by name.
    pub fn own_tools(&self) -> Vec<Tool> {
        Own::ALL.into_iter().filter_map(Own::tool).collect()
    }

    pub(super) async fn own(self: &Arc<Self>, own: Own, asked: Asked) -> Answer {
        let subject = Subject {
            tool: ToolName::parse(own.name()).ok(),
            shard: ShardName::parse(OWN_NAME).ok(),
            category: Some(audit::Category::Read),
            ..self.asker(asked.principal, asked.client.as_ref())
        };
        let what = audit::Asked {
            what: Crossing::Call,
            parent: asked.within.as_ref().map(|within| within.parent),
            subject: Arc::new(subject),
            args_summary: Some(Summary::of(&asked.arguments, &own.input_schema(), &Classes::default(), None).text),
            subjects: Vec::new(),
            request_bytes: Some(asked.arguments.to_string().len() as u64),
        };
        let entry = match self.door.ledger().ask(what).await {
            Ok(entry) => entry,
            Err(error) => {
                tracing::error!(tool = own.name(), %error, "call refused: it cannot be recorded");
                return self.answer(asked.tool, Err(Fault::Unrecorded), None, Used::default());
            }
        };
        let result = self.own_result(own, &asked, &entry).await;
        self.close(asked.tool, entry, result, Used::default()).await
    }

    async fn own_result(self: &Arc<Self>, own: Own, asked: &Asked, entry: &Entry) -> Result<Good, Fault> {
        let output = match own {
            Own::Health => {
                arguments::<Nothing>(asked)?;
                self.systems(asked, entry).await
            }
            Own::AuditRecent => {
                let Recent { n } = arguments(asked)?;
                let default = || Count::new(RECENT).map_err(|error| Fault::InvalidArguments(error.to_string()));
                self.recent(n.map_or_else(default, Ok)?).await?
            }
            Own::AuditStats => {
                arguments::<Nothing>(asked)?;
                self.stats().await?
            }
        };
        let (output, redactions) = self.door.clean_output(output);
        Ok(Good::Done(Done::new(output, redactions)))
    }

    async fn recent(&self, count: Count) -> Result<Output, Fault> {
        let lines = self.read_ledger(move |path| read::tail(path, count)).await?;
        let n_lines = lines.len();
        let records: Vec<Value> =
            lines.into_iter().filter_map(|line| serde_json::from_slice(&line.ok()?.raw).ok()).collect();
        let unreadable = n_lines - records.len();
        let output = complete(json!({ "records": records, "unreadable_lines": unreadable }));
        Ok(match unreadable {
            0 => output,
            some => Output {
                complete: false,
                notes: vec![format!(
                    "{some} of the lines cannot be read: nexus audit verify names the first that was changed"
                )],
                ..output
            },
        })
    }

    async fn stats(&self) -> Result<Output, Fault> {
        let stats = self.read_ledger(audit::stats::stats).await?;
        let unreadable = stats.unreadable_lines;
        let data = serde_json::to_value(stats).map_err(|error| {
            tracing::error!(%error, "the counts of the ledger have no JSON form");
            Fault::Kept
        })?;
        let output = complete(data);
        Ok(match unreadable {
            0 => output,
            some => Output {
                complete: false,
                notes: vec![format!("{some} lines cannot be read and are not counted")],
                ..output
            },
        })
    }

    /// On a thread that may wait for the disk.
    async fn read_ledger<T: Send + 'static>(
        &self,
        act: impl FnOnce(&std::path::Path) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Fault> {
        let path = self.door.ledger().path().to_owned();
        let done = tokio::task::spawn_blocking(move || act(&path)).await;
        let failed = |why: String| {
            tracing::error!("ledger cannot be read: {why}");
            Fault::Kept
        };
        done.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(story(&error)))
    }
}

fn complete(data: Value) -> Output {
    Output { data: Some(data), written: None, content: Vec::new(), complete: true, notes: Vec::new() }
}

/// What was wrong is told without the value.
fn arguments<T: for<'de> Deserialize<'de>>(asked: &Asked) -> Result<T, Fault> {
    let refused = |error: serde_json::Error| Fault::InvalidArguments(format!("the arguments do not fit: {error}"));
    T::deserialize(&asked.arguments).map_err(refused)
}

fn recent_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["records", "unreadable_lines"],
        "properties": {
            "records": {
                "type": "array",
                "items": { "type": "object" },
                "description": "Lines of the ledger as they stand there, oldest first. docs/ledger.md says what each field means.",
            },
            "unreadable_lines": { "type": "integer", "minimum": 0, "description": "Lines among the last that are not JSON." },
        },
    })
}

fn stats_schema() -> Value {
    let count = |description: &str| json!({ "type": "integer", "minimum": 0, "description": description });
    let counts = |description: &str| json!({ "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 }, "description": description });
    let text = |description: &str| json!({ "type": ["string", "null"], "description": description });
    let error = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["timestamp", "event_id", "tool", "status", "error"],
        "properties": {
            "timestamp": { "type": "string", "description": "When it ended." },
            "event_id": text("The call's event id."),
            "tool": text("The tool."),
            "status": { "type": "string", "description": "refused, error or abandoned." },
            "error": text("A code."),
        },
    });
    let properties = json!({
        "total_entries": count("Calls that ended, and those that were refused before."),
        "status_breakdown": counts("Of these, by status."),
        "shard_breakdown": counts("Of these, by shard."),
        "action_category_breakdown": counts("Of these, by what the tool says of itself."),
        "top_10_tools": {
            "type": "array",
            "items": {
                "type": "array",
                "items": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
                "minItems": 2,
                "maxItems": 2,
            },
            "description": "Name and number of calls of the most called tools.",
        },
        "error_count": count("Calls that did not succeed."),
        "recent_errors": { "type": "array", "items": error, "maxItems": 10, "description": "The newest of these, oldest first." },
        "mock_mode_calls": count("Calls that were answered from mock data."),
        "crossing_breakdown": counts("What left a sandbox or asked to, by kind."),
        "refusal_breakdown": counts("Of these, what the host refused, by code."),
        "open_entries": count("Calls and crossings without an ending, this call among them."),
        "total_lines": count("Lines of the ledger."),
        "unreadable_lines": count("Lines that are not JSON, and not counted elsewhere."),
        "first_at": text("Time of the oldest line."),
        "last_at": text("Time of the newest line."),
    });
    let required: Vec<_> = properties.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}
