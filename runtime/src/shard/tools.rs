//! The tools that a component lists, checked, and what judges their arguments and results. All of it is made when the shard
//! is loaded, so whoever reviews a shard is told of a bad schema, and not only whoever serves it.

use std::sync::Arc;

use crate::manifest::Manifest;
use crate::names::ToolName;
use crate::redact::Classes;
use crate::schema::{Judge, Schema};
use crate::tool::Tool;

use super::{BadTool, imports::ListedTool};

/// What the two schemas of a tool are called in messages, as in the contract.
pub(super) const INPUT_SCHEMA: &str = "input-schema";
pub(super) const OUTPUT_SCHEMA: &str = "output-schema";

/// Patterns of all schemas of one shard, and values with what references lead to: each is compiled, and nobody may have
/// approved the shard yet.
const MAX_PATTERNS: usize = 1_000;
const MAX_COMPILED: usize = 400_000;

/// What a tool's schemas say of its arguments and its results, ready for calls.
#[derive(Clone)]
pub struct ToolJudges {
    /// Classes of its arguments, and of its results.
    pub asked: Arc<Classes>,
    pub told: Arc<Classes>,
    pub input: Judge,
    pub output: Option<Judge>,
}

/// The tools, sorted by name, if each may be there.
pub(super) fn checked(mut listed: Vec<ListedTool>, manifest: &Manifest) -> Result<Vec<ListedTool>, BadTool> {
    if listed.is_empty() {
        return Err(BadTool::None);
    }
    listed.sort_by(|a, b| a.tool.name.cmp(&b.tool.name));
    let names = || listed.iter().map(|listed| &listed.tool.name);
    let prefixed = |name: &&ToolName| manifest.tools_prefix.iter().any(|prefix| name.as_str().starts_with(&**prefix));
    if let Some(name) = names().find(|name| !prefixed(name)) {
        return Err(BadTool::Prefix(name.clone()));
    }
    let bound = manifest.egress.iter().filter_map(|grant| grant.tools.as_ref());
    let searching = manifest.directories.iter().filter_map(|grant| grant.tools.as_ref());
    let probing = manifest.health.iter().map(|probe| &probe.tool);
    let mut bound = bound.chain(searching).flatten().chain(probing);
    if let Some(unlisted) = bound.find(|bound| names().all(|name| name != *bound)) {
        return Err(BadTool::Unlisted(unlisted.clone()));
    }
    if let Some((name, _)) = names().zip(names().skip(1)).find(|(a, b)| a == b) {
        return Err(BadTool::Twice(name.clone()));
    }
    Ok(listed)
}

/// Makes the judges of each tool. That may take seconds, so it is nothing for a thread that serves.
pub(super) fn judged(listed: Vec<ListedTool>) -> Result<Vec<(Tool, ToolJudges)>, BadTool> {
    let schemas = || listed.iter().flat_map(|listed| std::iter::once(&listed.input).chain(&listed.output));
    for (what, most, found) in [
        ("patterns", MAX_PATTERNS, schemas().map(|schema| schema.graph().n_patterns()).sum::<usize>()),
        ("values to follow", MAX_COMPILED, schemas().map(|schema| schema.graph().n_compiled()).sum()),
    ] {
        if found > most {
            return Err(BadTool::Compiled { what, most });
        }
    }
    listed.into_iter().map(judges).collect()
}

fn judges(listed: ListedTool) -> Result<(Tool, ToolJudges), BadTool> {
    let ListedTool { tool, input, output } = listed;
    let of = |which: &'static str, schema: &Schema| {
        let bad = |why: String| BadTool::Schema { tool: tool.name.clone(), which, why };
        let classes = Arc::new(Classes::of(schema).map_err(|error| bad(error.to_string()))?);
        Ok::<_, BadTool>((classes, Judge::new(schema).map_err(|error| bad(error.to_string()))?))
    };
    let (asked, input) = of(INPUT_SCHEMA, &input)?;
    let output = output.map(|schema| of(OUTPUT_SCHEMA, &schema)).transpose()?;
    let (told, output) = output.map_or_else(Default::default, |(told, judge)| (told, Some(judge)));
    Ok((tool, ToolJudges { asked, told, input, output }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::{Annotations, Category};

    fn listed(n: usize, schema: &Value) -> Vec<ListedTool> {
        let tool = |n: usize| {
            let input = Schema::read(schema.clone()).unwrap();
            let tool = Tool {
                name: ToolName::parse(&format!("some_tool_{n}")).unwrap(),
                title: String::new(),
                description: String::new(),
                input_schema: input.as_value().clone(),
                output_schema: None,
                category: Category::Read,
                annotations: Annotations { read_only: true, destructive: false, idempotent: true, open_world: true },
            };
            ListedTool { tool, input, output: None }
        };
        (0..n).map(tool).collect()
    }

    #[test]
    fn what_the_schemas_of_a_shard_make_the_host_compile_is_bounded_together() {
        let patterns = |n: usize| json!({ "allOf": vec![json!({ "pattern": "a" }); n] });
        let mut most = listed(10, &patterns(100));
        assert_eq!(judged(listed(10, &patterns(100))).unwrap().len(), 10);
        most.extend(listed(1, &patterns(1)));
        assert!(matches!(judged(most), Err(BadTool::Compiled { what: "patterns", most: MAX_PATTERNS })));

        // The schema itself, the list and its values.
        let values = |n: usize| json!({ "enum": vec![json!(1); n - 2] });
        let mut most = listed(20, &values(20_000));
        assert_eq!(judged(listed(20, &values(20_000))).unwrap().len(), 20);
        most.extend(listed(1, &json!({})));
        assert!(matches!(judged(most), Err(BadTool::Compiled { what: "values to follow", most: MAX_COMPILED })));
    }
}
