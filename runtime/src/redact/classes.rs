//! What a field holds of a person. A tool's schema says so (`x-nexus-class`), or else the field's name does.
//!
//! # From the schema
//!
//! `"x-nexus-class": "person"` (or `secret`, `pay`, `health`) on a property speaks for it and all below it, unless a property
//! below says otherwise; `"none"` says that a name misleads. It is looked for through `properties`, `items`, `prefixItems`,
//! `additionalProperties`, `anyOf`, `oneOf`, `allOf` and references to `$defs`.
//!
//! # From the name
//!
//! A name is read by word, as names of secrets are, and its last words decide: `manager_email` is a person's, `email_count` is not. A
//! plural's `s` and digits at the end do not matter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Secret,
    /// Who somebody is: names, addresses, numbers that stand for one person.
    Person,
    Pay,
    Health,
}

/// Classes of a tool's fields, as its schema has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    /// Of this place. `Some(None)`: none, whatever the name says.
    own: Option<Option<Class>>,
    fields: BTreeMap<String, Classes>,
    /// Of list elements, and of fields that the schema does not name.
    rest: Option<Box<Classes>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("x-nexus-class at {path:?} is {found}: expected \"secret\", \"person\", \"pay\", \"health\" or \"none\"")]
pub struct BadClass {
    path: String,
    found: String,
}

const KEYWORD: &str = "x-nexus-class";
/// References may be recursive; nobody nests fields deeper.
const DEEPEST: usize = 12;

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Person => "person",
            Self::Pay => "pay",
            Self::Health => "health",
        }
    }

    /// What a field's name says of it. Secrets have names of their own, see [`super::words`].
    pub fn of_name(name: &str) -> Option<Self> {
        let words = words::words(name);
        let ends = |rule: &&[&str]| {
            let start = words.len().checked_sub(rule.len())?;
            let tail = words.get(start..)?;
            tail.iter()
                .zip(*rule)
                .all(|(word, wanted)| word == wanted || word.strip_suffix('s') == Some(wanted))
                .then_some(())
        };
        let fits = |rules: &[&[&str]]| rules.iter().any(|rule| ends(rule).is_some());
        [(Self::Health, HEALTH), (Self::Pay, PAY), (Self::Person, PERSON)]
            .into_iter()
            .find_map(|(class, rules)| fits(rules).then_some(class))
    }
}

#[rustfmt::skip]
const PERSON: &[&[&str]] = &[
    &["email"], &["mail"], &["email", "address"], &["mail", "address"], &["upn"], &["principal", "name"], &["user", "id"], &["userid"],
    &["user", "name"], &["username"], &["login"], &["login", "name"], &["logon", "name"], &["sam", "account", "name"], &["account", "name"],
    &["sign", "in", "name"], &["display", "name"], &["first", "name"], &["last", "name"], &["given", "name"], &["family", "name"],
    &["middle", "name"], &["full", "name"], &["preferred", "name"], &["legal", "name"], &["maiden", "name"], &["person", "name"],
    &["contact", "name"], &["employee", "name"], &["worker", "name"], &["surname"], &["forename"], &["nickname"], &["firstname"], &["lastname"],
    &["phone"], &["phone", "number"], &["telephone"], &["telephone", "number"], &["mobile"], &["mobile", "number"], &["fax"], &["fax", "number"],
    &["street"], &["street", "line"], &["street", "address"], &["home", "address"], &["address", "line"], &["postal"], &["postal", "code"], &["postcode"],
    &["zip", "code"], &["zipcode"], &["employee", "id"], &["employee", "number"], &["worker", "id"], &["person", "id"], &["personnel", "number"],
    &["date", "of", "birth"], &["birth", "date"], &["birthdate"], &["birthday"], &["dob"], &["place", "of", "birth"], &["gender"], &["nationality"],
    &["ssn"], &["bsn"], &["nino"], &["national", "id"], &["social", "security", "number"], &["passport", "number"], &["tax", "id"],
    &["assignee"], &["assigned", "to"], &["requester"], &["manager"], &["last", "user"], &["owner", "name"], &["recipient"],
    &["on", "behalf", "of"], &["photo"], &["manager", "dn"],
];

#[rustfmt::skip]
const PAY: &[&[&str]] = &[
    &["salary"], &["base", "pay"], &["pay", "rate"], &["pay", "grade"], &["pay", "range", "min"], &["pay", "range", "max"], &["wage"], &["compensation"],
    &["bonus"], &["commission"], &["stipend"], &["payroll", "id"], &["iban"], &["bank", "account"], &["bank", "account", "number"], &["sort", "code"],
];

#[rustfmt::skip]
const HEALTH: &[&[&str]] = &[
    &["diagnosis"], &["diagnoses"], &["sick", "leave"], &["medical", "leave"], &["medical", "condition"], &["disability"], &["blood", "type"],
    &["medication"], &["allergy"], &["allergies"], &["pregnancy"], &["health", "condition"], &["health", "insurance", "number"],
];

impl Classes {
    pub fn of(schema: &Value) -> Result<Self, BadClass> {
        let mut classes = Self::default();
        classes.read(schema, schema, "", 0)?;
        Ok(classes)
    }

