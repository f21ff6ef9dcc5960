//! A JSON Schema as lines that a person can compare: one for each place, with everything that the schema says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::redact::Class;
use crate::schema::MAX_NESTING;

/// References may be recursive, and nobody nests deeper.
const DEEPEST: usize = 24;

/// Such as `accounts[].email?: string|null {"x-nexus-class":"person"} Mail address.` Nothing is left out, so two schemas
/// with the same lines say the same.
pub(super) fn outline(schema: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    walk(schema, "", 0, &mut lines);
    lines
}

fn walk(schema: &Value, place: &str, depth: usize, lines: &mut Vec<String>) {
    let shown = if place.is_empty() { "." } else { place };
    let Some(keywords) = schema.as_object().filter(|_| depth <= DEEPEST) else {
        return lines.push(format!("{shown}: {schema}"));
    };
    let mut line = format!("{shown}:");
    if let Some(kind) = keywords.get("type") {
        let kinds = kind.as_array().map_or_else(|| vec![kind], |kinds| kinds.iter().collect());
        let text = |kind: &Value| kind.as_str().map_or_else(|| kind.to_string(), str::to_owned);
        line += &format!(" {}", kinds.into_iter().map(text).collect::<Vec<_>>().join("|"));
    }
    let required: BTreeSet<&str> =
        keywords.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = keywords.get("properties").and_then(Value::as_object);
    let mut rest: Map<String, Value> = keywords.clone();
    // What has another form than these have stays, and is shown as it is.
    for (below, is_shown_elsewhere) in [
        ("type", true),
        ("description", true),
        ("items", true),
        ("properties", properties.is_some()),
        ("$defs", keywords.get("$defs").is_none_or(Value::is_object)),
        (
            "required",
            keywords.get("required").and_then(Value::as_array).is_none_or(|all| all.iter().all(Value::is_string)),
        ),
    ] {
        if is_shown_elsewhere {
            rest.remove(below);
        }
    }
    // Names that are required and nowhere described.
    let unknown: Vec<_> =
        required.iter().filter(|name| !properties.is_some_and(|all| all.contains_key(**name))).collect();
    if !unknown.is_empty() {
        rest.insert("required".to_owned(), unknown.into_iter().map(|name| Value::from(*name)).collect());
    }
    let branches: Vec<_> =
        ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| Some((key, rest.remove(key)?))).collect();
    if !rest.is_empty() {
        rest.sort_keys();
        line += &format!(" {}", Value::Object(rest));
    }
    if let Some(description) = keywords.get("description") {
        line += &format!(" {}", description.as_str().map_or_else(|| description.to_string(), str::to_owned));
    }
    lines.push(line);
    for (name, schema) in properties.into_iter().flatten() {
        let dot = if place.is_empty() { "" } else { "." };
        let need = if required.contains(name.as_str()) { "" } else { "?" };
        walk(schema, &format!("{place}{dot}{name}{need}"), depth + 1, lines);
    }
    if let Some(items) = keywords.get("items") {
        walk(items, &format!("{place}[]"), depth + 1, lines);
    }
    for (key, value) in branches {
        match value.as_array() {
            Some(all) => {
                for (n, one) in all.iter().enumerate() {
                    walk(one, &format!("{place}<{key} {n}>"), depth + 1, lines);
                }
            }
            None => lines.push(format!("{shown}<{key}>: {value}")),
        }
    }
    for (name, schema) in keywords.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        walk(schema, &format!("{place}#{name}"), depth + 1, lines);
    }
}

/// What results say of persons: names of fields by class, from the schema's own words or else from the field's name.
pub(super) fn personal_fields(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut fields = BTreeMap::new();
    personal(schema, 0, &mut fields);
    fields
}

fn personal(schema: &Value, depth: usize, fields: &mut BTreeMap<String, BTreeSet<String>>) {
    // A schema that was taken in is nested no deeper, so nothing is left out.
    if depth > MAX_NESTING {
        return;
    }
    if let Some(several) = schema.as_array() {
        several.iter().for_each(|one| personal(one, depth + 1, fields));
    }
    let Some(all) = schema.as_object() else { return };
    for (name, property) in all.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let class = match property.get("x-nexus-class").and_then(Value::as_str) {
            Some("none") => None,
            Some(class) => Some(class.to_owned()),
            None => Class::of_name(name).map(|class| class.as_str().to_owned()),
        };
        if let Some(class) = class {
            fields.entry(class).or_default().insert(name.clone());
        }
    }
    all.values().for_each(|value| personal(value, depth + 1, fields));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_personal_field_is_shown_at_any_depth_that_a_schema_may_have() {
        let mut schema = json!({ "properties": { "email": {} } });
        // Two values for each step.
        while crate::schema::Schema::read(json!({ "properties": { "below": schema } })).is_ok() {
            schema = json!({ "properties": { "below": schema } });
        }
        assert_eq!(personal_fields(&schema)["person"], BTreeSet::from(["email".to_owned()]));
    }
}
