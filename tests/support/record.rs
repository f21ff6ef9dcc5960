//! The ledger as a story: what ended, how, and that every line of it is in order.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::Nexus;
use super::spellings::assert_no_secret;

/// How everything ended, in the order in which it did: `token 200`, `egress 200`, `call success`,
/// `egress error unreachable`, `call refused unrecorded`.
///
/// Checked on the way: the chain holds, each entry was asked before it ended and ended once, what left during a call has
/// the call as its parent, and no line holds a secret.
pub fn record(nexus: &Nexus) -> Vec<String> {
    let verified = nexus.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    assert_no_secret("the ledger", &fs::read(nexus.ledger_file()).unwrap());
    let mut asked: BTreeMap<String, Value> = BTreeMap::new();
    let mut told = Vec::new();
    for line in nexus.ledger() {
        let id = line["event_id"].as_str().unwrap().to_owned();
        match line["phase"].as_str() {
            Some("asked") => {
                if line["kind"] != "call" {
                    let parent = line["parent_id"].as_str().unwrap_or_else(|| panic!("no parent: {line}"));
                    assert_eq!(asked[parent]["kind"], "call", "{line}");
                    assert_eq!(asked[parent]["tool"], line["tool"], "{line}");
                }
                assert!(asked.insert(id, line).is_none());
            }
            Some(_) => {
                let before = asked.get(&id).unwrap_or_else(|| panic!("not asked: {line}"));
                for same in ["kind", "parent_id", "shard", "tool", "mock_mode", "principal"] {
                    assert_eq!(before[same], line[same], "{line}");
                }
                told.push(story(&line));
            }
            None if line["kind"] == "call" => told.push(story(&line)),
            None => {}
        }
    }
    told
}

fn story(line: &Value) -> String {
    let kind = line["kind"].as_str().unwrap();
    if let Some(status) = line["upstream_status"].as_u64() {
        return format!("{kind} {status}");
    }
    let words = [&line["status"], &line["refusal"], &line["error_type"]];
    let words: Vec<_> = words.iter().filter_map(|word| word.as_str()).collect();
    format!("{kind} {}", words.join(" "))
}