    fn read(&mut self, schema: &Value, root: &Value, path: &str, depth: usize) -> Result<(), BadClass> {
        let Some(keywords) = schema.as_object().filter(|_| depth <= DEEPEST) else { return Ok(()) };
        if let Some(found) = keywords.get(KEYWORD) {
            let bad = || BadClass { path: path.to_owned(), found: found.to_string() };
            let is_none = found.as_str() == Some("none");
            let class = if is_none { None } else { Some(Class::deserialize(found).map_err(|_| bad())?) };
            self.own = Some(class);
        }
        if let Some(to) = keywords.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#')) {
            self.read(root.pointer(to).unwrap_or(&Value::Null), root, path, depth + 1)?;
        }
        for several in ["anyOf", "oneOf", "allOf"] {
            for one in keywords.get(several).and_then(Value::as_array).into_iter().flatten() {
                self.read(one, root, path, depth + 1)?;
            }
        }
        for (name, schema) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let field = self.fields.entry(name.clone()).or_default();
            field.read(schema, root, &format!("{path}/{name}"), depth + 1)?;
        }
        let items = keywords.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        for rest in items.chain(keywords.get("items")).chain(keywords.get("additionalProperties")) {
            self.rest.get_or_insert_default().read(rest, root, &format!("{path}/*"), depth + 1)?;
        }
        Ok(())
    }

    /// The class of a field, where the container's is `above`.
    pub fn field(&self, name: &str, above: Option<Class>) -> (&Self, Option<Class>) {
        const UNKNOWN: &Classes = &Classes { own: None, fields: BTreeMap::new(), rest: None };
        let below = self.fields.get(name).or(self.rest.as_deref()).unwrap_or(UNKNOWN);
        (below, below.own.unwrap_or_else(|| above.or_else(|| Class::of_name(name))))
    }

    /// The class of a list's elements, where the list's is `above`.
    pub fn element(&self, above: Option<Class>) -> (&Self, Option<Class>) {
        let below = self.rest.as_deref().unwrap_or(self);
        (below, below.own.unwrap_or(above))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_read_by_its_last_words() {
        for (name, class) in [
            ("email", Some(Class::Person)),
            ("emails", Some(Class::Person)),
            ("managerEmail", Some(Class::Person)),
            ("user_principal_name", Some(Class::Person)),
            ("userPrincipalName", Some(Class::Person)),
            ("user_id_or_upn", Some(Class::Person)),
            ("sAMAccountName", Some(Class::Person)),
            ("displayName", Some(Class::Person)),
            ("street2", Some(Class::Person)),
            ("streetLines", Some(Class::Person)),
            ("worker-id", Some(Class::Person)),
            ("date_of_birth", Some(Class::Person)),
            ("base_salary", Some(Class::Pay)),
            ("IBAN", Some(Class::Pay)),
            ("bankAccountNumber", Some(Class::Pay)),
            ("sick_leave", Some(Class::Health)),
            ("diagnosis", Some(Class::Health)),
            // What only holds such a word, or speaks about it.
            ("email_count", None),
            ("mail_enabled", None),
            ("phone_model", None),
            ("streetview", None),
            ("blackmail", None),
            ("emailed", None),
            ("group_name", None),
            ("device_name", None),
            ("shipping_address_type", None),
            ("salary_review_date", None),
            ("host_name", None),
            ("name", None),
            ("id", None),
            ("uploads", None),
            ("", None),
        ] {
            assert_eq!(Class::of_name(name), class, "{name}");
        }
    }

    #[test]
    fn a_schema_goes_before_the_name_and_reaches_below() {
        let schema = json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "x-nexus-class": "person" },
                "email": { "type": "string", "x-nexus-class": "none" },
                "people": { "type": "array", "items": { "$ref": "#/$defs/person" } },
                "leave": { "x-nexus-class": "health", "type": "object", "properties": { "code": {}, "unit": { "x-nexus-class": "none" } } },
                "either": { "anyOf": [{ "type": "null" }, { "type": "string", "x-nexus-class": "pay" }] },
                "table": { "type": "object", "additionalProperties": { "x-nexus-class": "secret" } },
            },
            "$defs": { "person": { "type": "object", "properties": { "alias": { "x-nexus-class": "person" }, "boss": { "$ref": "#/$defs/person" } } } },
        });
        let classes = Classes::of(&schema).unwrap();
        let at = |path: &[&str]| {
            let (mut here, mut class) = (&classes, None);
            for step in path {
                (here, class) = if *step == "*" { here.element(class) } else { here.field(step, class) };
            }
            class
        };
        for (path, class) in [
            (vec!["query"], Some(Class::Person)),
            (vec!["email"], None),
            (vec!["people", "*", "alias"], Some(Class::Person)),
            (vec!["people", "*", "boss", "boss", "alias"], Some(Class::Person)),
            (vec!["people", "*", "email"], Some(Class::Person)),
            (vec!["people", "*", "colour"], None),
            (vec!["leave"], Some(Class::Health)),
            (vec!["leave", "code"], Some(Class::Health)),
            (vec!["leave", "unit"], None),
            (vec!["either"], Some(Class::Pay)),
            (vec!["table", "anything"], Some(Class::Secret)),
            (vec!["unheard", "of", "upn"], Some(Class::Person)),
        ] {
            assert_eq!(at(&path), class, "{path:?}");
        }
    }

    #[test]
    fn an_unknown_class_is_an_error_with_its_place() {
        for found in [json!("private"), json!("Person"), json!(1), json!(null), json!(["person"])] {
            let schema =
                json!({ "properties": { "list": { "items": { "properties": { "x": { "x-nexus-class": found } } } } } });
            let error = Classes::of(&schema).unwrap_err();
            assert!(error.to_string().starts_with("x-nexus-class at \"/list/*/x\" is "), "{error}");
        }
        assert_eq!(Classes::of(&json!(true)), Ok(Classes::default()));
    }
}
