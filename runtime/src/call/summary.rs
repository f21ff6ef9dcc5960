//! What the ledger says of arguments: names, kinds and sizes. Values do not belong in a record that cannot be erased, but for
//! numbers and switches, which say what was asked for and name nobody; and persons, who are pseudonyms there.

use serde_json::Value;

use crate::audit::Scrubbed;
use crate::redact::{Class, Classes, ClassesAt, Pseudonym, Pseudonyms};

/// So many arguments are named, so many persons of one list, and so many of a call.
const MOST_NAMES: usize = 32;
const MOST_OF_A_LIST: usize = 8;
const MOST_SUBJECTS: usize = 64;

pub(super) struct Summary {
    pub(super) text: Scrubbed,
    /// Whom the arguments name, each once.
    pub(super) subjects: Vec<Pseudonym>,
}

impl Summary {
    pub(super) fn of(arguments: &Value, schema: &Value, classes: &Classes, persons: Option<&Pseudonyms>) -> Self {
        // A name that the schema does not know is free text: it is refused, and not recorded.
        let known = |name: &str| schema.get("properties").is_some_and(|known| known.get(name).is_some());
        let (mut parts, mut subjects) = (Vec::new(), Vec::new());
        for (name, value) in arguments.as_object().into_iter().flatten().take(MOST_NAMES) {
            if !known(name) {
                parts.push(format!("?={}", kind(value, None)));
                continue;
            }
            let (below, class) = classes.top().field(name, None);
            let mut found = Vec::new();
            if let Some(persons) = persons {
                gather(value, below, class, persons, &mut found);
            }
            let told = match (value, found.as_slice()) {
                (Value::Array(_), [_, ..]) => {
                    let some: Vec<_> = found.iter().take(MOST_OF_A_LIST).map(ToString::to_string).collect();
                    format!("{}[{}]", kind(value, class), some.join(" "))
                }
                (Value::Object(_), _) | (_, []) => kind(value, class),
                (_, [one, ..]) => one.to_string(),
            };
            parts.push(format!("{name}={told}"));
            subjects.extend(found);
        }
        subjects.sort_unstable();
        subjects.dedup();
        subjects.truncate(MOST_SUBJECTS);
        Self { text: Scrubbed::already_scrubbed(parts.join(" ")), subjects }
    }
}

fn kind(value: &Value, class: Option<Class>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        // A number may stand for a person, or be a wage.
        Value::Number(_) if class.is_some() => "number".to_owned(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => format!("string({})", text.chars().count()),
        Value::Array(items) => format!("array({})", items.len()),
        Value::Object(fields) => format!("object({})", fields.len()),
    }
}

/// Every person in a value, in its order.
fn gather(value: &Value, at: ClassesAt<'_>, class: Option<Class>, persons: &Pseudonyms, found: &mut Vec<Pseudonym>) {
    if found.len() >= MOST_SUBJECTS {
        return;
    }
    match value {
        Value::String(text) if class == Some(Class::Person) && !text.is_empty() => found.push(persons.of(text)),
        Value::Number(number) if class == Some(Class::Person) => found.push(persons.of(&number.to_string())),
        Value::Array(items) => {
            for item in items {
                let (below, class) = at.element(class);
                gather(item, below, class, persons, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let (below, class) = at.field(name, class);
                gather(value, below, class, persons, found);
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(arguments: &Value, persons: Option<&Pseudonyms>) -> (String, usize) {
        let schema = json!({ "properties": {
            "email": {}, "emails": {}, "limit": {}, "worker_id": {}, "salary": {}, "filter": {}, "title": {}, "active": {},
        } });
        let classes = Classes::of(&crate::schema::Schema::read(schema.clone()).unwrap()).unwrap();
        let summary = Summary::of(arguments, &schema, &classes, persons);
        (summary.text.as_str().to_owned(), summary.subjects.len())
    }

    #[test]
    fn a_person_is_a_pseudonym_and_everything_else_a_kind() {
        let key = Pseudonyms::new([7; 32]);
        let (anna, bob) = (key.of("anna@nexus.corp"), key.of("bob@nexus.corp"));
        for (arguments, text, n_subjects) in [
            (json!({ "email": "Anna@nexus.corp", "limit": 5 }), format!("email={anna} limit=5"), 1),
            (
                json!({ "emails": ["anna@nexus.corp", "bob@nexus.corp", "ANNA@nexus.corp"] }),
                format!("emails=array(3)[{anna} {bob} {anna}]"),
                2,
            ),
            (json!({ "worker_id": 21042 }), format!("worker_id={}", key.of("21042")), 1),
            (
                json!({ "salary": 50000, "active": true, "title": null }),
                "salary=number active=true title=null".to_owned(),
                0,
            ),
            (
                json!({ "filter": { "manager": { "email": "bob@nexus.corp" }, "city": "Utrecht" } }),
                "filter=object(2)".to_owned(),
                1,
            ),
            (json!({ "title": "anna@nexus.corp" }), "title=string(15)".to_owned(), 0),
            (json!({ "anna@nexus.corp": "anna@nexus.corp" }), "?=string(15)".to_owned(), 0),
            (json!({ "email": "" }), "email=string(0)".to_owned(), 0),
            (json!("anna@nexus.corp"), String::new(), 0),
        ] {
            assert_eq!(summary(&arguments, Some(&key)), (text, n_subjects), "{arguments}");
        }
        let without = summary(&json!({ "email": "anna@nexus.corp", "worker_id": 21042 }), None);
        assert_eq!(without, ("email=string(15) worker_id=number".to_owned(), 0));
        let many: Vec<_> = (0..500).map(|n| format!("{n}@nexus.corp")).collect();
        let (text, n_subjects) = summary(&json!({ "emails": many }), Some(&key));
        assert!(text.len() < Scrubbed::MAX && n_subjects == MOST_SUBJECTS, "{text}");
    }
}
