//! For code scanning: SARIF 2.1.0 (OASIS).

use serde_json::{Value, json};

use super::words::line;
use super::{Review, Reviewed};
use crate::lock::{Code, Finding, Severity, visible};

pub(super) fn say(review: &Review) -> Value {
    let rules: Vec<_> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let findings =
        review.shards.iter().flat_map(|shard| shard.findings.iter().map(move |finding| result(shard, finding)));
    let untold = review.untold.iter().map(|untold| {
        json!({
            "level": "error",
            "message": { "text": visible(&format!("{}: {}", untold.name, untold.reason)) },
            "locations": [location(&untold.manifest.display().to_string(), 1)],
        })
    });
    let notes: Vec<_> = untold.collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "nexus-review",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "utf16CodeUnits",
            "invocations": [{
                "executionSuccessful": notes.is_empty(),
                "toolExecutionNotifications": notes,
            }],
            "results": findings.collect::<Vec<_>>(),
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.title() },
        "fullDescription": { "text": code.why() },
        "help": { "text": code.why() },
        "defaultConfiguration": { "level": level(code) },
    })
}

fn level(code: Code) -> &'static str {
    match code.severity() {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn result(shard: &Reviewed, finding: &Finding) -> Value {
    let index = Code::ALL.iter().position(|code| *code == finding.code);
    let text = match &finding.diff {
        None => format!("{}: {}", shard.shard, finding.what),
        Some(diff) => format!("{}: {}\n{diff}", shard.shard, finding.what),
    };
    json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": index,
        "level": level(finding.code),
        "message": { "text": text.lines().map(visible).collect::<Vec<_>>().join("\n") },
        "locations": [location(&shard.manifest.display().to_string(), line(&shard.text, &finding.at))],
        "partialFingerprints": { "nexusFinding/v1": format!("{}/{}/{}", shard.shard, finding.code, visible(&finding.what)) },
    })
}

fn location(file: &str, line: usize) -> Value {
    json!({ "physicalLocation": { "artifactLocation": { "uri": file }, "region": { "startLine": line } } })
}
