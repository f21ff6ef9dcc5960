//! JSON Schemas (2020-12) from Rust types, in the plain form that every client understands: nothing referred to from
//! elsewhere, no Rust type names, no formats only Rust knows, and objects closed.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// For the arguments of a tool: an object, even if it has no properties, and closed. The doc comment of the type itself
/// stays in the source: the tool has a description.
pub fn of_arguments<T: JsonSchema>() -> Value {
    let mut schema = generate::<T>(settings().for_deserialize().with_transform(tidy));
    schema.remove("description");
    schema.insert("type".to_owned(), json!("object"));
    schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema.to_value()
}

/// For the data of a result: every field is there, objects are closed, so a field that is not described cannot pass.
pub fn of_data<T: JsonSchema>() -> Value {
    generate::<T>(settings().for_serialize().with_transform(tidy).with_transform(close)).to_value()
}

/// For the answer to a question: clients take flat objects only.
pub fn of_answer<T: JsonSchema>() -> Value {
    generate::<T>(settings().for_deserialize().with_transform(tidy).with_transform(open)).to_value()
}

fn settings() -> SchemaSettings {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    settings
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    settings.into_generator().into_root_schema_for::<T>()
}

fn tidy(schema: &mut Schema) {
    schema.remove("title");
    if schema.get("format").and_then(Value::as_str).is_some_and(is_rust_only) {
        schema.remove("format");
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = paragraphs(text);
    }
    transform_subschemas(&mut tidy, schema);
}

fn is_rust_only(format: &str) -> bool {
    let digits = format.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let word = format.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(word, "int" | "uint" | "float" | "double") && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Source lines are not paragraphs: an empty line is.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn close(schema: &mut Schema) {
    let plain = schema.get("properties").is_some() && schema.get("additionalProperties").is_none();
    // A composed object takes its properties from several places; closing one of them would refuse the others.
    let composed = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|key| schema.get(*key).is_some());
    if plain && !composed {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    transform_subschemas(&mut close, schema);
}

fn open(schema: &mut Schema) {
    schema.remove("additionalProperties");
    transform_subschemas(&mut open, schema);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not for clients.
    #[crate::arguments]
    struct Arguments {
        /// How many rows
        /// at most.
        ///
        /// More are not read.
        #[field(range = 1..=100, default = 10)]
        limit: u32,
        /// An address.
        #[field(length = 1..=320, pattern = "^[^@]+@[^@]+$", class = person)]
        mail: Option<String>,
    }

    #[crate::data]
    struct Row {
        /// A name.
        #[field(class = person)]
        name: Option<String>,
        state: State,
        title: u64,
    }

    #[crate::data]
    #[serde(rename_all = "snake_case")]
    enum State {
        AtRisk,
    }

    #[test]
    fn limits_defaults_classes_and_doc_comments_are_in_the_schema() {
        assert_eq!(
            of_arguments::<Arguments>(),
            json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "limit": {
                        "type": "integer", "minimum": 1, "maximum": 100, "default": 10,
                        "description": "How many rows at most.\n\nMore are not read.",
                    },
                    "mail": {
                        "type": ["string", "null"], "minLength": 1, "maxLength": 320, "pattern": "^[^@]+@[^@]+$",
                        "description": "An address.", "x-nexus-class": "person",
                    },
                },
            })
        );
    }

    #[test]
    fn every_field_of_a_result_is_required_and_no_other_may_come() {
        assert_eq!(
            of_data::<Row>(),
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["name", "state", "title"],
                "properties": {
                    "name": { "type": ["string", "null"], "description": "A name.", "x-nexus-class": "person" },
                    "state": { "type": "string", "enum": ["at_risk"] },
                    "title": { "type": "integer", "minimum": 0 },
                },
            })
        );
        let row = Row { name: None, state: State::AtRisk, title: 1 };
        assert_eq!(serde_json::to_string(&row).unwrap(), r#"{"name":null,"state":"at_risk","title":1}"#);
    }

    #[test]
    fn a_tool_without_arguments_takes_an_empty_object() {
        assert_eq!(
            of_arguments::<crate::NoArguments>(),
            json!({ "type": "object", "properties": {}, "additionalProperties": false })
        );
    }

    #[test]
    fn unknown_arguments_are_refused() {
        assert!(serde_json::from_str::<Arguments>(r#"{"limit":5}"#).is_ok());
        assert_eq!(serde_json::from_str::<Arguments>("{}").unwrap().limit, 10);
        assert!(serde_json::from_str::<Arguments>(r#"{"limits":5}"#).is_err());
    }
}
